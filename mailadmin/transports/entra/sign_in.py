"""The HTTP client that msal gets from us: our guarded session, and every bad answer a MailError before
msal can stumble over it, keep it for a minute, or log it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import MASK, clean, mask
from mailadmin.core.settings import EntraApp
from mailadmin.net.http import Answer, HttpTimeouts, exchange, guarded_session, split_host
from mailadmin.net.policy import NetworkPolicy

from .faults import token_fault

Note = Callable[[str], None]
_SECRET_FIELDS = ("client_secret", "client_assertion")


def silent(line: str) -> None:
    """Take a line of dialogue and forget it."""


@dataclass(frozen=True)
class SignInAnswer:
    """An answer in the shape that msal reads."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """Do nothing: answers with an error never get this far."""


class SignInClient:
    """Asks the sign-in host of one app. `policy`, `proxy` and `note` (told each line of dialogue, without secrets)
    may be changed between requests."""

    def __init__(self, app: EntraApp) -> None:
        self.host, self.port = split_host(app.cloud.authority_host)
        self.policy = NetworkPolicy()
        self.proxy = app.proxy
        self.note: Note = silent
        self._ca_pem = app.cloud.ca_pem

    def get(self, url: str, params: Any = None, headers: Any = None, **unused: Any) -> SignInAnswer:
        """Return the OpenID configuration. Raises MailError."""
        return self._ask("GET", url, "token_endpoint", headers, {})

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **unused: Any) -> SignInAnswer:
        """Return a token answer. Raises MailError."""
        return self._ask("POST", url, "access_token", headers, dict(data or {}))

    def close(self) -> None:
        """Do nothing: each request has a connection of its own, tokens being asked for once an hour."""

    def _ask(self, method: str, url: str, wanted: str, headers: Any, form: dict[str, str]) -> SignInAnswer:
        self._check_host(url)
        shown = {name: MASK if name in _SECRET_FIELDS else value for name, value in form.items()}
        self.note(f"> {method} {clean(url)}")
        if shown:
            self.note("> " + clean("&".join(f"{name}={value}" for name, value in shown.items())))
        extra = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        timeouts = HttpTimeouts(read=limits.TOKEN_READ_SECONDS, total=limits.TOKEN_TOTAL_SECONDS)
        with guarded_session(self.policy, self._ca_pem, timeouts, self.proxy) as session:
            answer = exchange(
                session,
                method,
                url,
                phase=Phase.TOKEN,
                headers={**(headers or {}), **extra},
                body=urlencode(form).encode(),
            )
        fault = token_fault(answer, wanted, self.host, self.port)
        if fault:
            fault = replace(fault, text=mask(fault.text, [form.get(name, "") for name in _SECRET_FIELDS]))
        self.note(f"< {answer.status}" + (f" {fault.text}" if fault else ""))
        if fault:
            raise MailError(fault)
        return _for_msal(answer)

    def _check_host(self, url: str) -> None:
        """The host's own configuration names the token endpoint; the secret goes to no other host."""
        authority = url.removeprefix("https://").partition("/")[0]
        if not url.startswith("https://") or split_host(authority) != (self.host, self.port):
            text = "The sign-in host's configuration names a token endpoint on another host."
            raise MailError(Fault(Phase.TOKEN, Kind.HTTP_ANSWER, text, host=self.host, port=self.port))


def _for_msal(answer: Answer) -> SignInAnswer:
    return SignInAnswer(answer.status, answer.text, answer.headers)
