"""May a server that was a primary take writes again, and may a standby be rewound?

The invariants, before any code:

1.  *A newer timeline ends an older one.* Where a peer of the same system is on a newer timeline, this server's
    history ended without it: it does not start as a primary by itself, whatever else is true.
2.  *Two primaries are never started.* A peer of the same system that takes writes keeps this one down, also on the
    same timeline. Where that peer is on an older one, it is the one to give way: this server says that it wants to
    write, and waits until the other has fenced itself.
3.  *Silence is no consent.* Where no peer answers, only `starts_alone` lets it start: then a site that lost its
    network and restarts takes writes beside a promoted one, until a peer answers. Without it, a site that comes back
    alone after a power cut waits for a person.
4.  *A running primary fences itself* as soon as it hears of a peer on a newer timeline that takes writes or wants to.
    One that was promoted and is closed until its data was verified wants to: nothing more may be written here that it
    will not have.
5.  *What a rewind would destroy is counted first, and saved where there is something to save.*

Pure: what the peers said is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSaid:
    """What one peer said of itself; `answered` is False when it said nothing."""

    address: str
    answered: bool
    system_id: str = ""
    timeline: int = 0
    takes_writes: bool = False
    wants_writes: bool = False  # it waits for an older one to give way, or is closed until it is opened


@dataclass(frozen=True, slots=True)
class Ruling:
    """May it start as a primary, and why; `waits` says that it will, once the other gave way."""

    may_start: bool
    why: str
    waits: bool = False


def rule_start(system_id: str, timeline: int, peers: Sequence[PeerSaid], *, starts_alone: bool) -> Ruling:
    """Whether a former primary on `timeline` starts by itself."""
    relatives = [peer for peer in peers if peer.answered and peer.system_id == system_id]
    for peer in relatives:
        if peer.timeline > timeline:
            doing = "takes writes" if peer.takes_writes else "went on without this server"
            return Ruling(
                may_start=False,
                why=f"{peer.address} is on timeline {peer.timeline} and {doing}; this server ended on {timeline}",
            )
        if peer.takes_writes:
            said = f"{peer.address} takes writes on timeline {peer.timeline}"
            return Ruling(may_start=False, why=said, waits=peer.timeline < timeline)
    if relatives or not peers:
        return Ruling(may_start=True, why="no peer is ahead")
    if starts_alone:
        return Ruling(may_start=True, why="no peer answers, and this server is configured to start alone")
    return Ruling(
        may_start=False,
        why=f"none of {len(peers)} peers answers, so nobody can say that no other took over; a person releases it",
    )


def must_fence(system_id: str, timeline: int, peers: Sequence[PeerSaid]) -> str:
    """Why a running primary has to fence itself; empty when it has not."""
    for peer in peers:
        ahead = peer.answered and peer.system_id == system_id and peer.timeline > timeline
        if ahead and (peer.takes_writes or peer.wants_writes):
            does = "takes writes" if peer.takes_writes else "wants to take writes"
            return f"{peer.address} {does} on timeline {peer.timeline}, this server is left behind on {timeline}"
    return ""


def refuses_rewind(known: Mapping[str, Any]) -> str:
    """Why the part of a server's history that no other has may not be thrown away yet; empty when it may."""
    if not known:
        return "what lies beyond was not counted: count it first, a rewind destroys it"
    rows = int(known["rows"])
    if rows and not known.get("saved_in"):
        return f"{rows} row changes lie beyond and are saved nowhere: save them first, a rewind destroys them"
    return ""
