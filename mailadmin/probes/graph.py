"""The step ladder for an Office 365 OAuth service: it walks the very client that sending uses."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from mailadmin.core import limits
from mailadmin.core.errors import MailError, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.report import Step, StepState
from mailadmin.core.settings import EntraApp, OAuthRoute
from mailadmin.net.environment import proxy_for
from mailadmin.net.http import look_at, split_host
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.entra.sign_in import Note
from mailadmin.transports.entra.tokens import Token
from mailadmin.transports.graph.client import GraphClient
from mailadmin.transports.graph.mime import graph_mime
from mailadmin.transports.graph.transport import refuse_unfit

from .recorder import Recorder, StepFailed, fail

GRAPH_PLAN: tuple[tuple[str, str], ...] = (
    ("settings", "Settings"),
    ("signin-host", "Sign-in host"),
    ("token", "Token"),
    ("mailbox", "Mailbox"),
    ("message", "Message"),
)
SEND_ROLE = "Mail.Send"
# Microsoft Graph's own app id: the same in every tenant and cloud (learn.microsoft.com, "verify
# first-party Microsoft applications in sign-in reports").
_GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"


def probe_graph(
    route: OAuthRoute,
    recorder: Recorder,
    policy: NetworkPolicy,
    *,
    recipient: str = "",
    mail: Mail | None = None,
) -> list[Step]:
    """Test `route` step by step and return the steps; `mail` is sent to `recipient` in the last one.

    Without a mail nothing is sent. Raises Cancelled when the recorder was told to stop; the recorder
    holds the steps so far.
    """
    with suppress(StepFailed):
        _walk(route, recorder, policy, recipient, mail)
    return recorder.finish()


def _walk(route: OAuthRoute, recorder: Recorder, policy: NetworkPolicy, recipient: str, mail: Mail | None) -> None:
    with recorder.step("settings") as step:
        client = GraphClient(route, policy)
        _settings(step, route, client.app)
    with closing(client):
        with recorder.step("signin-host") as step:
            _sign_in_host(step, client.app, policy)
        with recorder.step("token") as step:
            client.note = _dialogue(step)
            _token(step, client)
        with recorder.step("mailbox") as step:
            client.note = _dialogue(step)
            _mailbox(step, client)
        if mail is None:
            recorder.skip("message", _why_not_sent(recipient))
            return
        with recorder.step("message") as step:
            client.note = _dialogue(step)
            _message(step, client, mail, recipient)


def _settings(step: Step, route: OAuthRoute, app: EntraApp) -> None:
    if not (app.credential and app.credential.secret and app.credential.secret.reveal()):
        raise MailError(Fault(Phase.SETTINGS, Kind.SECRET_MISSING))
    step.fact = f"{route.identity}, tenant {app.tenant}, cloud {app.cloud.name}"
    step.notes.append(f"Scope: {' '.join(route.effective_scopes)}")
    for host in dict.fromkeys((app.cloud.authority_host, app.cloud.graph_host)):
        if app.proxy:
            step.notes.append(f"{host} is reached by the proxy {app.proxy}.")
        elif proxy := proxy_for(*split_host(host)):
            step.notes.append(f"{host} is reached by the proxy {proxy} that the environment names.")


def _sign_in_host(step: Step, app: EntraApp, policy: NetworkPolicy) -> None:
    host = app.cloud.authority_host
    peer = look_at(host, policy, app.cloud.ca_pem, proxy=app.proxy)
    certificate = peer.certificate
    now = datetime.now(UTC)
    way = f"by the proxy {peer.proxy}" if peer.proxy else f"at {peer.address}"
    step.fact = f"{host} {way}, {certificate.tls_version}"
    step.notes.append(f"The certificate is {certificate.words(now)}.")
    if certificate.days_left(now) < limits.CERTIFICATE_WARNING_DAYS:
        step.state = StepState.WARNING


def _token(step: Step, client: GraphClient) -> None:
    """A token of the sending may be in memory; the test asks for a new one, to prove that it can be got."""
    token = client.token(fresh=True)
    minutes = max(round((token.expires_at - time.time()) / 60), 0)
    roles = _roles(token.claims)
    named = ", ".join(roles) if roles else "none named in it"
    step.fact = f"Valid for {minutes} minutes; permissions: {named}"
    warnings = [*_about_permissions(token, roles), *_about_audience(token, client)]
    if warnings:
        step.state = StepState.WARNING
        step.notes += warnings


def _roles(claims: Any) -> list[str]:
    roles = claims.get("roles")
    return sorted(str(role) for role in roles) if isinstance(roles, list) else []


def _about_permissions(token: Token, roles: list[str]) -> list[str]:
    if SEND_ROLE in roles:
        return []
    if not token.claims:
        return ["The token cannot be read, so its permissions are not known here."]
    return [
        f"The token does not name the permission {SEND_ROLE}. That is in order when the permission is given "
        "in Exchange (RBAC for Applications); otherwise add the application permission in Entra and grant "
        "admin consent. The next step shows which."
    ]


def _about_audience(token: Token, client: GraphClient) -> list[str]:
    """Explain a token for another service: Graph will refuse it with 401."""
    audience = str(token.claims.get("aud", ""))
    if not audience or audience == _GRAPH_APP_ID:
        return []
    if urlsplit(audience).netloc.lower() == client.app.cloud.graph_host.lower():
        return []
    return [
        f"The token is for {audience}, not for Microsoft Graph at {client.app.cloud.graph_host}. Leave the "
        f"scopes empty, or use {client.app.cloud.graph_scope}."
    ]


def _mailbox(step: Step, client: GraphClient) -> None:
    """Ask to send to nobody: refused for the missing recipients only where everything else is in order."""
    answer = client.send_to_nobody()
    fault = client.fault(answer)
    if fault and fault.http_status == 400 and fault.graph_code == "ErrorInvalidRecipients":
        step.fact = f"{client.route.identity} may be used to send"
        step.notes.append(
            "Graph refused a message without recipients for that reason alone, which proves token, "
            "permission and mailbox without sending. This has not been verified on a real tenant."
        )
        return
    if fault and fault.http_status in (401, 403, 404):
        raise MailError(fault)
    if fault:
        fail(step, mail_error(fault), StepState.NOT_PROVEN)
        return
    step.state = StepState.NOT_PROVEN
    step.fact = "Graph took a message without recipients, which proves nothing about the mailbox"


def _message(step: Step, client: GraphClient, mail: Mail, recipient: str) -> None:
    refuse_unfit(mail)
    client.send_mime(graph_mime(mail))
    step.fact = f"Accepted for {recipient or ', '.join(mail.recipients)}"
    step.notes.append(
        "Graph accepts first and delivers later: a report of non-delivery would come to the mailbox "
        f"{client.route.identity}."
    )


def _why_not_sent(recipient: str) -> str:
    if recipient:
        return "No message was given to send."
    return "Not sent, because no recipient was given"


def _dialogue(step: Step) -> Note:
    """Return a function that adds a line to the dialogue of `step`, up to the limit."""

    def note(line: str) -> None:
        if len(step.dialogue) < limits.DIALOGUE_LINES:
            step.dialogue.append(line)

    return note
