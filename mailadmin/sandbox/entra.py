"""A simulated Entra: the OpenID configuration and the token endpoint for one app registration.

Shapes: learn.microsoft.com, "OAuth 2.0 client credentials flow" and "Microsoft Entra authentication and
authorization error codes"; the texts are ours.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from .assertions import ASSERTION_TYPE, AssertionRefused, Assertions
from .faults import TOKEN, Faults, GraphFault
from .manners import Manners
from .tokens import SMTP_ROLE, TOKEN_SECONDS, Registration, Tokens
from .web import WebAnswer, WebRequest

_LOCAL = ("localhost", "127.0.0.1", "::1")
_NO_TENANT = ("common", "organizations", "consumers")
_TENANT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[\w-]+(\.[\w-]+)+", re.IGNORECASE)


class Entra:
    """Answers the requests of a sign-in host that listens on `host` ("localhost:8443")."""

    def __init__(
        self,
        registration: Registration,
        tokens: Tokens,
        assertions: Assertions,
        manners: Manners,
        host: Callable[[], str],
    ) -> None:
        self._known, self._tokens, self._assertions = registration, tokens, assertions
        self._manners, self._host = manners, host

    def answer(self, request: WebRequest, faults: Faults) -> WebAnswer | None:
        """Return the answer, or None when the path is not one of Entra's."""
        tenant, _, rest = urlsplit(request.path).path.lstrip("/").partition("/")
        if rest == "v2.0/.well-known/openid-configuration":
            self._manners.saw("configuration")
            return self._configuration(tenant)
        if rest == "oauth2/v2.0/token" and request.method == "POST":
            self._manners.saw("token")
            self._manners.wait()
            return self._token(tenant, _form(request), faults)
        return None

    def _configuration(self, tenant: str) -> WebAnswer:
        if refusal := self._refuse_tenant(tenant):
            return refusal
        base = self._base(tenant)
        return WebAnswer(
            200,
            {
                "issuer": f"{base}/v2.0",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            },
        )

    def _token(self, tenant: str, form: dict[str, str], faults: Faults) -> WebAnswer:
        if fault := faults.strike(TOKEN):
            return _rehearsed(fault)
        if refusal := self._refuse(tenant, form):
            return refusal
        audience = form["scope"].removesuffix("/.default")
        on_graph = urlsplit(audience).netloc == self._host()
        roles = faults.roles(self._known.roles) if on_graph else (SMTP_ROLE,)
        token = self._tokens.issue(audience, roles, self._known)
        self._manners.issued()
        seconds = TOKEN_SECONDS
        return WebAnswer(
            200,
            {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token},
            {"Cache-Control": "no-store"},
        )

    def _refuse(self, tenant: str, form: dict[str, str]) -> WebAnswer | None:
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                return _refusal(400, "invalid_request", 900144, f"The body must contain the parameter '{name}'.")
        if tenant.lower() in _NO_TENANT:
            text = "No tenant was named in the request; an application without a user needs one."
            return _refusal(400, "invalid_request", 50059, text)
        if refusal := self._refuse_tenant(tenant):
            return refusal
        if form["grant_type"] != "client_credentials":
            return _refusal(400, "unsupported_grant_type", 70003, "This grant type is not supported.")
        if form["client_id"].lower() != self._known.client_id:
            text = f"Application '{form['client_id']}' was not found in the directory."
            return _refusal(400, "unauthorized_client", 700016, text)
        return self._refuse_credential(tenant, form) or _refuse_scope(form["scope"])

    def _refuse_tenant(self, tenant: str) -> WebAnswer | None:
        if tenant.lower() in (self._known.tenant, *_NO_TENANT):
            return None
        if not _TENANT.fullmatch(tenant):
            text = f"The tenant '{tenant[:100]}' is neither a directory ID nor a domain."
            return _refusal(400, "invalid_request", 900023, text)
        return _refusal(400, "invalid_request", 90002, f"Tenant '{tenant[:100]}' was not found.")

    def _refuse_credential(self, tenant: str, form: dict[str, str]) -> WebAnswer | None:
        if assertion := form.get("client_assertion"):
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                return _refusal(400, "invalid_request", 900144, "The body must contain 'client_assertion_type'.")
            try:
                self._assertions.check(assertion, f"{self._base(tenant)}/oauth2/v2.0/token")
            except AssertionRefused as refused:
                federated = 700211 <= refused.number <= 700213
                return _refusal(400 if federated else 401, "invalid_client", refused.number, refused.text)
            return None
        if not form.get("client_secret"):
            text = "The body must contain 'client_assertion' or 'client_secret'."
            return _refusal(401, "invalid_client", 7000218, text)
        if not hmac.compare_digest(form["client_secret"].encode(), self._known.client_secret.encode()):
            text = "Invalid client secret provided. Send the secret's value, not its ID."
            return _refusal(401, "invalid_client", 7000215, text)
        return None

    def _base(self, tenant: str) -> str:
        return f"https://{self._host()}/{tenant.lower()}"


def _refuse_scope(scope: str) -> WebAnswer | None:
    if len(scope.split()) != 1:
        return _refusal(400, "invalid_scope", 70011, "A request names the scope of one resource.")
    if not scope.endswith("/.default"):
        return _refusal(400, "invalid_scope", 1002012, f"The scope '{scope}' is not valid; it must end with /.default.")
    if urlsplit(scope).scheme != "https" or urlsplit(scope).hostname not in _LOCAL:
        text = f"The resource '{scope.removesuffix('/.default')}' was not found in the tenant."
        return _refusal(400, "invalid_resource", 500011, text)
    return None


def _rehearsed(fault: GraphFault) -> WebAnswer:
    if fault.page is not None or not fault.status:
        return WebAnswer(fault.status, fault.page, fault.headers)
    return _refusal(fault.status, fault.code, fault.aadsts, fault.message, fault)


def _refusal(status: int, error: str, number: int, text: str, fault: GraphFault | None = None) -> WebAnswer:
    trace, now = str(uuid4()), datetime.now(UTC)
    times = f"Trace ID: {trace} Correlation ID: {uuid4()} Timestamp: {now:%Y-%m-%d %H:%M:%S}Z"
    body = {
        "error": error,
        "error_description": f"AADSTS{number}: {text} {times}",
        "error_codes": [number],
        "timestamp": f"{now:%Y-%m-%d %H:%M:%S}Z",
        "trace_id": trace,
    }
    return WebAnswer(status, body, fault.headers if fault else {})


def _form(request: WebRequest) -> dict[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    fields = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}
