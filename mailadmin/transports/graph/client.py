"""The requests to Microsoft Graph: with a token, within Microsoft's limits, and none sent twice but where the first was
refused for sure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote
from uuid import uuid4

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import MASK, clean, mask
from mailadmin.core.secret import Secret
from mailadmin.core.settings import CredentialKind, EntraApp, OAuthRoute
from mailadmin.core.texts import _
from mailadmin.net.http import Answer, exchange, split_host
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.entra.sign_in import Note, silent
from mailadmin.transports.entra.tokens import Token, fetch_token, forget_token

from .faults import ACCEPTED, graph_fault, pause_asked, refused_for_now
from .manners import Rest, await_pause_end, hold_back, place
from .pool import POOL, Lent, way_to
from .upload_host import ask_upload_host

_NO_RECIPIENTS = {
    "message": {"subject": "Connection test", "body": {"contentType": "text", "content": ""}},
    "saveToSentItems": False,
}


@dataclass(frozen=True)
class _Asked:
    """One request for a mailbox."""

    method: str
    path: str  # below the mailbox
    mailbox: str
    content_type: str
    body: bytes = field(repr=False)
    unsure_after_body: bool
    leaving: Callable[[], None]


class GraphClient:
    """Asks Graph for one OAuth service; one thread at a time. `note` is told the dialogue, without secrets; `rest` lets
    the time of a pause pass.

    The connections are those of the pool, so that a client costs nothing to make.
    """

    def __init__(self, route: OAuthRoute, policy: NetworkPolicy, note: Note = silent, rest: Rest = time.sleep) -> None:
        """Raises MailError when a setting is missing."""
        self.app = complete_app(route)
        self.route, self.policy, self.note, self.rest = route, policy, note, rest
        self.host, self.port = split_host(self.app.cloud.graph_host)
        self._bearer: Token | None = None  # the token that was used last

    def token(self, fresh: bool = False) -> Token:
        """Return the token for the route's scopes. Raises MailError."""
        scopes, host = self.route.effective_scopes, self.app.cloud.graph_host
        return fetch_token(self.app, scopes, self.policy, fresh=fresh, note=self.note, to=host)

    def request(
        self,
        method: str,
        path: str,
        *,
        mailbox: str,
        content_type: str = "",
        body: bytes = b"",
        unsure_after_body: bool = False,
        patience: float = limits.GRAPH_PATIENCE_SECONDS,
        leaving: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Ask for `path` below /v1.0/users/{mailbox} and return the answer, whatever its status.

        A token that is refused is replaced once. Where Graph is throttled or busy, everybody keeps the pause that it
        asks for, and this request is made once more if the pause is over within `patience` seconds. Right before each
        time `leaving` is called; should it raise, the request does not leave. Raises MailError when no answer came,
        PACED when Microsoft asked before for a pause that takes longer, BUSY when no place became free; with
        `unsure_after_body` DeliveryUnsure when the request may have been acted on.
        """
        until = time.monotonic() + patience
        asked = _Asked(method, path, mailbox.strip(), content_type, body, unsure_after_body, leaving)
        if method != "DELETE":  # what it takes away would stay for good
            await_pause_end(self.app, patience, self.rest)
        answer = self._ask(asked)
        pause = self._heed(answer, asked.mailbox)
        if pause is not None and refused_for_now(answer) and pause <= until - time.monotonic():
            self.note(_("Graph wants a pause of {seconds:.0f} seconds.").format(seconds=pause))
            self.rest(pause)
            answer = self._ask(asked)
            self._heed(answer, asked.mailbox)
        return answer

    def put(self, url: Secret, body: bytes | memoryview, headers: Mapping[str, str]) -> Answer:
        """Put a piece of an upload and return the answer, whatever its status: to the host that Graph named, without
        the token. The address grants the upload by itself, so it is in no note and no error. Raises MailError."""
        return self._upload("PUT", url, bytes(body), headers)

    def get_status(self, url: Secret) -> Answer:
        """Ask how far an upload is, as `put` does. Raises MailError."""
        return self._upload("GET", url)

    def cancel(self, url: Secret) -> None:
        """Give an upload up. Best effort: Microsoft forgets it by itself in the end. Raises nothing."""
        try:
            self._upload("DELETE", url)
        except MailError as error:
            self.note(_("The upload could not be cancelled: {reason}").format(reason=error.summary))

    def send_to_nobody(self, mailbox: str = "") -> Answer:
        """Ask to send a message without recipients from `mailbox` (the service identity without one) and return the
        answer, whatever its status.

        Where token, permission and mailbox are in order this is 400 ErrorInvalidRecipients, and nothing is
        sent. Raises MailError when no answer came.
        """
        body = json.dumps(_NO_RECIPIENTS).encode()
        mailbox = mailbox or self.route.identity
        return self.request(
            "POST", "/sendMail", mailbox=mailbox, content_type="application/json", body=body, patience=0
        )

    def fault(self, answer: Answer, accepted: tuple[int, ...] = (ACCEPTED,)) -> Fault | None:
        """Return what is wrong with `answer`, None when its status is one of `accepted`; see `graph_fault`."""
        fault = graph_fault(answer, self.host, self.port, accepted)
        if fault and self._bearer:
            return replace(fault, text=mask(fault.text, [self._bearer.value.reveal()]))
        return fault

    def close(self) -> None:
        """Do nothing: between two requests a client holds no connection."""

    def _ask(self, asked: _Asked) -> Answer:
        self._bearer = self.token()
        answer = self._exchange(asked, self._bearer)
        if answer.status == 401:
            # Refused for sure, so once more is safe: the token may have been withdrawn before its end.
            forget_token(self.app, self.route.effective_scopes, self._bearer)
            self._bearer = self.token()
            answer = self._exchange(asked, self._bearer)
        return answer

    def _exchange(self, asked: _Asked, token: Token) -> Answer:
        url = f"https://{self.app.cloud.graph_host}/v1.0/users/{quote(asked.mailbox, safe='@')}{asked.path}"
        headers = {"Content-Type": asked.content_type} if asked.content_type else {}
        headers["client-request-id"] = str(uuid4())
        self.note(f"> {asked.method} {clean(url)}")
        self.note(f"> Authorization: Bearer {MASK}")
        for name, value in headers.items():
            self.note(f"> {name}: {value}")
        way = way_to(self.app.cloud.graph_host, self.app, self.policy)
        with place(self.app), POOL.session(way) as lent:
            answer = _once(lent, asked, url, headers, token)
        self._note_answer(answer, [token.value.reveal()])
        return answer

    def _upload(self, method: str, url: Secret, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        outcome = ask_upload_host(method, url, body, headers or {}, self.app, self.policy, self.note)
        if isinstance(outcome, Fault):
            # Raised here, where no frame holds the address.
            raise MailError(outcome)
        self._heed(outcome)
        return outcome

    def _heed(self, answer: Answer, mailbox: str = "") -> float | None:
        """Let everybody keep the pause that `answer` asks for, and return its seconds, None without one."""
        pause = pause_asked(answer)
        if pause is not None:
            hold_back(self.app, mailbox, pause)
        return pause

    def _note_answer(self, answer: Answer, secrets: list[str]) -> None:
        self.note(f"< {answer.status}")
        for name in ("request-id", "client-request-id", "Date", "Retry-After"):
            if name in answer.headers:
                self.note(f"< {name}: {clean(answer.headers[name])}")
        if answer.body and answer.status >= 300:  # a success may name the secret address of an upload
            self.note("< " + clean(answer.text, secrets))


def complete_app(route: OAuthRoute) -> EntraApp:
    """Return the app registration of `route`. Raises MailError that says what is missing."""
    app = route.app
    if app is None:
        raise _incomplete(_("The OAuth service has no integrated service."), "integrated_service")
    missing = {
        _("The OAuth service lacks a service identity (the mailbox that sends)."): (route.identity, "service_identity"),
        _("The OAuth service lacks a Graph host."): (app.cloud.graph_host, "host"),
    }
    if not (app.credential and app.credential.kind is CredentialKind.MANAGED_IDENTITY):  # the machine knows these
        missing |= {
            _("The OAuth service lacks a tenant."): (app.tenant, "tenant"),
            _("The OAuth service lacks a client ID."): (app.client_id, "client_id"),
            _("The OAuth service lacks a sign-in host."): (app.cloud.authority_host, "host"),
        }
    for text, (value, name) in missing.items():
        if not value.strip():
            raise _incomplete(text, name)
    return app


def _once(lent: Lent, asked: _Asked, url: str, headers: dict[str, str], token: Token) -> Answer:
    """Make the request once; again only where the server had closed the kept connection before all of a message
    had left, so that it surely did nothing."""

    def attempt() -> Answer:
        asked.leaving()
        return exchange(
            lent.session,
            asked.method,
            url,
            phase=Phase.GRAPH,
            headers=headers,
            body=asked.body,
            bearer=token.value,
            unsure_after_body=asked.unsure_after_body,
        )

    try:
        return attempt()
    except MailError as error:
        broke = error.fault.phase is Phase.GRAPH and error.fault.kind is Kind.CLOSED
        if not (lent.kept and asked.unsure_after_body and broke and not error.fault.maybe_sent):
            raise
    return attempt()


def _incomplete(text: str, name: str) -> MailError:
    return MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, text, field=name))
