"""Where does each part of vigie live, that a move of this platform needs?

The catalogue declares it (`control_plane`), because an address says no place. Two addresses are held against it all the
same: a journal or a Prefect server whose host is one of a site's own hosts lives in that site, whatever is declared.
The rule: a part that nobody declared is not known, and is said so.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from blocks.catalogue.model import Platform
from blocks.catalogue.recovery import ControlPart
from tasks.recovery.looking import addresses_of


def places_of(platform: Platform) -> dict[str, str]:
    """Part -> the site or place where it lives, empty where nobody knows."""
    return place_parts(platform, hosts_in_use())


def place_parts(platform: Platform, hosts: Mapping[ControlPart, str]) -> dict[str, str]:
    """The same, by the hosts of those parts whose address we use; pure."""
    site_of = {address.rpartition(":")[0]: site for site in platform.sites for address in addresses_of(platform, site)}
    return {
        part.value: site_of.get(hosts.get(part, ""), "") or platform.control_plane.get(part, "") for part in ControlPart
    }


def hosts_in_use() -> dict[ControlPart, str]:
    """The hosts of the journal and of the Prefect server that this very run speaks to."""
    from prefect.settings import PREFECT_API_URL
    from psycopg.conninfo import conninfo_to_dict

    from blocks.journal.opening import configured_dsn

    journal = str(conninfo_to_dict(configured_dsn()).get("host") or "")
    server = urlsplit(str(PREFECT_API_URL.value() or "")).hostname or ""
    return {ControlPart.JOURNAL: journal, ControlPart.PREFECT_SERVER: server}
