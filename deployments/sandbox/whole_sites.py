"""Which site is meant, when somebody says that the primary one goes dark, and how does a whole site break?

A site is called by its name in the catalogue or by its role there. Roles stay: after a move the site that
clients left is still the primary one, it is only not active. What breaks only the interface of its cloud is
no break of the site.
"""

from __future__ import annotations

from blocks.catalogue.model import Catalogue
from blocks.errors import Refused
from deployments.sandbox.faults import FAULTS, Cut

WAYS = ("kill", "partition")
"""How a site is broken as a whole; every other way of its line is one of its cloud's interface."""


def named_site(catalogue: Catalogue, said: str) -> str:
    """The name of the site with that name or role. Raises `Refused` unless it is exactly one that can go dark."""
    sites = [site for platform in catalogue.platforms.values() for site in platform.sites.values() if _whole(site.name)]
    found = sorted({site.name for site in sites if said in (site.name, site.role)})
    if len(found) != 1:
        known = ", ".join(sorted({f"{site.name} ({site.role})" for site in sites}))
        several = (
            f"{said!r} is {' and '.join(found)}" if found else f"the sandbox has no site {said!r} that can go dark"
        )
        raise Refused(several, next_step=f"choose among {known}")
    return found[0]


def require_whole(site: str, how: str) -> None:
    """Raises `Refused` with what is possible, unless `how` breaks all of the site."""
    if how in WAYS:
        return
    raise Refused(
        f"{site} as a whole cannot be broken by {how!r}" if how else f"it is not said how {site} is to be broken",
        next_step=f"--how {' or '.join(WAYS)}; of its cloud's interface alone: vigie sandbox break {site} --how "
        + " or ".join(each for each in FAULTS[site] if each not in WAYS),
    )


def _whole(site: str) -> bool:
    """Can it be broken as a whole?"""
    return any(isinstance(action, Cut) for actions in FAULTS.get(site, {}).values() for action in actions)
