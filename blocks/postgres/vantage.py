"""Is a site gone for the database host of another site?

The second place that looks: where the platform would go. It has its own network, so that what is down there is not
what is down here. The rule of every vantage point: who sees nothing elsewhere is not believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blocks.errors import VigieError
from blocks.ports.recovery import Sighting
from blocks.postgres.host import HostDoor


@dataclass(frozen=True, slots=True)
class HostVantage:
    """Looks through a database host's door. `elsewhere` are addresses outside both sites that its host may look at."""

    door: HostDoor
    elsewhere: Sequence[str]

    def sight(self, site: str, addresses: Sequence[str]) -> Sighting:
        """One look. A door that does not answer is a vantage point that is not sure."""
        name = f"the database host {self.door.address}"
        try:
            answers = self.door.look(tuple(dict.fromkeys((*addresses, *self.elsewhere))))
        except VigieError as error:
            return Sighting(vantage=name, site=site, gone=False, sure=False, text=f"{name} cannot look: {error}")
        here = sum(answers.get(address, False) for address in addresses)
        there = sum(answers.get(address, False) for address in self.elsewhere)
        text = f"{here} of {len(addresses)} addresses of {site} answer {name}, and {there} elsewhere"
        return Sighting(vantage=name, site=site, gone=not here and bool(there), sure=bool(here or there), text=text)
