"""The test of an SMTP connection: the very session that sends, walked phase by phase."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

from mailadmin.core import limits
from mailadmin.core.content import Content
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.report import Step, StepState
from mailadmin.core.settings import Security, SmtpAuth, SmtpRoute
from mailadmin.net import tls
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp import second_look
from mailadmin.transports.smtp.session import SmtpSession

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
_SECURITY_WORDS = {
    Security.NONE: "no encryption",
    Security.STARTTLS_IF_OFFERED: "STARTTLS if it is offered",
    Security.STARTTLS: "STARTTLS required",
    Security.TLS: "TLS from the start",
}
_AUTH_WORDS = {
    SmtpAuth.NONE: "no sign-in",
    SmtpAuth.PASSWORD: "sign-in by password",
    SmtpAuth.XOAUTH2: "sign-in by token (XOAUTH2)",
}
_NO_RECIPIENT = "no recipient was given"


def smtp_plan(security: Security) -> tuple[tuple[str, str], ...]:
    """Return the plan in the order in which the steps run: with TLS from the start, the encryption comes
    before the greeting."""
    if security is not Security.TLS:
        return SMTP_PLAN
    order = [Phase.SETTINGS, Phase.DNS, Phase.TCP, Phase.TLS]
    return tuple(sorted(SMTP_PLAN, key=lambda rung: order.index(Phase(rung[0])) if rung[0] in order else 9))


def probe_smtp(
    route: SmtpRoute,
    recorder: Recorder,
    policy: NetworkPolicy,
    *,
    sender: str,
    recipient: str = "",
    mail: Mail | None = None,
) -> list[Step]:
    """Walk the ladder for `route` and return its steps.

    Without a `recipient` it ends at the sender, without a `mail` at the recipient (nothing is sent then, RSET
    undoes it); with both, the mail is really sent. Raises Cancelled when the test was stopped. The connection
    is closed in every case.
    """
    session = SmtpSession(route, policy)
    envelope = mail or Mail(sender, (recipient,) if recipient else (), Content(b""), "")
    try:
        with suppress(StepFailed):
            _way_in(session, recorder)
            _message(session, recorder, envelope, really=mail is not None)
    finally:
        session.quit()
    return recorder.finish()


def _way_in(session: SmtpSession, recorder: Recorder) -> None:
    with recorder.step(Phase.SETTINGS) as step:
        _check_settings(session.route, step)
    with recorder.step(Phase.DNS) as step:
        step.fact = ", ".join(session.resolve())
    with recorder.step(Phase.TCP) as step:
        session.connect()
        step.fact = f"Connected to {session.wire.peer}, port {session.port}"
        if session.exposed and session.route.security is Security.NONE:
            _warn(step, "This connection is not encrypted: everybody on the way can read the messages.")
    if session.route.security is Security.TLS:
        _encryption(session, recorder)
        _greeting(session, recorder)
    else:
        _greeting(session, recorder)
        _encryption(session, recorder)
    _sign_in(session, recorder)


def _message(session: SmtpSession, recorder: Recorder, mail: Mail, *, really: bool) -> None:
    with _step(session, recorder, Phase.SENDER) as step:
        session.mail(mail)
        step.fact = f"{mail.sender or 'The empty sender'} was accepted"
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
        reply = session.data(mail.content)
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
    if route.auth is not SmtpAuth.NONE and not route.user:
        raise MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, "The user name is missing."))
    if route.auth is SmtpAuth.XOAUTH2 and route.app is None:
        raise MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, "The integrated service is missing."))
    if route.auth is SmtpAuth.PASSWORD and not (route.password and route.password.reveal()):
        raise MailError(Fault(Phase.SETTINGS, Kind.SECRET_MISSING, "The password is missing."))
    tls.client_context(route.tls)
    step.fact = (
        f"{route.host}, port {route.effective_port}, {_SECURITY_WORDS[route.security]}, {_AUTH_WORDS[route.auth]}"
    )


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
    route = session.route
    if route.security is Security.NONE:
        recorder.skip(Phase.TLS, "no encryption was chosen")
        return
    with _step(session, recorder, Phase.TLS) as step:
        try:
            session.secure()
        except MailError:
            _describe(step, session.certificate())
            raise
        certificate = session.certificate()
        if certificate is None:
            step.state = StepState.WARNING
            step.fact = "The server does not offer STARTTLS, so this connection is not encrypted"
            return
        left = certificate.days_left(datetime.now(UTC))
        step.fact = f"{certificate.tls_version}, the certificate ends in {left} days"
        _describe(step, certificate)
        if left < limits.CERTIFICATE_WARNING_DAYS:
            _warn(step, f"The certificate ends in {left} days. Whoever runs the server should renew it now.")
        if not route.tls.check_identity:
            _warn(step, "The server's identity is not checked: another server could take its place unnoticed.")


def _describe(step: Step, certificate: tls.Certificate | None) -> None:
    if certificate:
        step.notes.append(f"The certificate is {certificate.words(datetime.now(UTC))}.")
        step.notes.append(f"{certificate.tls_version} with {certificate.cipher}.")


def _sign_in(session: SmtpSession, recorder: Recorder) -> None:
    if session.route.auth is SmtpAuth.NONE:
        recorder.skip(Phase.AUTH, "no sign-in was chosen")
        return
    with _step(session, recorder, Phase.AUTH) as step:
        session.sign_in()
        step.fact = f"Signed in as {session.route.user} by {session.mechanism}"
        if session.exposed:
            _warn(step, "The sign-in went over a connection without encryption.")


def _warn(step: Step, text: str) -> None:
    step.state = StepState.WARNING
    step.notes.append(text)
