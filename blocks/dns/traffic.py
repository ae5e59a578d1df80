"""To which site does a name lead, and how is it changed without overwriting anybody?

The `Traffic` port over one record of one zone: RFC 2136 changes, signed with TSIG, over TCP.

    baseline   the values that stood there, their time to live and the zone's serial
    act        one message: "only if exactly those values still stand there, replace them by ours" (RFC 2136, 2.4.2)
    evidence   our value stands there, and the serial is not the baseline's
    goal       our value stands there, and nothing beside it

The rule: a name has one value. It leads to one site, or somebody else changed it; a value that is no site's is never
overwritten, and what changed between the look and the act is refused by the server itself.

What remains: somebody who changes the record to our value meanwhile is taken for us.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.update

from blocks.dns.wire import exchange
from blocks.errors import Broken, Refused
from blocks.ports.changes import Change, Evidence, EvidenceKind, Mark, Patience, Seen
from blocks.ports.recovery import Traffic

if TYPE_CHECKING:
    from blocks.catalogue.recovery import DnsSwitch
    from blocks.clock import Clock
    from blocks.dns.block import TsigKey
    from blocks.ports.network import Routes

_ALL = 100
_PATIENCE = Patience(every=timedelta(seconds=1), at_most=timedelta(minutes=1), shows_within=timedelta(seconds=3))


def open_traffic(
    switch: DnsSwitch, reader: object, operator: Callable[[], TsigKey], *, routes: Routes, clock: Clock
) -> Traffic:
    """The switch of one record. Questions need no credential; `operator` gives the key, only when it is changed."""
    del reader, clock  # the server's serial is compared, never a time
    return DnsTraffic(switch, operator, routes)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the server serves now: the values as they are written in zone files, sorted."""

    values: tuple[str, ...]
    ttl_s: int
    serial: int

    @property
    def text(self) -> str:
        return " and ".join(self.values) or "nothing"


@dataclass(frozen=True, slots=True)
class DnsTraffic:
    """One record that leads to one site."""

    switch: DnsSwitch
    operator: Callable[[], TsigKey]
    routes: Routes

    def read_shares(self) -> Mapping[str, int]:
        """100 for the site whose value stands there, 0 for the others. Raises `Refused` when it is no site's."""
        leads_to = self.site_of(self.standing())
        return {site: _ALL if site == leads_to else 0 for site in self.switch.values}

    def shift(self, shares: Mapping[str, int]) -> Change:
        """Lead to the site with 100. Raises `Refused` for any other share: a name cannot send some of the clients."""
        wanted = [site for site, share in shares.items() if share == _ALL]
        others = [site for site, share in shares.items() if share not in {0, _ALL}]
        if len(wanted) != 1 or others or wanted[0] not in self.switch.values:
            asked = ", ".join(f"{site} {share} %" for site, share in shares.items())
            raise Refused(
                f"{self.switch.record} can lead to one site as a whole, and was asked for {asked or 'nothing'}",
                where=self.where,
                next_step=f"ask for 100 % of one of {', '.join(self.switch.values)}, or use a switch with weights",
                code="precondition",
            )
        return RecordChange(self, wanted[0])

    def close(self) -> Change:
        """Refused: who asks for a name that leads nowhere remembers that too, and longer than an address."""
        raise Refused(
            f"{self.switch.record} must always lead somewhere",
            where=self.where,
            next_step="lead it to the other site, or use a switch with weights",
            code="precondition",
        )

    def clients_follow_within(self) -> timedelta:
        """The time to live that is served now."""
        return timedelta(seconds=self.standing().ttl_s)

    def entrances(self) -> Mapping[str, str]:
        """Site -> its value."""
        return dict(self.switch.values)

    @property
    def where(self) -> str:
        """For people."""
        return f"name server {self.switch.server}, {self.switch.record}"

    def standing(self) -> Standing:
        """Asked of the server that is changed, never of a resolver that remembers. Raises the three errors."""
        record, kind = dns.name.from_text(self.switch.record), dns.rdatatype.from_text(self.switch.type)
        found = self._ask(self.switch.record, self.switch.type).get_rrset(
            dns.message.ANSWER, record, dns.rdataclass.IN, kind
        )
        zone = dns.name.from_text(self.switch.zone)
        soa = self._ask(self.switch.zone, "SOA").get_rrset(
            dns.message.ANSWER, zone, dns.rdataclass.IN, dns.rdatatype.SOA
        )
        if soa is None:
            raise self._not_its_zone()
        values = sorted(item.to_text() for item in found) if found else []
        head: Any = soa[0]
        return Standing(tuple(values), found.ttl if found else 0, int(head.serial))

    def value_of(self, site: str) -> dns.rdata.Rdata:
        """The value of a site, whole: names end in a dot."""
        kind = dns.rdatatype.from_text(self.switch.type)
        return dns.rdata.from_text(
            dns.rdataclass.IN, kind, self.switch.values[site], origin=dns.name.root, relativize=False
        )

    def site_of(self, standing: Standing) -> str:
        """The site that it leads to. Raises `Refused` when it leads to none, or to several."""
        for site in self.switch.values:
            if standing.values == (self.value_of(site).to_text(),):
                return site
        known = ", ".join(f"{value} ({site})" for site, value in self.switch.values.items())
        raise Refused(
            f"{self.switch.record} leads to {standing.text}, which is no site's value; known are {known}",
            where=self.where,
            next_step="find out who changed it and why; put one of the known values there, then retry",
            code="precondition",
        )

    def _ask(self, name: str, kind: str) -> dns.message.Message:
        question = dns.message.make_query(name, kind)
        question.flags &= ~dns.flags.RD
        reply = exchange(question, self.switch.server, self.routes, self.where)
        if not reply.flags & dns.flags.AA:
            raise self._not_its_zone()
        return reply

    def _not_its_zone(self) -> Broken:
        return Broken(
            f"{self.switch.server} does not serve zone {self.switch.zone} itself",
            where=self.where,
            next_step="name the primary name server of the zone in the recovery plan",
        )


@dataclass(frozen=True, slots=True)
class RecordChange:
    """The record, led to `site`."""

    by: DnsTraffic
    site: str

    @property
    def text(self) -> str:
        """For people."""
        return f"lead {self.by.switch.record} to {self.site} ({self._ours})"

    @property
    def repeatable(self) -> bool:
        """Harmless twice, and never needed: the serial is evidence enough."""
        return False

    @property
    def patience(self) -> Patience:
        return _PATIENCE

    def check(self) -> None:
        """Raises `Refused` when a value stands there that is no site's, so that nobody is overwritten."""
        self.by.site_of(self.by.standing())

    def read_baseline(self) -> Mapping[str, str]:
        """`{"values": "192.0.2.20", "ttl": "30", "serial": "2026112801"}`."""
        now = self.by.standing()
        return {"values": " ".join(now.values), "ttl": str(now.ttl_s), "serial": str(now.serial)}

    def find_evidence(self, mark: Mark) -> Evidence | None:
        """Ours stands there, in a zone whose serial is not the baseline's."""
        _, serial = self._baseline(mark)
        now = self.by.standing()
        if now.values != (self._ours,) or now.serial == serial:
            return None
        text = f"{self.by.switch.record} leads to {self._ours} since serial {now.serial}, it was {serial}"
        return Evidence(kind=EvidenceKind.GENERATION, reference=f"serial {now.serial}", text=text)

    def act(self, mark: Mark) -> Evidence | None:
        """Replace exactly what the baseline saw. Raises `Refused`, naming both, when something else stands there."""
        before, _ = self._baseline(mark)
        if self.by.standing().values == (self._ours,):
            return self.find_evidence(mark)
        reply = exchange(self._message(before), self.by.switch.server, self.by.routes, self.by.where)
        if reply.rcode() != dns.rcode.NOERROR:
            self._raise_unless_ours(before)
        return self.find_evidence(mark)

    def read_effect(self, mark: Mark) -> Seen:
        """Ours stands there, and nothing else."""
        self._baseline(mark)
        now = self.by.standing()
        text = f"{self.by.switch.record} leads to {now.text}, time to live {now.ttl_s} s"
        return Seen(reached=now.values == (self._ours,), text=text)

    @property
    def _ours(self) -> str:
        return self.by.value_of(self.site).to_text()

    def _baseline(self, mark: Mark) -> tuple[tuple[str, ...], int]:
        if "values" not in mark.baseline or "serial" not in mark.baseline:
            raise Broken("the intent has no baseline: whether it took effect cannot be told", where=self.by.where)
        return tuple(mark.baseline["values"].split()), int(mark.baseline["serial"])

    def _message(self, before: tuple[str, ...]) -> dns.update.UpdateMessage:
        switch, key = self.by.switch, self.by.operator().key()
        name = dns.name.from_text(switch.record)
        message = dns.update.UpdateMessage(switch.zone, keyring=key)
        if before:
            message.present(name, switch.type, *before)
        else:
            message.absent(name, switch.type)
        message.replace(name, int(switch.ttl.total_seconds()), self.by.value_of(self.site))
        return message

    def _raise_unless_ours(self, before: tuple[str, ...]) -> None:
        now = self.by.standing()
        if now.values == (self._ours,):
            return
        raise Refused(
            f"{self.by.switch.record} was changed by somebody else meanwhile: it led to {Standing(before, 0, 0).text} "
            f"when this step began, and leads to {now.text} now",
            where=self.by.where,
            next_step="find out who changed it and why, then begin a new run",
            code="changed",
        )
