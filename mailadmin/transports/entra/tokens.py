"""Tokens for an app registration used as a service account (client credentials), by msal.

Tokens live in memory, one msal application for each app registration and secret; at most one thread
asks Entra for it at a time, and the others share what it got.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msal

from mailadmin.core import limits
from mailadmin.core.destination import entra_destination
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import EntraApp
from mailadmin.net.policy import NetworkPolicy

from .sign_in import Note, SignInClient, silent

_SPARE_AFTER_FAILURE = 60  # seconds a kept token must still hold to be used while Entra does not answer
_SALT = secrets.token_bytes(16)


@dataclass(frozen=True)
class Token:
    """An access token. `expires_at` is in seconds since the epoch; `claims` is what the token says of
    itself (aud, tid, appid, roles, exp), not verified and for display only, empty when it cannot be read."""

    value: Secret
    expires_at: float
    claims: Mapping[str, Any] = field(repr=False)
    from_cache: bool


class _Account:
    """One app registration with one secret: msal's application, its tokens, how the last fetch ended."""

    def __init__(self, app: EntraApp) -> None:
        self.lock = threading.Lock()
        self.client = SignInClient(app)
        self.application: msal.ConfidentialClientApplication | None = None
        self.tokens: dict[tuple[str, ...], Token] = {}
        self.fetches = 0
        self.fault: Fault | None = None


_accounts: OrderedDict[object, _Account] = OrderedDict()
_accounts_lock = threading.Lock()


def fetch_token(
    app: EntraApp,
    scopes: tuple[str, ...],
    policy: NetworkPolicy,
    *,
    fresh: bool = False,
    note: Note = silent,
) -> Token:
    """Return a token for `scopes`, from memory while it holds for more than 5 minutes.

    `fresh` asks Entra in any case; `note` is told the dialogue, without secrets. While Entra does not
    answer, a kept token is used until a minute before its end. Raises MailError with phase TOKEN (DNS,
    TCP, TLS when the sign-in host was not reached), and whatever revealing the secret raises.
    """
    account = _account(app)
    fetches = account.fetches
    if not account.lock.acquire(timeout=limits.TOKEN_TOTAL_SECONDS):
        text = "Another thread waits for Entra's answer."
        raise MailError(Fault(Phase.TOKEN, Kind.TIMEOUT, text, host=app.cloud.authority_host))
    try:
        if fetches != account.fetches and account.fault and not fresh:
            outcome: Token | Fault = account.fault  # who held the lock before us asked, in vain
        else:
            outcome = _acquire(account, app, scopes, policy, fresh, note)
    finally:
        account.lock.release()
    if isinstance(outcome, Fault):
        # Raised here, where no frame holds the secret.
        raise MailError(outcome)
    return outcome


def forget_token(app: EntraApp, scopes: tuple[str, ...], refused: Token | None = None) -> None:
    """Drop the kept token for `scopes`, so that the next fetch asks Entra.

    With `refused`, only that token is dropped: another thread may have a newer one already.
    """
    account = _account(app)
    with account.lock:
        kept = account.tokens.get(scopes)
        if refused is None or (kept and kept.value == refused.value):
            account.tokens.pop(scopes, None)
            if account.application:
                account.application.remove_tokens_for_client()


def _account(app: EntraApp) -> _Account:
    """Return the account of `app` with its present secret; a changed secret or destination is another one."""
    secret = app.credential.secret.reveal() if app.credential and app.credential.secret else ""
    if not secret:
        raise MailError(Fault(Phase.TOKEN, Kind.SECRET_MISSING, host=app.cloud.authority_host))
    key = (entra_destination(app), hmac.digest(_SALT, secret.encode(), hashlib.sha256))
    del secret
    with _accounts_lock:
        account = _accounts.setdefault(key, _Account(app)) if key not in _accounts else _accounts[key]
        _accounts.move_to_end(key)
        while len(_accounts) > limits.TOKEN_APPS:
            _accounts.popitem(last=False)
        return account


def _acquire(
    account: _Account, app: EntraApp, scopes: tuple[str, ...], policy: NetworkPolicy, fresh: bool, note: Note
) -> Token | Fault:
    """Return a token or what went wrong. Never raises, because its frames hold the secret."""
    account.client.policy, account.client.proxy, account.client.note = policy, app.proxy, note
    kept = None if fresh else account.tokens.get(scopes)
    try:
        # Even the constructor asks the sign-in host (for its OpenID configuration).
        application = None if fresh else account.application
        application = application or _application(account, app)
        token = _token(application.acquire_token_for_client(list(scopes)))
    except MailError as error:
        return _failed(account, error.fault, kept)
    except Exception as error:  # msal fails on odd answers with errors of many types
        text = f"The answer is not one that Entra gives ({type(error).__name__})."
        return _failed(account, Fault(Phase.TOKEN, Kind.HTTP_ANSWER, text, host=account.client.host), kept)
    account.application = application
    if not token.from_cache:
        account.fetches += 1
        account.fault = None
        account.tokens[scopes] = token
    return token


def _application(account: _Account, app: EntraApp) -> msal.ConfidentialClientApplication:
    return msal.ConfidentialClientApplication(
        app.client_id,
        client_credential=app.credential.secret.reveal() if app.credential and app.credential.secret else None,
        authority=f"https://{app.cloud.authority_host}/{app.tenant}",
        instance_discovery=False,  # it would ask the global cloud about every other authority
        http_client=account.client,
    )


def _failed(account: _Account, fault: Fault, kept: Token | None) -> Token | Fault:
    """Return the kept token when Entra gave no answer and it still holds, else the fault."""
    account.fetches += 1
    account.fault = fault
    refused = fault.kind in (Kind.TOKEN_REFUSED, Kind.ROUTE_INCOMPLETE)
    if kept and not refused and kept.expires_at > time.time() + _SPARE_AFTER_FAILURE:
        return replace(kept, from_cache=True)
    return fault


def _token(result: dict[str, Any]) -> Token:
    value = str(result["access_token"])
    return Token(
        value=Secret(value),
        expires_at=time.time() + float(result["expires_in"]),
        claims=claims_of(value),
        from_cache=result.get("token_source") == "cache",
    )


def claims_of(token: str) -> dict[str, Any]:
    """Return what a JWT (RFC 7519) says of itself, not verified; {} when it is not one."""
    parts = token.split(".")
    try:
        payload = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(payload))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _forget_everything() -> None:
    """Start empty in a forked child: a lock may have been held, and a fetch be under way."""
    global _accounts_lock
    _accounts_lock = threading.Lock()
    _accounts.clear()


os.register_at_fork(after_in_child=_forget_everything)
