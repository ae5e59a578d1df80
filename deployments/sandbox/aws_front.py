"""What stands before moto: who may call, what was called, and what is broken on purpose.

moto accepts any key and never fails. This layer checks the signature and the reader's policy as
AWS does, records each call, and makes the faults a real API shows: throttling, a dead region,
rotten answers, endless waits. Actions moto lacks are answered here.

The rule: an action the emulation does not have answers 501, so that no test passes on an invented reply.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from deployments.sandbox.aws_replacing import Replacing
from deployments.sandbox.aws_wire import (
    Call,
    Environ,
    WireError,
    read_body,
    read_call,
    signature_is_right,
    write_error,
)

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
API_FAULTS = ("throttle", "region-down", "credentials", "garbage", "slow", "error", "denied")
_SLOW_S = 45.0
_REFUSALS = {
    "throttle": WireError(400, "Throttling", "Rate exceeded", "ThrottlingException"),
    "credentials": WireError(
        403, "ExpiredToken", "The security token included in the request is expired", "ExpiredTokenException"
    ),
    "error": WireError(503, "ServiceUnavailable", "Service is unable to handle request."),
    "denied": WireError(403, "AccessDenied", "User is not authorized to perform this action", "AccessDeniedException"),
}
_NOT_EMULATED = WireError(501, "NotImplemented", "The sandbox does not emulate this action.")


class Front:
    """A WSGI application around moto's. `principals` maps access key -> (secret, IAM actions, user ARN)."""

    def __init__(
        self,
        inner: Application,
        principals: Mapping[str, tuple[str, tuple[str, ...], str]],
        control: Callable[[str, str, str], str],
        replacing: Replacing,
    ) -> None:
        self._inner = inner
        self._principals = principals
        self._control = control
        self._replacing = replacing
        self._faults: dict[str, str] = {}  # AWS service (signing name), or "*" -> how
        self._mended = threading.Condition()
        self._traffic: deque[dict[str, str]] = deque(maxlen=10_000)

    def break_api(self, service: str, how: str) -> None:
        """Make all calls to `service` fail in one of API_FAULTS; "*" is the whole region."""
        with self._mended:
            self._faults[service] = how

    def mend_api(self, service: str) -> None:
        """Answer `service` properly again, also those who wait."""
        with self._mended:
            self._faults.pop(service, None)
            self._mended.notify_all()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if environ.get("PATH_INFO", "").startswith("/_sandbox/"):
            return self._serve_control(environ, start_response)
        call = read_call(environ)
        refusal = self._refusal(environ, call)
        self._record(call, refusal)
        if refusal is not None:
            return _respond(start_response, *write_error(call, refusal))
        how = "" if self._is_admin(call) else self._faults.get(call.service) or self._faults.get("*", "")
        if how:
            return self._fail(how, call, environ, start_response)
        return self._serve(call, environ, start_response)

    def _serve(self, call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        own = {"iam:SimulatePrincipalPolicy": self._simulate, "sts:GetCallerIdentity": self._identify}.get(
            call.permission
        )
        if own is not None:
            return _respond(start_response, "200 OK", [("Content-Type", "text/xml")], own(call))
        done = self._replacing.answer(call)
        if isinstance(done, WireError):
            return _respond(start_response, *write_error(call, done))
        if done is not None and self._replacing.loses_answer(call):
            _hang_up(environ)
        if done is not None:
            return _respond(start_response, "200 OK", [("Content-Type", "text/xml")], done)
        if not call.service or not call.action:
            return _respond(start_response, *write_error(call, _NOT_EMULATED))
        return self._emulate(call, environ, start_response)

    def _emulate(self, call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Let moto answer; what it says it does not have is a 501."""
        try:
            return self._inner(environ, start_response)
        except NotImplementedError as error:
            lacking = replace(_NOT_EMULATED, message=f"{_NOT_EMULATED.message} moto: {error}")
            self._record(call, lacking)
            return _respond(start_response, *write_error(call, lacking))

    def _refusal(self, environ: Environ, call: Call) -> WireError | None:
        known = self._principals.get(call.access_key)
        if known is None:
            text = "The security token included in the request is invalid."
            return WireError(403, "InvalidClientTokenId", text, "UnrecognizedClientException")
        secret, actions, arn = known
        if not signature_is_right(environ, secret):
            text = "The request signature we calculated does not match the signature you provided."
            return WireError(403, "SignatureDoesNotMatch", text, "InvalidSignatureException")
        if not _allowed(call.permission, actions):
            text = f"User: {arn} is not authorized to perform: {call.permission}"
            return WireError(403, "AccessDenied", text, "AccessDeniedException")
        return None

    def _fail(self, how: str, call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if how == "region-down":
            _hang_up(environ)
            return []
        if how == "garbage":
            return _respond(
                start_response, "200 OK", [("Content-Type", "text/xml")], b"\x00<<<%% this is not an answer \xff"
            )
        if how == "slow":
            with self._mended:
                self._mended.wait_for(lambda: how not in self._faults.values(), timeout=_SLOW_S)
            return self._serve(call, environ, start_response)
        return _respond(start_response, *write_error(call, _REFUSALS[how]))

    def _simulate(self, call: Call) -> bytes:
        """IAM's SimulatePrincipalPolicy for our principals (moto has none); shape from botocore's IAM model."""
        arn = call.form.get("PolicySourceArn", [""])[0]
        actions = next((actions for _, actions, owner in self._principals.values() if owner == arn), ())
        asked = [values[0] for key, values in sorted(call.form.items()) if key.startswith("ActionNames.member.")]
        members = "".join(
            f"<member><EvalActionName>{name}</EvalActionName><EvalDecision>"
            f"{'allowed' if _allowed(name, actions) else 'implicitDeny'}</EvalDecision></member>"
            for name in asked
        )
        return (
            '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
            f"<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>{members}"
            "</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
        ).encode()

    def _identify(self, call: Call) -> bytes:
        """STS's GetCallerIdentity (moto's names the same user whoever asks); shape from botocore's STS model."""
        arn = self._principals[call.access_key][2]
        return (
            '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
            f"<Arn>{arn}</Arn><UserId>{call.access_key}</UserId><Account>{arn.split(':')[4]}</Account>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>"
        ).encode()

    def _serve_control(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        action, status = environ["PATH_INFO"].removeprefix("/_sandbox/"), "200 OK"
        if action == "traffic":
            answer: dict[str, Any] = {"calls": list(self._traffic)}
        elif action in {"break", "mend"} and environ["REQUEST_METHOD"] == "POST":
            try:
                asked = json.loads(read_body(environ) or b"{}")
                answer = {"done": self._control(action, str(asked["target"]), str(asked.get("how", "")))}
            except (ValueError, KeyError) as error:
                status, answer = "400 Bad Request", {"error": str(error)}
        else:
            status, answer = "501 Not Implemented", {"error": f"no control route {action}"}
        return _respond(start_response, status, [("Content-Type", "application/json")], json.dumps(answer).encode())

    def _record(self, call: Call, refusal: WireError | None) -> None:
        if not self._is_admin(call):
            outcome = refusal.code if refusal else ""
            self._traffic.append(
                {
                    "service": call.service,
                    "action": call.permission,
                    "region": call.region,
                    "refused": outcome,
                    "who": self._principals.get(call.access_key, ("", (), ""))[2],
                }
            )

    def _is_admin(self, call: Call) -> bool:
        return self._principals.get(call.access_key, ("", (), ""))[1] == ("*",)


def _allowed(action: str, patterns: tuple[str, ...]) -> bool:
    always = action == "sts:GetCallerIdentity"  # AWS needs no permission for it
    return always or any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def _respond(start_response: StartResponse, status: str, headers: list[tuple[str, str]], body: bytes) -> list[bytes]:
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]


def _hang_up(environ: Environ) -> None:
    """Cut the connection with a reset, as a region that is gone does."""
    import socket
    import struct

    connection = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError
