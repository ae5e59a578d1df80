"""Where does a name lead, and whom do we trust on the way?

Catalogue and checks always use a service's real names; `Routes` says where else to connect for some
of them (as curl's --connect-to does), so that the sandbox differs from production by address and
certificate authority only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Routes:
    """`connect_to` maps "host:port" to "address:port"; names not in it are resolved as usual.

    `ca_file` is a PEM file with the authorities to trust instead of the system's, or None.
    """

    connect_to: Mapping[str, str] = field(default_factory=dict)
    ca_file: str | None = None

    def lead(self, host: str, port: int) -> tuple[str, int]:
        """Where to open the connection for host and port. TLS names stay those of `host`."""
        target = self.connect_to.get(f"{host.lower()}:{port}")
        if target is None:
            return host, port
        address, _, number = target.rpartition(":")
        return address, int(number)
