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
from mailadmin.core.texts import N_, _
from mailadmin.net import tls
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp import auth, second_look
from mailadmin.transports.smtp.session import SmtpSession

from . import methods, smtp_facts
from .certificates import warn
from .families import OtherFamily, address_rows, family_of, milliseconds, stopwatch
from .recorder import Recorder, StepFailed

SMTP_PLAN: tuple[tuple[str, str], ...] = (
    (Phase.SETTINGS, N_("Settings")),
    (Phase.DNS, N_("Find the server (DNS)")),
    (Phase.TCP, N_("Connect to it (TCP)")),
    (Phase.GREETING, N_("Greeting")),
    (Phase.TLS, N_("Encryption and certificate (TLS)")),
    (Phase.AUTH, N_("Sign-in")),
    (Phase.SENDER, N_("Sender")),
    (Phase.RECIPIENT, N_("Recipient")),
    (Phase.MESSAGE, N_("Message")),
)
TUNNEL = "tunnel"
_LEGS = ((Phase.PROXY, N_("Reach the proxy")), (TUNNEL, N_("Through the proxy to the server")))
# What the proxy says of itself; any other failure of the tunnel is told of the server, or of the way to it.
_OF_THE_PROXY = (Kind.PROXY_UNREACHABLE, Kind.PROXY_SIGN_IN, Kind.PROXY_ANSWER)
_NO_RECIPIENT = N_("no recipient was given")


def smtp_plan(route: SmtpRoute) -> tuple[tuple[str, str], ...]:
    """Return the plan for `route` in the order in which the steps run: with TLS from the start, the encryption
    comes before the greeting; the two legs by a proxy take the place of the connection."""
    plan = list(SMTP_PLAN)
    if route.proxy:
        place = [key for key, _title in plan].index(Phase.TCP)
        plan[place : place + 1] = _LEGS
    if route.security is Security.TLS:
        keys = [key for key, _title in plan]
        plan.insert(keys.index(Phase.GREETING), plan.pop(keys.index(Phase.TLS)))
    return tuple((key, _(title)) for key, title in plan)


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
    beside: list[OtherFamily] = []
    try:
        with suppress(StepFailed):
            _way_in(session, recorder, beside)
            learn_size(session.size_limit)
            _message(session, recorder, envelope, really=mail is not None)
    finally:
        session.quit()
    for other in beside:
        if other.address:
            with recorder.after(Phase.TCP) as step:
                other.tell(step)
    return recorder.finish()


def _way_in(session: SmtpSession, recorder: Recorder, beside: list[OtherFamily]) -> None:
    with recorder.step(Phase.SETTINGS) as step:
        _check_settings(session.route, step)
    if session.route.proxy:
        _through_the_proxy(session, recorder)
    else:
        beside.append(_connection(session, recorder))
    if session.route.security is Security.TLS:
        _encryption(session, recorder)
        _greeting(session, recorder)
    else:
        _greeting(session, recorder)
        _encryption(session, recorder)
    _sign_in(session, recorder)


def _connection(session: SmtpSession, recorder: Recorder) -> OtherFamily:
    """Find and connect to the server, and return the attempt by its other family of addresses, which runs beside what
    follows."""
    with recorder.step(Phase.DNS) as step, stopwatch() as dns:
        step.fact = ", ".join(session.resolve())
        step.details += address_rows(session.addresses, dns())
    with recorder.step(Phase.TCP) as step, stopwatch() as tcp:
        session.connect()
        peer = session.wire.peer or session.addresses[0]  # none when the server has hung up already
        step.fact = _("Connected to {address}, port {port}").format(address=peer, port=session.port)
        used = _("connected in {time}; used for this test").format(time=milliseconds(tcp()))
        step.details.append([f"{family_of(peer)} {peer}", used])
        _warn_of_clear_text(session, step)
    return OtherFamily(session.addresses, peer, session.host, session.port)


def _through_the_proxy(session: SmtpSession, recorder: Recorder) -> None:
    recorder.skip(Phase.DNS, _("the proxy resolves the name"))
    refusal: MailError | None = None
    with recorder.step(Phase.PROXY) as step:
        session.reach_proxy()
        text = _("Connected to the proxy {proxy} at {address}")
        step.fact = text.format(proxy=session.route.proxy, address=session.wire.peer)
        recorder.hand_over()
        try:
            session.open_tunnel()
        except MailError as error:
            if error.fault.kind in _OF_THE_PROXY:
                raise
            refusal = error
    with recorder.step(TUNNEL) as step:
        if refusal:
            raise refusal
        step.fact = _("The proxy leads to {host}, port {port}").format(host=session.host, port=session.port)
        step.details.append([_("Name looked up by"), _("the proxy")])
        _warn_of_clear_text(session, step)


def _warn_of_clear_text(session: SmtpSession, step: Step) -> None:
    if session.exposed and session.route.security is Security.NONE:
        warn(step, _("This connection is not encrypted: everybody on the way can read the messages."))


def _message(session: SmtpSession, recorder: Recorder, mail: Mail, *, really: bool) -> None:
    with _step(session, recorder, Phase.SENDER) as step:
        session.mail(mail)
        step.fact = _("{sender} was accepted").format(sender=mail.sender or _("The empty sender"))
        smtp_facts.extensions(session, step)
        if not mail.recipients:
            session.reset()
    if not mail.recipients:
        recorder.skip(Phase.RECIPIENT, _(_NO_RECIPIENT))
        recorder.skip(Phase.MESSAGE, _(_NO_RECIPIENT))
        return
    with _step(session, recorder, Phase.RECIPIENT) as step:
        for address in mail.recipients:
            session.rcpt(address)
        step.fact = _("{recipients} was accepted").format(recipients=", ".join(mail.recipients))
        if not really:
            session.reset()
    if not really:
        recorder.skip(Phase.MESSAGE, _("no message was to be sent"))
        return
    with _step(session, recorder, Phase.MESSAGE) as step:
        reply = session.data(mail)
        step.fact = session.dialogue.clean(reply.text) or _("The message was accepted")
        smtp_facts.message(session, step, reply)


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
    auth.check_settings(route)
    tls.client_context(route.tls, route.client)
    if route.proxy and route.proxy.user and route.proxy.password is None:
        text = _("The proxy password is missing.")
        raise MailError(Fault(Phase.SETTINGS, Kind.SECRET_MISSING, text, field="proxy_password"))
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
        step.fact = session.dialogue.clean(_offers(offered.rstrip(",")))
        smtp_facts.offer(session, step)


def _offers(extensions: str) -> str:
    return _("Offers {extensions}").format(extensions=extensions) if extensions else _("Offers no extensions")


def _perhaps_tls(session: SmtpSession, error: MailError) -> MailError:
    """Return the error that fits a server which says nothing in plain text: it may be waiting for TLS."""
    fault = error.fault
    if fault.kind not in (Kind.TIMEOUT, Kind.CLOSED) or session.route.security is Security.TLS:
        return error
    session.refused_certificate = second_look.tls_spoken(session)
    if session.refused_certificate is None:
        return error
    text = _("The server says nothing in plain text, and answers when it is spoken to in TLS.")
    return MailError(replace(fault, kind=Kind.TLS_EXPECTED, text=text))


def _encryption(session: SmtpSession, recorder: Recorder) -> None:
    if session.route.security is Security.NONE:
        recorder.skip(Phase.TLS, _("no encryption was chosen"))
        return
    with _step(session, recorder, Phase.TLS) as step:
        before = dict(session.features)
        try:
            session.secure()
        except MailError as error:
            smtp_facts.refusal(session, step, error.fault)
            raise
        smtp_facts.encryption(session, step)
        smtp_facts.changed_offer(session, step, before)


def _sign_in(session: SmtpSession, recorder: Recorder) -> None:
    if session.route.auth is SmtpAuth.NONE:
        recorder.skip(Phase.AUTH, _("no sign-in was chosen"))
        return
    with _step(session, recorder, Phase.AUTH) as step:
        try:
            session.sign_in()
        finally:
            methods.describe(session, step)
        smtp_facts.sign_in(session, step)
