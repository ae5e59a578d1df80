"""What does the door beside a PostgreSQL server say, and what is it told to do?

One HTTPS call each, bounded in time, with the token shown only to the doors that the block names. The rule: an
order carries its step's key as token, so that giving it again finds what the first one came to.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blocks.errors import Broken, Refused, Retryable, VigieError
from blocks.ports.capabilities import Capability
from blocks.ports.network import Routes

if TYPE_CHECKING:
    import httpx

    from blocks.postgres.block import DatabaseHost

_CONNECT_S = 3.0
_ANSWER_S = 6.0
_ORDER_S = 20.0
_LOOK_EVERY_S = 0.2
_ERRORS: Mapping[str, type[VigieError]] = {"Refused": Refused, "Retryable": Retryable, "Broken": Broken}


@dataclass(frozen=True, slots=True)
class HostDoor:
    """The door at `address` (host:port), opened with the token of `block`."""

    address: str
    block: DatabaseHost = field(repr=False)
    routes: Routes = field(default_factory=Routes)

    def status(self) -> Mapping[str, Any]:
        """How the server is, as its host says. Raises `Retryable` when the door does not answer."""
        return self._call("GET", "/v1/status")

    def order(self, verb: str, token: str, patience_s: float = 60.0, **arguments: Any) -> Mapping[str, Any]:
        """Give an order and wait for its end. Raises what the host raised, `Retryable` when it takes longer."""
        operation = self._call("POST", f"/v1/orders/{verb}", {"token": token, **arguments}, _ORDER_S)
        give_up = time.monotonic() + patience_s
        while operation["state"] == "running" and time.monotonic() < give_up:
            time.sleep(_LOOK_EVERY_S)
            operation = self._call("GET", f"/v1/orders/{verb}/{token}")
        if operation["state"] == "done":
            return operation
        if operation["state"] == "failed":
            raise _ERRORS.get(operation["result"].get("error", ""), Broken)(operation["text"], where=self.address)
        raise Retryable(f"{verb} is {operation['state']} after {patience_s:.0f} s", where=self.address)

    def outcome(self, verb: str, token: str) -> Mapping[str, Any] | None:
        """What an order came to that was given under `token`; None when none was."""
        return self._call("GET", f"/v1/orders/{verb}/{token}", absent=True) or None

    def look(self, addresses: Sequence[str]) -> Mapping[str, bool]:
        """Which of these addresses accept a connection from there."""
        answers: Mapping[str, bool] = self._call("POST", "/v1/look", {"addresses": list(addresses)})["answers"]
        return answers

    def evidence(self, name: str) -> str:
        """Rows that were saved, one JSON object a line; operator's token only."""
        return self._answer("GET", f"/v1/evidence/{name}", None, _ORDER_S).text

    def _call(
        self, method: str, path: str, body: Any = None, answer_s: float = _ANSWER_S, *, absent: bool = False
    ) -> dict[str, Any]:
        answer = self._answer(method, path, body, answer_s)
        if absent and answer.status_code == 404:  # noqa: PLR2004
            return {}
        content = self._read(answer)
        if answer.is_success:
            return content
        said = str(content.get("error", "no reason given"))
        if answer.status_code in (401, 403):
            raise Refused(
                f"the database host refused: {said}",
                where=self.address,
                next_step="check the token in the DatabaseHost block against the door's token files",
            )
        raise (Refused if answer.is_client_error else Retryable)(said, where=self.address)

    def _answer(self, method: str, path: str, body: Any, answer_s: float) -> httpx.Response:
        import httpx

        if self.address not in self.block.doors:
            raise Refused(
                f"the token is for {', '.join(self.block.doors) or 'no door'}",
                where=self.address,
                next_step="add the door to the DatabaseHost block, if it is one of yours",
            )
        host, _, port = self.address.rpartition(":")
        place, number = self.routes.lead(host, int(port))
        headers = {"Authorization": f"Bearer {self.block.token.get_secret_value()}", "Host": host}
        limits = httpx.Timeout(answer_s, connect=_CONNECT_S)
        context = ssl.create_default_context(cafile=self.block.ca_file or self.routes.ca_file)
        try:
            with httpx.Client(verify=context, timeout=limits, trust_env=False) as client:
                url, sni = f"https://{place}:{number}{path}", {"sni_hostname": host}
                return client.request(method, url, json=body, headers=headers, extensions=sni)
        except httpx.HTTPError as error:
            raise Retryable(
                f"the database host does not answer ({error or type(error).__name__})",
                where=self.address,
                next_step="see whether the host lives; what it does cannot be known from here",
            ) from None

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            content = answer.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise Broken("what answers is no database host", where=self.address)
        return dict(content)  # pyright: ignore[reportUnknownArgumentType]


def examine_doors(block: DatabaseHost, routes: Routes) -> tuple[Capability, ...]:
    """Whether each door opens, and whether the token gives orders there. Nothing is ordered: an empty token is sent."""
    found: list[Capability] = []
    for address in block.doors:
        door = HostDoor(address, block, routes)
        try:
            status = door.status()
            found.append(Capability(f"look at {address}", allowed=True, detail=f"{status['name']} is {status['role']}"))
            found.append(_gives_orders(door))
        except VigieError as error:
            allowed = False if isinstance(error, Refused) else None
            found.append(Capability(f"look at {address}", allowed=allowed, detail=str(error)))
    return tuple(found) or (Capability("look at a door", allowed=None, detail="the block names no door"),)


def _gives_orders(door: HostDoor) -> Capability:
    """An order without a token is refused for that, after the right to give it was looked at."""
    try:
        door.order("fence", "")
    except Refused as error:
        allowed = "needs a token" in str(error)
        return Capability(f"give orders at {door.address}", allowed=allowed)
    return Capability(f"give orders at {door.address}", allowed=True)
