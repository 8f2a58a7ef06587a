"""The requests to Microsoft Graph: with a token, once, and once more with a new token after a 401."""

from __future__ import annotations

import json
from urllib.parse import quote
from uuid import uuid4

from mailadmin.core.errors import MailError, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import MASK, clean
from mailadmin.core.settings import EntraApp, OAuthRoute
from mailadmin.net.http import Answer, exchange, guarded_session, split_host
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.entra.sign_in import Note, silent
from mailadmin.transports.entra.tokens import Token, fetch_token, forget_token

from .faults import graph_fault
from .mime import encoded

_NO_RECIPIENTS = {
    "message": {"subject": "Connection test", "body": {"contentType": "text", "content": ""}},
    "saveToSentItems": False,
}


class GraphClient:
    """Sends for one OAuth service. `note` is told the dialogue, without secrets. Close it in the end."""

    def __init__(self, route: OAuthRoute, policy: NetworkPolicy, note: Note = silent) -> None:
        """Raises MailError when a setting is missing."""
        self.app = complete_app(route)
        self.route, self.policy, self.note = route, policy, note
        self.host, self.port = split_host(self.app.cloud.graph_host)
        self._session = guarded_session(policy, self.app.cloud.ca_pem, proxy=self.app.proxy)

    def token(self, fresh: bool = False) -> Token:
        """Return the token for the route's scopes. Raises MailError."""
        return fetch_token(self.app, self.route.effective_scopes, self.policy, fresh=fresh, note=self.note)

    def send_mime(self, mime: bytes) -> Answer:
        """Send a message in MIME form, its recipients in its headers; return the 202 answer.

        Raises MailError; DeliveryUnsure when the message may have been taken.
        """
        answer = self._send_mail("text/plain", encoded(mime), unsure_after_body=True)
        if fault := self.fault(answer):
            raise mail_error(fault)
        return answer

    def send_to_nobody(self, mailbox: str = "") -> Answer:
        """Ask to send a message without recipients from `mailbox` (the service identity without one) and return the
        answer, whatever its status.

        Where token, permission and mailbox are in order this is 400 ErrorInvalidRecipients, and nothing is
        sent. Raises MailError when no answer came.
        """
        body = json.dumps(_NO_RECIPIENTS).encode()
        return self._send_mail("application/json", body, unsure_after_body=False, mailbox=mailbox)

    def fault(self, answer: Answer) -> Fault | None:
        """Return what is wrong with `answer`, None for 202."""
        return graph_fault(answer, self.host, self.port)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _send_mail(self, content_type: str, body: bytes, unsure_after_body: bool, mailbox: str = "") -> Answer:
        token = self.token()
        answer = self._post(token, content_type, body, unsure_after_body, mailbox)
        if answer.status == 401:
            # Refused for sure, so once more is safe: the token may have been withdrawn before its end.
            forget_token(self.app, self.route.effective_scopes, token)
            answer = self._post(self.token(), content_type, body, unsure_after_body, mailbox)
        return answer

    def _post(self, token: Token, content_type: str, body: bytes, unsure_after_body: bool, mailbox: str) -> Answer:
        path = f"/v1.0/users/{quote((mailbox or self.route.identity).strip(), safe='@')}/sendMail"
        headers = {"Content-Type": content_type, "client-request-id": str(uuid4())}
        self.note(f"> POST https://{self.app.cloud.graph_host}{path}")
        self.note(f"> Authorization: Bearer {MASK}")
        for name, value in headers.items():
            self.note(f"> {name}: {value}")
        answer = exchange(
            self._session,
            "POST",
            f"https://{self.app.cloud.graph_host}{path}",
            phase=Phase.GRAPH,
            headers=headers,
            body=body,
            bearer=token.value,
            unsure_after_body=unsure_after_body,
        )
        self.note(f"< {answer.status}")
        for name in ("request-id", "Retry-After"):
            if name in answer.headers:
                self.note(f"< {name}: {clean(answer.headers[name])}")
        if answer.body:
            self.note("< " + clean(answer.text, [token.value.reveal()]))
        return answer


def complete_app(route: OAuthRoute) -> EntraApp:
    """Return the app registration of `route`. Raises MailError that says what is missing."""
    app = route.app
    if app is None:
        raise _incomplete("The OAuth service has no integrated service.")
    missing = {
        "a service identity (the mailbox that sends)": route.identity.strip(),
        "a tenant": app.tenant,
        "a client ID": app.client_id,
        "a sign-in host": app.cloud.authority_host,
        "a Graph host": app.cloud.graph_host,
    }
    for what, value in missing.items():
        if not value:
            raise _incomplete(f"The OAuth service lacks {what}.")
    return app


def _incomplete(text: str) -> MailError:
    return MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, text))
