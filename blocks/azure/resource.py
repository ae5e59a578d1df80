"""Which resource is meant?

The catalogue gives Azure's own address of it; the rule: a wrong address is a fault of the catalogue,
said as such, before anything is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from blocks.errors import Broken
from blocks.ports.health import MissingCode

_ADDRESS = re.compile(
    r"^/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/(?P<type>[^/]+/[^/]+)/(?P<name>[^/]+)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AzureResource:
    """A resource by its address; `type` is in lower case, because Azure's casing wanders."""

    id: str
    subscription: str
    group: str
    type: str
    name: str

    @classmethod
    def parse(cls, address: str, service: str) -> AzureResource:
        """From '/subscriptions/.../providers/Microsoft.Web/sites/x'. Raises Broken."""
        match = _ADDRESS.match(address)
        if match is None:
            raise Broken(
                f"{address!r} is not the address of an Azure resource",
                where=f"service {service}",
                next_step="copy the resource id from the Azure portal (Properties) into the catalogue",
                code=MissingCode.PROBE_FAILED,
            )
        return cls(address, match["subscription"], match["group"], match["type"].lower(), match["name"])

    def __str__(self) -> str:
        """Short enough for a message: type and name."""
        return f"{self.type}/{self.name}"
