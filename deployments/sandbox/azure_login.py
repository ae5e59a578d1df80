"""Who may talk to the sandbox's Azure?

The token endpoint of Microsoft Entra ID, as far as azure-identity needs it. The rules: a wrong secret
is refused with Entra's own code, tokens are random, short-lived and end when they are said to, and a
request without a good one is answered as Resource Manager answers it.
"""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from deployments.sandbox.azure_resources import ArmError

_SCOPE = "https://management.azure.com/.default"


@dataclass
class Login:
    """The applications of one tenant, and the tokens they were given; `client` is the reader."""

    tenant: str
    client: str
    secret: str
    lifetime_s: int = 3600
    others: dict[str, str] = field(default_factory=dict[str, str], repr=False)  # further applications -> secret
    refusing: bool = False
    issued_count: int = 0
    assertions: list[str] = field(default_factory=list[str], repr=False)  # federated tokens, none of which it knows
    _tokens: dict[str, float] = field(default_factory=dict[str, float], repr=False)
    _holders: dict[str, str] = field(default_factory=dict[str, str], repr=False)  # token -> application
    _challenge: str = field(default="", repr=False)  # claims asked for before anything is answered

    async def token(self, request: web.Request) -> web.Response:
        """POST /{tenant}/oauth2/v2.0/token with client credentials."""
        form = await request.post()
        if form.get("client_assertion"):
            self.assertions.append(str(form["client_assertion"]))
        refusal = self._refusal(request.match_info["tenant"], form)
        if refusal:
            code, words = refusal
            kind = "invalid_scope" if code == 70011 else "invalid_client"
            body = {"error": kind, "error_description": f"AADSTS{code}: {words}", "error_codes": [code]}
            return web.json_response(body, status=400 if code == 70011 else 401)
        if form.get("claims"):
            self._challenge = ""
        token = secrets.token_urlsafe(32)
        self._tokens[token] = time.monotonic() + self.lifetime_s
        self._holders[token] = str(form["client_id"])
        self.issued_count += 1
        body = {"token_type": "Bearer", "access_token": token, "expires_in": self.lifetime_s}
        return web.json_response({**body, "ext_expires_in": self.lifetime_s})

    async def discovery(self, request: web.Request) -> web.Response:
        """The OpenID configuration of the tenant."""
        root = f"https://{request.host}/{request.match_info['tenant']}"
        return web.json_response(
            {
                "issuer": f"{root}/v2.0",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "token_endpoint": f"{root}/oauth2/v2.0/token",
                "jwks_uri": f"{root}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
        )

    def verify(self, request: web.Request) -> str:
        """The application that asks; raises the 401 that Resource Manager would answer, unless its token is good."""
        token = request.headers.get("Authorization", "").partition(" ")[2]
        root = f"https://{request.host}/{self.tenant}"
        challenge = f'Bearer authorization_uri="{root}", error="invalid_token"'
        if not token:
            raise ArmError(401, "AuthenticationFailed", "Authentication failed.", {"WWW-Authenticate": challenge})
        if self._challenge:
            claims = f'Bearer authorization_uri="{root}", error="insufficient_claims", claims="{self._challenge}"'
            raise ArmError(401, "AuthenticationFailed", "Claims are needed.", {"WWW-Authenticate": claims})
        ends = self._tokens.get(token)
        if ends is None:
            raise ArmError(
                401, "InvalidAuthenticationToken", "The access token is invalid.", {"WWW-Authenticate": challenge}
            )
        if time.monotonic() >= ends:
            words = "The access token expiry is in the past."
            raise ArmError(401, "ExpiredAuthenticationToken", words, {"WWW-Authenticate": challenge})
        return self._holders[token]

    @property
    def tokens(self) -> list[str]:
        """Every token that was given."""
        return list(self._tokens)

    def expire_all(self) -> None:
        """Every token given so far is over from now on."""
        self._tokens = dict.fromkeys(self._tokens, time.monotonic())

    def demand_claims(self, encoded: str) -> None:
        """Continuous access evaluation: answer nothing until a token with these claims was asked for."""
        self._challenge = encoded

    def _refusal(self, tenant: str, form: Any) -> tuple[int, str] | None:
        if tenant != self.tenant:
            return 90002, f"Tenant '{tenant}' not found."
        right = ({self.client: self.secret} | self.others).get(str(form.get("client_id")))
        if right is None:
            return 700016, "Application was not found in the directory."
        if form.get("scope") != _SCOPE:
            return 70011, "The provided value for the input parameter 'scope' is not valid."
        if self.refusing:
            return 7000222, "The provided client secret keys are expired."
        if not hmac.compare_digest(str(form.get("client_secret", "")), right):
            return 7000215, "Invalid client secret provided."
        return None
