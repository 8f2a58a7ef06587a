"""The HTTP client that msal gets from us: our guarded session, and every bad answer a MailError before
msal can stumble over it, keep it for a minute, or log it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import MASK, clean, mask
from mailadmin.core.settings import EntraApp
from mailadmin.core.texts import _
from mailadmin.net.http import Answer, HttpTimeouts, exchange, guarded_session, split_host
from mailadmin.net.policy import NetworkPolicy

from .faults import refuses_credential, token_fault

Note = Callable[[str], None]
_MOMENT = 0.1  # seconds
_SUPPORT_HEADERS = ("x-ms-request-id", "client-request-id", "Date")  # what Microsoft's support asks for
_HEADER_CHARS = 100
_SECRET_FIELDS = ("client_secret", "client_assertion")


def silent(line: str) -> None:
    """Take a line of dialogue and forget it."""


@dataclass(frozen=True)
class MsalAnswer:
    """An answer in the shape that msal reads."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, answer: Answer) -> MsalAnswer:
        """Return `answer` in that shape."""
        return cls(answer.status, answer.text, answer.headers)

    def raise_for_status(self) -> None:
        """Do nothing: answers with an error never get this far."""


class SignInClient:
    """Asks the sign-in host of `app` until `deadline` (monotonic); `note` is told each line of dialogue, without
    secrets. `credential_refused` tells whether Entra refused the credential itself."""

    def __init__(self, app: EntraApp, policy: NetworkPolicy, note: Note, deadline: float) -> None:
        """Raises MailError when the sign-in host is none."""
        self.host, self.port = split_host(app.cloud.authority_host)
        self.credential_refused = False
        self._app, self._policy, self._note, self._deadline = app, policy, note, deadline

    def get(self, url: str, params: Any = None, headers: Any = None, **unused: Any) -> MsalAnswer:
        """Return the OpenID configuration. Raises MailError."""
        return self._ask("GET", url, "token_endpoint", headers, {})

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **unused: Any) -> MsalAnswer:
        """Return a token answer. Raises MailError."""
        return self._ask("POST", url, "access_token", headers, dict(data or {}))

    def close(self) -> None:
        """Do nothing: each request has a connection of its own, tokens being asked for once an hour."""

    def _ask(self, method: str, url: str, wanted: str, headers: Any, form: dict[str, Any]) -> MsalAnswer:
        self._check_host(url)
        secrets = [_text(form[name]) for name in _SECRET_FIELDS if name in form]
        shown = {name: MASK if name in _SECRET_FIELDS else value for name, value in form.items()}
        self._note(f"> {method} {clean(url)}")
        if shown:
            self._note("> " + clean("&".join(f"{name}={value}" for name, value in shown.items())))
        extra = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        with guarded_session(self._policy, self._app.cloud.ca_pem, self._timeouts(), self._app.proxy) as session:
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
            fault = replace(fault, text=mask(fault.text, secrets))
            self.credential_refused = refuses_credential(answer)
        self._note(f"< {answer.status}" + (f" {fault.text}" if fault else ""))
        for name in _SUPPORT_HEADERS:
            if name in answer.headers:
                self._note(f"< {name}: {clean(answer.headers[name], secrets, _HEADER_CHARS)}")
        if fault:
            raise MailError(fault)
        return MsalAnswer.of(answer)

    def _timeouts(self) -> HttpTimeouts:
        """Return what is left of the time; a moment at least, in which the request fails as one that took too long."""
        left = max(self._deadline - time.monotonic(), _MOMENT)
        return HttpTimeouts(min(limits.HTTP_CONNECT_SECONDS, left), min(limits.TOKEN_READ_SECONDS, left), left)

    def _check_host(self, url: str) -> None:
        """The host's own configuration names the token endpoint; the secret goes to no other host."""
        authority = url.removeprefix("https://").partition("/")[0]
        if not url.startswith("https://") or split_host(authority) != (self.host, self.port):
            text = _("The sign-in host's configuration names a token endpoint on another host.")
            raise MailError(Fault(Phase.TOKEN, Kind.HTTP_ANSWER, text, host=self.host, port=self.port))


def _text(value: Any) -> str:
    """Return a field as text; msal hands over a signed assertion as bytes."""
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
