"""The test of an SMTP connection: the very session that sends, walked phase by phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from mailadmin.core.content import Content
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.report import Step
from mailadmin.core.settings import Security, SmtpAuth, SmtpRoute
from mailadmin.net import tls
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp import auth, second_look
from mailadmin.transports.smtp.session import SmtpSession

from . import smtp_facts
from .recorder import Recorder, StepFailed

SMTP_PLAN: tuple[tuple[str, str], ...] = (
    (Phase.SETTINGS, "Settings"),
    (Phase.DNS, "Find the server (DNS)"),
    (Phase.TCP, "Connect to it (TCP)"),
    (Phase.GREETING, "Greeting"),
    (Phase.TLS, "Encryption and certificate (TLS)"),
    (Phase.AUTH, "Sign-in"),
    (Phase.SENDER, "Sender"),
    (Phase.RECIPIENT, "Recipient"),
    (Phase.MESSAGE, "Message"),
)
_THROUGH = (Phase.PROXY, "Reach it through the proxy")
_NO_RECIPIENT = "no recipient was given"


def smtp_plan(route: SmtpRoute) -> tuple[tuple[str, str], ...]:
    """Return the plan for `route` in the order in which the steps run: with TLS from the start, the encryption
    comes before the greeting; a proxy takes the place of the connection."""
    plan = [_THROUGH if route.proxy and key == Phase.TCP else (key, title) for key, title in SMTP_PLAN]
    if route.security is Security.TLS:
        keys = [key for key, _ in plan]
        plan.insert(keys.index(Phase.GREETING), plan.pop(keys.index(Phase.TLS)))
    return tuple(plan)


def probe_smtp(
    route: SmtpRoute,
    recorder: Recorder,
    policy: NetworkPolicy,
    *,
    sender: str,
    recipient: str = "",
    mail: Mail | None = None,
    learn_size: Callable[[int], None] = lambda limit: None,
) -> list[Step]:
    """Walk the ladder for `route` and return its steps.

    Without a `recipient` it ends at the sender, without a `mail` at the recipient (nothing is sent then, RSET
    undoes it); with both, the mail is really sent. `learn_size` is told the largest message (bytes) that the
    server takes, 0 for no limit. Raises Cancelled when the test was stopped. The connection is closed in every case.
    """
    session = SmtpSession(route, policy)
    envelope = mail or Mail(sender, (recipient,) if recipient else (), Content(b""), "")
    try:
        with suppress(StepFailed):
            _way_in(session, recorder)
            learn_size(session.size_limit)
            _message(session, recorder, envelope, really=mail is not None)
    finally:
        session.quit()
    return recorder.finish()


def _way_in(session: SmtpSession, recorder: Recorder) -> None:
    with recorder.step(Phase.SETTINGS) as step:
        _check_settings(session.route, step)
    if session.route.proxy:
        _through_the_proxy(session, recorder)
    else:
        _connection(session, recorder)
    if session.route.security is Security.TLS:
        _encryption(session, recorder)
        _greeting(session, recorder)
    else:
        _greeting(session, recorder)
        _encryption(session, recorder)
    _sign_in(session, recorder)


def _connection(session: SmtpSession, recorder: Recorder) -> None:
    with recorder.step(Phase.DNS) as step:
        step.fact = ", ".join(session.resolve())
    with recorder.step(Phase.TCP) as step:
        session.connect()
        step.fact = f"Connected to {session.wire.peer}, port {session.port}"
        _warn_of_clear_text(session, step)


def _through_the_proxy(session: SmtpSession, recorder: Recorder) -> None:
    recorder.skip(Phase.DNS, "the proxy resolves the name")
    with recorder.step(Phase.PROXY) as step:
        session.connect()
        step.fact = f"The proxy {session.route.proxy} leads to {session.host}, port {session.port}"
        _warn_of_clear_text(session, step)


def _warn_of_clear_text(session: SmtpSession, step: Step) -> None:
    if session.exposed and session.route.security is Security.NONE:
        smtp_facts.warn(step, "This connection is not encrypted: everybody on the way can read the messages.")


def _message(session: SmtpSession, recorder: Recorder, mail: Mail, *, really: bool) -> None:
    with _step(session, recorder, Phase.SENDER) as step:
        session.mail(mail)
        step.fact = f"{mail.sender or 'The empty sender'} was accepted"
        smtp_facts.extensions(session, step)
        if not mail.recipients:
            session.reset()
    if not mail.recipients:
        recorder.skip(Phase.RECIPIENT, _NO_RECIPIENT)
        recorder.skip(Phase.MESSAGE, _NO_RECIPIENT)
        return
    with _step(session, recorder, Phase.RECIPIENT) as step:
        for address in mail.recipients:
            session.rcpt(address)
        step.fact = f"{', '.join(mail.recipients)} was accepted"
        if not really:
            session.reset()
    if not really:
        recorder.skip(Phase.MESSAGE, "no message was to be sent")
        return
    with _step(session, recorder, Phase.MESSAGE) as step:
        reply = session.data(mail)
        step.fact = session.dialogue.clean(reply.text) or "The message was accepted"


@contextmanager
def _step(session: SmtpSession, recorder: Recorder, key: str) -> Iterator[Step]:
    """Run a step and keep the part of the dialogue that belongs to it."""
    before = len(session.dialogue.lines)
    with recorder.step(key) as step:
        try:
            yield step
        finally:
            step.dialogue = session.dialogue.lines[before:]


def _check_settings(route: SmtpRoute, step: Step) -> None:
    """Find out what is missing or unreadable before anything is dialled."""
    if not route.host:
        raise MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, "The host is missing."))
    auth.check_settings(route)
    tls.client_context(route.tls, route.client)
    if route.proxy and route.proxy.user and route.proxy.password is None:
        raise MailError(Fault(Phase.SETTINGS, Kind.SECRET_MISSING, "The proxy password is missing."))
    if route.proxy and route.proxy.password:
        route.proxy.password.reveal()  # one that cannot be read is told here
    smtp_facts.settings(route, step)


def _greeting(session: SmtpSession, recorder: Recorder) -> None:
    with _step(session, recorder, Phase.GREETING) as step:
        try:
            session.greet()
        except MailError as error:
            raise _perhaps_tls(session, error) from None
        offered = " ".join(f"{name.upper()} {value.strip()}".strip() + "," for name, value in session.features.items())
        step.fact = session.dialogue.clean(f"Offers {offered.rstrip(',')}" if offered else "Offers no extensions")


def _perhaps_tls(session: SmtpSession, error: MailError) -> MailError:
    """Return the error that fits a server which says nothing in plain text: it may be waiting for TLS."""
    fault = error.fault
    if fault.kind not in (Kind.TIMEOUT, Kind.CLOSED) or session.route.security is Security.TLS:
        return error
    session.refused_certificate = second_look.tls_spoken(session)
    if session.refused_certificate is None:
        return error
    text = "The server says nothing in plain text, and answers when it is spoken to in TLS."
    return MailError(replace(fault, kind=Kind.TLS_EXPECTED, text=text))


def _encryption(session: SmtpSession, recorder: Recorder) -> None:
    if session.route.security is Security.NONE:
        recorder.skip(Phase.TLS, "no encryption was chosen")
        return
    with _step(session, recorder, Phase.TLS) as step:
        try:
            session.secure()
        except MailError as error:
            smtp_facts.certificate(step, session.certificate(), told=error.fault.text)
            raise
        smtp_facts.encryption(session, step)


def _sign_in(session: SmtpSession, recorder: Recorder) -> None:
    if session.route.auth is SmtpAuth.NONE:
        recorder.skip(Phase.AUTH, "no sign-in was chosen")
        return
    with _step(session, recorder, Phase.AUTH) as step:
        session.sign_in()
        smtp_facts.sign_in(session, step)
