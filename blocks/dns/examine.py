"""Does the name server know our key, tonight and not only when something is changed?

A signed question: the server verifies the signature of whatever is signed (RFC 8945, 5.2), and signs its answer. The
rule: nothing is changed to find out. What the key may change is written on the server and is seen by a change only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.flags
import dns.message

from blocks.dns.wire import exchange
from blocks.errors import Refused
from blocks.ports.capabilities import Capability

if TYPE_CHECKING:
    from blocks.catalogue.recovery import DnsSwitch
    from blocks.dns.block import TsigKey
    from blocks.ports.network import Routes


def examine_key(key: TsigKey, switch: DnsSwitch, routes: Routes) -> tuple[Capability, ...]:
    """Whether the server of `switch` knows the key. Raises `Retryable`, `Broken` when that cannot be found out."""
    action, where = f"sign to {switch.server}", f"name server {switch.server}"
    question = dns.message.make_query(switch.zone, "SOA")
    question.flags &= ~dns.flags.RD
    question.use_tsig(key.key())
    try:
        exchange(question, switch.server, routes, where)
    except Refused as error:
        return (Capability(action, allowed=False, detail=str(error)),)
    said = f"key {key.name} ({key.algorithm}); what it may change is seen by a change only"
    return (Capability(action, allowed=True, detail=said),)
