"""Tokens for an app registration used as a service account (client credentials): kept in memory, shared among the
processes of an installation, and asked for by one at a time."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import EntraApp
from mailadmin.core.texts import _
from mailadmin.net.policy import NetworkPolicy
from mailadmin.net.stopping import acquire
from mailadmin.transports.shared import NotNow, SharedToken, shared

from . import credentials
from .asking import Asked, Token, ask, claims_of
from .audience import check_audience
from .identity import check_allowed
from .sign_in import Note, silent

__all__ = ["Token", "claims_of", "fetch_token", "forget_token"]

# Answers in their own right; after any other failure a kept token is used while it holds.
_ANSWERS = frozenset({Kind.TOKEN_REFUSED, Kind.ROUTE_INCOMPLETE, Kind.CREDENTIAL_BAD, Kind.CREDENTIAL_ENDED})
_SAYS_ENDED = ("7000222",)  # AADSTS: the client secret has expired


@dataclass
class _Kept:
    """What is known about the tokens for some scopes; `fault` is how the last fetch failed."""

    token: Token | None = None
    fetches: int = 0
    fault: Fault | None = None


@dataclass(frozen=True)
class _Refusal:
    """A credential that Entra refused, by its mark, and until when (monotonic) it is not tried again."""

    mark: bytes
    until: float
    fault: Fault


class _Account:
    """One credential of one app registration: whose turn it is to ask, what was got, what was refused."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: dict[tuple[str, ...], _Kept] = {}
        self.refusal: _Refusal | None = None


_accounts: OrderedDict[object, _Account] = OrderedDict()
_accounts_lock = threading.Lock()


def fetch_token(
    app: EntraApp,
    scopes: tuple[str, ...],
    policy: NetworkPolicy,
    *,
    fresh: bool = False,
    note: Note = silent,
    to: str = "",
) -> Token:
    """Return a token for `scopes`, a kept one while it holds for more than TOKEN_SPARE_SECONDS.

    `to` is the host ("host:port") that the token will be shown to; name it wherever it is. `fresh` asks Entra in any
    case; `note` is told the dialogue, without secrets. While Entra does not answer, or another thread asks, a kept
    token is used until TOKEN_LAST_SECONDS before its end. A credential that Entra refused is not tried again for
    TOKEN_REFUSED_SECONDS, unless it changed.

    Raises MailError with phase TOKEN (DNS, TCP, TLS when the sign-in host was not reached), and whatever revealing
    the secret raises.
    """
    check_audience(app, scopes, to)
    check_allowed(app, policy)
    account = _account(app)
    kept = account.kept.setdefault(scopes, _Kept())
    fetches, usable = kept.fetches, None if fresh else kept.token
    if usable and usable.holds(limits.TOKEN_SPARE_SECONDS):
        return replace(usable, from_cache=True)
    if usable and not usable.holds(limits.TOKEN_LAST_SECONDS):
        usable = None
    if not acquire(account.lock, 0 if usable else limits.TOKEN_TOTAL_SECONDS):
        if usable:
            return replace(usable, from_cache=True)
        text = _("Another thread waits for Entra's answer.")
        raise MailError(Fault(Phase.TOKEN, Kind.TIMEOUT, text, host=app.cloud.authority_host))
    try:
        # Whoever held the lock before us has asked already, for us too.
        outcome = None if fresh or fetches == kept.fetches else _outcome_of_another(kept)
        outcome = outcome or _renewed(account, kept, app, scopes, policy, fresh, note)
    finally:
        account.lock.release()
    if isinstance(outcome, Fault):
        # Raised here, where no frame holds the secret.
        raise MailError(outcome)
    return outcome


def forget_token(app: EntraApp, scopes: tuple[str, ...], refused: Token | None = None) -> None:
    """Drop the kept token for `scopes`, so that the next fetch asks Entra.

    With `refused`, only that token is dropped: another thread or process may have a newer one already. Raises what
    revealing the secret raises.
    """
    account, key = _account(app), credentials.shared_key(app, scopes)
    with account.lock:
        kept = account.kept.get(scopes)
        if kept and kept.token and (refused is None or kept.token.value == refused.value):
            kept.token = None
        if key:
            found = shared().token(key)
            if found and (refused is None or found.value == refused.value):
                shared().keep_token(key, None)


def _account(app: EntraApp) -> _Account:
    """Return the account of the present credential of `app`; a changed credential or destination is another one."""
    key = credentials.identity(app)
    with _accounts_lock:
        account = _accounts.setdefault(key, _Account())
        _accounts.move_to_end(key)
        while len(_accounts) > limits.TOKEN_APPS:
            _accounts.popitem(last=False)
        return account


def _outcome_of_another(kept: _Kept) -> Token | Fault | None:
    """Return how the fetch of another thread ended: with a token that holds for a while, or why there is none."""
    if kept.token and kept.token.holds(limits.TOKEN_LAST_SECONDS):
        return replace(kept.token, from_cache=True)
    return kept.fault


def _renewed(
    account: _Account,
    kept: _Kept,
    app: EntraApp,
    scopes: tuple[str, ...],
    policy: NetworkPolicy,
    fresh: bool,
    note: Note,
) -> Token | Fault:
    """Return a new token, another process's or Entra's, or what went wrong. Raises what revealing the secret raises."""
    key = credentials.shared_key(app, scopes)
    with ExitStack() as held:
        if key and not fresh:
            # A place that stays taken belongs to a process that died: asking twice does no harm.
            with suppress(NotNow):
                held.enter_context(shared().lease(f"token:{key}", 1, limits.TOKEN_TOTAL_SECONDS))
        outcome: Token | Fault | None = _from_others(key, kept) if key and not fresh else None
        if outcome is None:
            outcome = _asked(account, app, scopes, policy, fresh, note)
            if key and isinstance(outcome, Token):
                shared().keep_token(key, SharedToken(outcome.value, outcome.expires_at))
    spare = None if fresh else kept.token
    kept.fetches += 1
    if isinstance(outcome, Token):
        kept.token, kept.fault = replace(outcome, from_cache=False), None
        return outcome
    kept.fault = outcome
    if spare and outcome.kind not in _ANSWERS and spare.holds(limits.TOKEN_LAST_SECONDS):
        return replace(spare, from_cache=True)
    return outcome


def _from_others(key: str, kept: _Kept) -> Token | None:
    """Return the token that another process got, if it holds for long enough."""
    found = shared().token(key)
    if found is None:
        return None
    token = Token(found.value, found.expires_at, {}, from_cache=True)
    if not token.holds(limits.TOKEN_SPARE_SECONDS):
        return None
    return replace(token, claims=claims_of(found.value.reveal()))


def _asked(
    account: _Account, app: EntraApp, scopes: tuple[str, ...], policy: NetworkPolicy, fresh: bool, note: Note
) -> Token | Fault:
    """Return what Entra gives or says. Raises only what revealing the secret raises."""
    text = credentials.opened(app)
    mark = credentials.mark(text)
    refusal = account.refusal
    if not fresh and refusal and refusal.mark == mark and time.monotonic() < refusal.until:
        return refusal.fault
    asked = ask(app, scopes, policy, text, note)
    account.refusal = _refusal(app, mark, asked)
    return asked.outcome


def _refusal(app: EntraApp, mark: bytes, asked: Asked) -> _Refusal | None:
    """Return what to remember. A secret that has ended by Entra's word and by its own date never works again."""
    if not asked.credential_refused or isinstance(asked.outcome, Token):
        return None
    for_good = asked.outcome.aadsts in _SAYS_ENDED and credentials.ended(app.credential)
    until = float("inf") if for_good else time.monotonic() + limits.TOKEN_REFUSED_SECONDS
    return _Refusal(mark, until, asked.outcome)


def _forget_everything() -> None:
    """Start empty in a forked child: a lock may have been held, and a fetch be under way."""
    global _accounts_lock
    _accounts_lock = threading.Lock()
    _accounts.clear()


os.register_at_fork(after_in_child=_forget_everything)
