"""A simulated Entra: the OpenID configuration and the token endpoint for one app registration.

Shapes: learn.microsoft.com, "OAuth 2.0 client credentials flow" and "Microsoft Entra authentication and
authorization error codes"; the texts are ours.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from .behaviour import GRAPH_FAULTS
from .web import WebAnswer, WebRequest

TOKEN_SECONDS = 3599  # as Entra
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Registration:
    """The one app registration that the sandbox knows."""

    tenant: str
    client_id: str
    client_secret: str


class Tokens:
    """Issues and checks tokens. They look like JWTs and are signed with a key of this process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def issue(self, audience: str, roles: list[str], registration: Registration) -> str:
        """Return a token for `audience` that carries `roles`."""
        now = int(self._clock())
        claims = {
            "aud": audience,
            "iss": f"https://sts.sandbox.invalid/{registration.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "appid": registration.client_id,
            "roles": roles,
            "tid": registration.tenant,
            "uti": secrets.token_urlsafe(16),
        }
        signed = f"{_packed({'typ': 'JWT', 'alg': 'HS256'})}.{_packed(claims)}"
        return f"{signed}.{self._sign(signed)}"

    def check(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token that this process issued and that still holds, else None."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._sign(signed).encode(), signature.encode()):
            return None
        payload = signed.partition(".")[2]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims if claims["exp"] > self._clock() else None

    def _sign(self, text: str) -> str:
        return _unpadded(hmac.digest(self._key, text.encode(), hashlib.sha256))


class Entra:
    """Answers the requests of a sign-in host that listens on `host` ("localhost:8443")."""

    def __init__(self, registration: Registration, tokens: Tokens, host: Callable[[], str]) -> None:
        self._known, self._tokens, self._host = registration, tokens, host

    def answer(self, request: WebRequest, fault_name: str) -> WebAnswer | None:
        """Return the answer, or None when the path is not one of Entra's."""
        tenant, _, rest = urlsplit(request.path).path.lstrip("/").partition("/")
        if rest == "v2.0/.well-known/openid-configuration":
            return self._configuration(tenant)
        if rest == "oauth2/v2.0/token" and request.method == "POST":
            return self._token(tenant, _form(request), fault_name)
        return None

    def _configuration(self, tenant: str) -> WebAnswer:
        if tenant.lower() != self._known.tenant:
            return _unknown_tenant(tenant)
        base = f"https://{self._host()}/{self._known.tenant}"
        return WebAnswer(
            200,
            {
                "issuer": f"{base}/v2.0",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            },
        )

    def _token(self, tenant: str, form: dict[str, str], fault_name: str) -> WebAnswer:
        fault = GRAPH_FAULTS.get(fault_name)
        if fault and fault.at == "token":
            return _refusal(fault.status, fault.code, fault.message)
        if refusal := self._refuse(tenant, form):
            return refusal
        audience = form["scope"].removesuffix("/.default")
        role = "Mail.Send" if urlsplit(audience).netloc == self._host() else "SMTP.SendAsApp"
        token = self._tokens.issue(audience, [role], self._known)
        seconds = TOKEN_SECONDS
        return WebAnswer(
            200,
            {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token},
            {"Cache-Control": "no-store"},
        )

    def _refuse(self, tenant: str, form: dict[str, str]) -> WebAnswer | None:
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                return _refusal(400, "invalid_request", f"AADSTS900144: The body must contain the parameter '{name}'.")
        if tenant.lower() != self._known.tenant:
            return _unknown_tenant(tenant)
        if form["grant_type"] != "client_credentials":
            return _refusal(400, "unsupported_grant_type", "AADSTS70003: This grant type is not supported.")
        if form["client_id"].lower() != self._known.client_id:
            text = f"AADSTS700016: Application '{form['client_id']}' was not found in the directory."
            return _refusal(400, "unauthorized_client", text)
        if not form.get("client_secret"):
            return _refusal(401, "invalid_client", "AADSTS7000218: The body must contain client_secret.")
        if not hmac.compare_digest(form["client_secret"].encode(), self._known.client_secret.encode()):
            text = "AADSTS7000215: Invalid client secret provided. Send the secret's value, not its ID."
            return _refusal(401, "invalid_client", text)
        return _refuse_scope(form["scope"])


def _refuse_scope(scope: str) -> WebAnswer | None:
    if not scope.endswith("/.default"):
        text = f"AADSTS1002012: The scope '{scope}' is not valid; it must end with /.default."
        return _refusal(400, "invalid_scope", text)
    if urlsplit(scope).scheme != "https" or urlsplit(scope).hostname not in _LOCAL:
        text = f"AADSTS500011: The resource '{scope.removesuffix('/.default')}' was not found in the tenant."
        return _refusal(400, "invalid_resource", text)
    return None


def _unknown_tenant(tenant: str) -> WebAnswer:
    return _refusal(400, "invalid_request", f"AADSTS90002: Tenant '{tenant[:100]}' was not found.")


def _refusal(status: int, error: str, text: str) -> WebAnswer:
    trace = str(uuid4())
    number = text.removeprefix("AADSTS").partition(":")[0]
    description = f"{text} Trace ID: {trace} Correlation ID: {uuid4()} Timestamp: 2026-11-02 10:00:00Z"
    body = {
        "error": error,
        "error_description": description,
        "error_codes": [int(number)],
        "trace_id": trace,
    }
    return WebAnswer(status, body)


def _form(request: WebRequest) -> dict[str, str]:
    fields = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def _packed(value: dict[str, Any]) -> str:
    return _unpadded(json.dumps(value).encode())


def _unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
