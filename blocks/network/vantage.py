"""Is a site gone, or is it our own network?

The worker's own look at a site: a TCP connection to each of its addresses, and to others that have nothing to do
with it. The rule: nobody is believed who sees nothing at all; a site is gone from here only when none of its
addresses answered and something elsewhere did.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from blocks.network.names import host_and_port
from blocks.ports.network import Routes
from blocks.ports.recovery import Sighting

_PATIENCE_S = 3.0
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class WorkerVantage:
    """Looks from where the worker runs. `elsewhere` are addresses (host:port) outside every site that is looked at."""

    routes: Routes
    elsewhere: Sequence[str]
    name: str = "the worker"
    patience_s: float = _PATIENCE_S

    def sight(self, site: str, addresses: Sequence[str]) -> Sighting:
        """One look, in a few seconds whatever happens."""
        asked = tuple(dict.fromkeys((*addresses, *self.elsewhere)))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answered = {address for address, there in zip(asked, pool.map(self._answers, asked), strict=True) if there}
        here = [address for address in addresses if address in answered]
        sure = bool(here) or bool(answered)
        return Sighting(
            vantage=self.name, site=site, gone=sure and not here, sure=sure, text=self._said(site, addresses, answered)
        )

    def _answers(self, address: str) -> bool:
        try:
            socket.create_connection(self.routes.lead(*host_and_port(address, 443)), self.patience_s).close()
        except OSError:
            return False
        return True

    def _said(self, site: str, addresses: Sequence[str], answered: set[str]) -> str:
        here, there = len(answered & set(addresses)), len(answered & set(self.elsewhere))
        seen = f"{here} of {len(addresses)} addresses of {site} answer {self.name}"
        if here or there:
            return f"{seen}, and {there} of {len(self.elsewhere)} elsewhere"
        return f"{seen}, and nothing elsewhere does either: it may be blind"
