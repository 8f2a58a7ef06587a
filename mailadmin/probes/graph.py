"""The step ladder for an Office 365 OAuth service: it walks the very client and transport that sending uses."""

from __future__ import annotations

from contextlib import closing, suppress

from mailadmin.core import limits
from mailadmin.core.errors import MailError, mail_error
from mailadmin.core.report import Step, StepState
from mailadmin.core.settings import OAuthRoute
from mailadmin.core.sizes import in_words
from mailadmin.core.texts import _, ngettext
from mailadmin.net import stopping
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.graph.client import GraphClient
from mailadmin.transports.graph.transport import hand_over

from .claims import READ, READ_WRITE
from .entra import describe_app, describe_token, dialogue
from .hosts import look_at_host, look_at_sign_in_host
from .recorder import Recorder, StepFailed, fail

GRAPH_HOST = "graph-host"
_TITLE_CHARS = 80  # what a step keeps of its title


def graph_plan(route: OAuthRoute) -> tuple[tuple[str, str], ...]:
    """Return key and title of each step for `route`: one for each mailbox that sends."""
    mailboxes = _mailboxes(route)
    titles = [_("Mailbox {address}").format(address=address)[:_TITLE_CHARS] for address in mailboxes]
    if len(titles) <= 1:
        titles = [_("Mailbox")]
    keys = ["mailbox", *(f"mailbox-{number}" for number in range(2, len(titles) + 1))]
    return (
        ("settings", _("Settings")),
        ("signin-host", _("Sign-in host")),
        ("token", _("Token")),
        (GRAPH_HOST, _("Graph host")),
        *zip(keys, titles, strict=True),
        ("message", _("Message")),
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
        client = GraphClient(route, policy, rest=stopping.rest)
        _settings(step, route, client)
    with closing(client):
        with recorder.step("signin-host") as step:
            look_at_sign_in_host(step, client.app, policy)
        with recorder.step("token") as step:
            with dialogue(step) as client.note:
                # A token of the sending may be kept; the test asks for a new one, to prove that it can be got.
                token = client.token(fresh=True)
            describe_token(step, token, client.app, route.effective_scopes, needs=_needs(route))
        with recorder.step(GRAPH_HOST) as step:
            look_at_host(step, client.app.cloud.graph_host, client.app, policy)
        _look_at_mailboxes(recorder, client, route)
    if mail is None:
        recorder.skip("message", _why_not_sent(recipient))
        return
    with recorder.step("message") as step:
        _send(step, client, mail, recipient)


def _settings(step: Step, route: OAuthRoute, client: GraphClient) -> None:
    where = describe_app(step, client.app)
    others = len(_mailboxes(route)) - 1
    who = route.identity
    if others:
        text = ngettext("{mailbox} and {number} more mailbox", "{mailbox} and {number} more mailboxes", others)
        who = text.format(mailbox=who, number=others)
    step.fact = f"{who}, {where}"
    step.notes.append(_("Scope: {scopes}").format(scopes=" ".join(route.effective_scopes)))
    step.notes.append(_pace(route, client.app.requests_at_once))
    switched_on = _("Switched on: {option} (needs {permission}).")
    step.notes += [switched_on.format(option=option, permission=enough[0]) for option, enough in _needs(route)]
    step.details += [[_("Mailbox"), address] for address in _mailboxes(route)]
    largest = limits.GRAPH_UPLOAD_BYTES if route.large_messages else limits.GRAPH_REQUEST_BYTES
    by = _("{size} by upload, for each file") if route.large_messages else _("{size} as a whole, encoded")
    step.details.append([_("Largest message"), by.format(size=in_words(largest))])


def _pace(route: OAuthRoute, at_once: int) -> str:
    text = _("For each mailbox no limit; {requests} requests at once for the app.")
    if route.messages_per_minute:
        text = _("For each mailbox at most {number} messages a minute; {requests} requests at once for the app.")
    return text.format(number=route.messages_per_minute, requests=at_once)


def _needs(route: OAuthRoute) -> list[tuple[str, tuple[str, ...]]]:
    """Return the switched-on options that need a permission, with those of which one is enough."""
    options = (
        (route.large_messages, _("Send large messages by upload"), (READ_WRITE,)),
        (route.settle, _("Look into the mailbox after an unclear answer"), (READ, READ_WRITE)),
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
    for (key, _title), address in zip(graph_plan(route)[4:-1], _mailboxes(route), strict=True):
        try:
            with recorder.step(key) as step, dialogue(step) as client.note:
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
        step.fact = _("{mailbox} may be used to send").format(mailbox=address)
        step.notes.append(
            _(
                "Graph refused a message without recipients for that reason alone, which proves token, "
                "permission and mailbox without sending. This has not been verified on a real tenant."
            )
        )
        return
    if fault and fault.http_status in (401, 403, 404):
        raise MailError(fault)
    if fault:
        fail(step, mail_error(fault), StepState.NOT_PROVEN)
        return
    step.state = StepState.NOT_PROVEN
    step.fact = _("Graph took a message without recipients, which proves nothing about the mailbox")


def _send(step: Step, client: GraphClient, mail: Mail, recipient: str) -> None:
    with dialogue(step) as client.note:
        accepted = hand_over(client, mail)
    mailbox = mail.mailbox or client.route.identity
    step.fact = _("Accepted for {recipients}").format(recipients=recipient or ", ".join(mail.recipients))
    step.details += [[_("Mailbox"), mailbox], [_("Answer of Graph"), accepted.answer]]
    text = _(
        "Graph took the message; delivery to the inbox is not proven. It accepts first and delivers later: a report of "
        "non-delivery would come to the mailbox {mailbox}."
    )
    step.notes.append(text.format(mailbox=mailbox))


def _why_not_sent(recipient: str) -> str:
    if recipient:
        return _("No message was given to send.")
    return _("Not sent, because no recipient was given")
