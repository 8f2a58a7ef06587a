"""The step ladder for an Office 365 OAuth service: it walks the very client and transport that sending uses."""

from __future__ import annotations

from contextlib import closing, suppress

from mailadmin.core.errors import MailError, mail_error
from mailadmin.core.report import Step, StepState
from mailadmin.core.settings import OAuthRoute
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.graph.client import GraphClient
from mailadmin.transports.graph.transport import GraphTransport

from .claims import READ, READ_WRITE
from .entra import describe_app, describe_token, dialogue, look_at_sign_in_host
from .recorder import Recorder, StepFailed, fail

_TITLE_CHARS = 80  # what a step keeps of its title


def graph_plan(route: OAuthRoute) -> tuple[tuple[str, str], ...]:
    """Return key and title of each step for `route`: one for each mailbox that sends."""
    mailboxes = _mailboxes(route)
    titles = [f"Mailbox {address}"[:_TITLE_CHARS] for address in mailboxes] if len(mailboxes) > 1 else ["Mailbox"]
    keys = ["mailbox", *(f"mailbox-{number}" for number in range(2, len(titles) + 1))]
    return (
        ("settings", "Settings"),
        ("signin-host", "Sign-in host"),
        ("token", "Token"),
        *zip(keys, titles, strict=True),
        ("message", "Message"),
    )


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
        _settings(step, route, client)
    with closing(client):
        with recorder.step("signin-host") as step:
            look_at_sign_in_host(step, client.app, policy)
        with recorder.step("token") as step:
            client.note = dialogue(step)
            # A token of the sending may be kept; the test asks for a new one, to prove that it can be got.
            token = client.token(fresh=True)
            describe_token(step, token, client.app, route.effective_scopes, needs=_needs(route))
        _look_at_mailboxes(recorder, client, route)
    if mail is None:
        recorder.skip("message", _why_not_sent(recipient))
        return
    with recorder.step("message") as step:
        _send(step, route, policy, mail, recipient)


def _settings(step: Step, route: OAuthRoute, client: GraphClient) -> None:
    where = describe_app(step, client.app)
    others = len(_mailboxes(route)) - 1
    more = f" and {others} more {'mailbox' if others == 1 else 'mailboxes'}" if others else ""
    step.fact = f"{route.identity}{more}, {where}"
    step.notes.append(f"Scope: {' '.join(route.effective_scopes)}")
    pace = f"at most {route.messages_per_minute} messages a minute" if route.messages_per_minute else "no limit"
    step.notes.append(f"For each mailbox {pace}; {client.app.requests_at_once} requests at once for the app.")
    step.notes += [f"Switched on: {option} (needs {enough[0]})." for option, enough in _needs(route)]


def _needs(route: OAuthRoute) -> list[tuple[str, tuple[str, ...]]]:
    """Return the switched-on options that need a permission, with those of which one is enough."""
    options = (
        (route.large_messages, "Send large messages by upload", (READ_WRITE,)),
        (route.settle, "Look into the mailbox after an unclear answer", (READ, READ_WRITE)),
    )
    return [(name, enough) for switched_on, name, enough in options if switched_on]


def _mailboxes(route: OAuthRoute) -> list[str]:
    """Return every mailbox that sends, once, as it was typed first."""
    kept: dict[str, str] = {}
    for address in route.identities:
        kept.setdefault(address.strip().lower(), address.strip())
    return list(kept.values())


def _look_at_mailboxes(recorder: Recorder, client: GraphClient, route: OAuthRoute) -> None:
    """Look at all of them, so that one test names every mailbox that fails. Raises StepFailed when one did."""
    broken: StepFailed | None = None
    for (key, _title), address in zip(graph_plan(route)[3:-1], _mailboxes(route), strict=True):
        try:
            with recorder.step(key) as step:
                client.note = dialogue(step)
                _mailbox(step, client, address)
        except StepFailed as failure:
            broken = failure
    if broken:
        raise broken


def _mailbox(step: Step, client: GraphClient, address: str) -> None:
    """Ask to send to nobody: refused for the missing recipients only where everything else is in order."""
    answer = client.send_to_nobody(address)
    fault = client.fault(answer)
    if fault and fault.http_status == 400 and fault.graph_code == "ErrorInvalidRecipients":
        step.fact = f"{address} may be used to send"
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


def _send(step: Step, route: OAuthRoute, policy: NetworkPolicy, mail: Mail, recipient: str) -> None:
    with closing(GraphTransport(route, policy, dialogue(step))) as transport:
        transport.send(mail)
    step.fact = f"Accepted for {recipient or ', '.join(mail.recipients)}"
    step.notes.append(
        "Graph accepts first and delivers later: a report of non-delivery would come to the mailbox "
        f"{mail.mailbox or route.identity}."
    )


def _why_not_sent(recipient: str) -> str:
    if recipient:
        return "No message was given to send."
    return "Not sent, because no recipient was given"
