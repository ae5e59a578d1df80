"""How does a client of the sandbox find what a name stands for?

As any client does: it asks the name server and keeps the answer for as long as that says. The addresses are those
of production (documentation ranges), so what stands at an address is looked up here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import dns.asyncquery
import dns.exception
import dns.message
import dns.rdatatype
import dns.rdtypes.IN.A

from deployments.sandbox.household import DATABASES
from deployments.sandbox.state import State

_PATIENCE_S = 2.0
ADDRESSED = {"192.0.2.20": DATABASES["azure-west"], "198.51.100.20": DATABASES["dc-west"]}
"""Address -> the real name, with its port, of the database that is there."""


class UnresolvedError(Exception):
    """The name cannot be resolved now; the text says why."""


@dataclass
class Resolver:
    """Resolves by the sandbox's name server, and honours the time to live."""

    state: State
    _kept: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])

    async def resolve(self, name: str) -> str:
        """The address of a name. Raises `UnresolvedError`."""
        address, until = self._kept.get(name, ("", 0.0))
        if time.monotonic() >= until:
            address, ttl_s = await self._ask(name)
            self._kept[name] = (address, time.monotonic() + ttl_s)
        return address

    async def _ask(self, name: str) -> tuple[str, float]:
        server, _, port = self.state.address("nameserver").rpartition(":")
        if not server:
            raise UnresolvedError("there is no name server")
        question = dns.message.make_query(name, dns.rdatatype.A)
        try:
            answer = await dns.asyncquery.udp(question, server, timeout=_PATIENCE_S, port=int(port))
        except (dns.exception.DNSException, OSError) as error:
            raise UnresolvedError(f"the name server does not answer: {type(error).__name__}") from error
        for found in answer.answer:
            for record in found:
                if isinstance(record, dns.rdtypes.IN.A.A):
                    return str(record.address), float(found.ttl)
        raise UnresolvedError(f"{name} has no address")
