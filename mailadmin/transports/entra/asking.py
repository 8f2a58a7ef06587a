"""One fetch of a token by msal: a fresh application each time, so that nothing that msal remembers (tokens, refusals
of a minute, configurations) gets in the way; time-outs and further tries are ours."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msal

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import clean
from mailadmin.core.secret import Secret
from mailadmin.core.settings import EntraApp
from mailadmin.core.texts import _
from mailadmin.net.policy import NetworkPolicy
from mailadmin.net.stopping import rest

from .credentials import for_msal
from .identity import ask_machine, is_machine
from .sign_in import Note, SignInClient

# What may be gone a moment later. A time-out is not: it has cost the caller enough already.
_PASSING = frozenset(
    {Kind.DNS_FAILED, Kind.TCP_REFUSED, Kind.TCP_UNREACHABLE, Kind.CLOSED, Kind.TLS_BROKEN, Kind.HTTP_STATUS}
)


@dataclass(frozen=True)
class Token:
    """An access token. `expires_at` is in seconds since the epoch; `claims` is what the token says of
    itself (aud, tid, appid, roles, exp), not verified and for display only, empty when it cannot be read;
    `from_cache` tells that it was kept, by this process or by another one."""

    value: Secret
    expires_at: float
    claims: Mapping[str, Any] = field(repr=False)
    from_cache: bool

    def holds(self, seconds: float) -> bool:
        """Tell whether it holds for more than `seconds`."""
        return self.expires_at > time.time() + seconds


@dataclass(frozen=True)
class Asked:
    """How a fetch ended, by a token or a fault; `credential_refused` tells that Entra refused the credential itself,
    which will not change by asking again."""

    outcome: Token | Fault
    credential_refused: bool = False


def ask(app: EntraApp, scopes: tuple[str, ...], policy: NetworkPolicy, text: str, note: Note) -> Asked:
    """Ask Entra, or the machine's identity endpoint, for a token; `text` is what `credentials.opened` gave.

    What may pass (a connection that fails, 429, 5xx) is tried TOKEN_TRIES times within TOKEN_TOTAL_SECONDS, after the
    pause that the answer asks for. Raises nothing, because its frames hold the secret.
    """
    deadline = time.monotonic() + limits.TOKEN_TOTAL_SECONDS
    for tries in range(1, limits.TOKEN_TRIES + 1):
        asked = _ask_once(app, scopes, policy, text, note, deadline)
        if isinstance(asked.outcome, Token) or asked.outcome.kind not in _PASSING:
            break
        pause = max(asked.outcome.retry_after or 0, limits.TOKEN_PAUSE_SECONDS * 2 ** (tries - 1))
        if tries == limits.TOKEN_TRIES or time.monotonic() + pause >= deadline:
            break
        rest(pause)
    return asked


def _ask_once(
    app: EntraApp, scopes: tuple[str, ...], policy: NetworkPolicy, text: str, note: Note, deadline: float
) -> Asked:
    client: SignInClient | None = None
    try:
        if is_machine(app):
            return Asked(_outcome(app, ask_machine(app, scopes, policy, note)))
        if missing := _missing(app):
            return Asked(_fault(app, Kind.ROUTE_INCOMPLETE, *missing))
        credential = for_msal(app, text)
        if isinstance(credential, Fault):
            return Asked(credential)
        client = SignInClient(app, policy, note, deadline)
        # Even the constructor asks the sign-in host (for its OpenID configuration).
        application = msal.ConfidentialClientApplication(
            app.client_id,
            client_credential=credential,
            authority=f"https://{app.cloud.authority_host}/{app.tenant}",
            instance_discovery=False,  # it would ask the global cloud about every other authority
            http_client=client,
        )
        return Asked(_outcome(app, application.acquire_token_for_client(list(scopes))))
    except MailError as error:
        if error.fault.kind is Kind.SECRET_UNREADABLE:  # that of an app is meant, not that of a connection
            return Asked(replace(error.fault, phase=Phase.TOKEN))
        return Asked(error.fault, bool(client and client.credential_refused))
    except Exception as error:  # msal fails on odd answers with errors of many types
        return Asked(
            _fault(
                app,
                Kind.HTTP_ANSWER,
                _("The answer is not one that Entra gives ({reason}).").format(reason=type(error).__name__),
            )
        )


def _missing(app: EntraApp) -> tuple[str, str] | None:
    """Return in a sentence the first setting that a token cannot be asked for without, and its name; None when none is
    missing."""
    needed = {
        (_("The integrated service lacks a sign-in host."), "host"): app.cloud.authority_host,
        (_("The integrated service lacks a tenant."), "tenant"): app.tenant,
        (_("The integrated service lacks a client ID."), "client_id"): app.client_id,
    }
    return next((missing for missing, value in needed.items() if not value), None)


def _outcome(app: EntraApp, result: dict[str, Any]) -> Token | Fault:
    """Return the token of msal's result; our HTTP clients let no other one through but an odd one."""
    if "access_token" not in result:
        said = clean(str(result.get("error_description") or result.get("error") or ""))
        return _fault(app, Kind.HTTP_ANSWER, said or _("The answer holds no token."))
    value = str(result["access_token"])
    seconds = min(float(result["expires_in"]), limits.TOKEN_MOST_SECONDS)
    return Token(Secret(value), time.time() + seconds, claims_of(value), from_cache=False)


def _fault(app: EntraApp, kind: Kind, text: str, field: str = "") -> Fault:
    return Fault(Phase.TOKEN, kind, text, host="" if is_machine(app) else app.cloud.authority_host, field=field)


def claims_of(token: str) -> dict[str, Any]:
    """Return what a JWT (RFC 7519) says of itself, not verified; {} when it is not one."""
    parts = token.split(".")
    try:
        payload = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(payload))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
