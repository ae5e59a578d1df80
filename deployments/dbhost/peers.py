"""What do the other members of the same data say of themselves?

Asked at their doors, over TLS, with a token that may only look. The rule: an answer that cannot be read is no answer.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deployments.dbhost.decide import PeerSaid

if TYPE_CHECKING:
    from deployments.dbhost.config import HostConfig, Secrets

_SECONDS = 2.0


def ask_peers(config: HostConfig, secrets: Secrets) -> Sequence[PeerSaid]:
    """One answer a peer, in the configured order."""
    return [_ask(config, peer.address, token) for peer, token in zip(config.peers, secrets.peers, strict=True)]


def _ask(config: HostConfig, address: str, token: str) -> PeerSaid:
    import httpx

    name, place, port = config.lead(address)
    context = ssl.create_default_context(cafile=str(config.ca_file) if config.ca_file else None)
    try:
        with httpx.Client(verify=context, timeout=_SECONDS, trust_env=False) as client:
            answer = client.get(
                f"https://{place}:{port}/v1/status",
                headers={"Authorization": f"Bearer {token}", "Host": name},
                extensions={"sni_hostname": name},
            )
            answer.raise_for_status()
            return _said(address, answer.json())
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return PeerSaid(address=address, answered=False)


def _said(address: str, status: Mapping[str, Any]) -> PeerSaid:
    return PeerSaid(
        address=address,
        answered=True,
        system_id=str(status["system_id"]),
        timeline=int(status["timeline"]),
        takes_writes=bool(status["takes_writes"]),
        wants_writes=bool(status["wants_writes"]),
    )
