"""What a test of an SMTP connection tells at its steps: the facts that an administrator looks for, and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mailadmin.core import extensions as offers
from mailadmin.core.fault import Fault
from mailadmin.core.queue_ids import queue_id
from mailadmin.core.report import Step, StepState
from mailadmin.core.settings import Security, SmtpAuth, SmtpRoute
from mailadmin.core.sizes import in_words
from mailadmin.core.texts import N_, _
from mailadmin.net.certificate import Certificate, read_certificate
from mailadmin.transports.smtp.mechanisms import external
from mailadmin.transports.smtp.reply import Reply
from mailadmin.transports.smtp.session import SmtpSession

from . import certificates
from .certificates import warn

_SECURITY_WORDS = {
    Security.NONE: N_("no encryption"),
    Security.STARTTLS_IF_OFFERED: N_("STARTTLS if it is offered"),
    Security.STARTTLS: N_("STARTTLS required"),
    Security.TLS: N_("TLS from the start"),
}
_AUTH_WORDS = {
    SmtpAuth.NONE: N_("no sign-in"),
    SmtpAuth.PASSWORD: N_("sign-in by password"),
    SmtpAuth.XOAUTH2: N_("sign-in by token (XOAUTH2)"),
    SmtpAuth.GSSAPI: N_("sign-in by Kerberos ticket"),
    SmtpAuth.CERTIFICATE: N_("sign-in by client certificate"),
}
_RENEW = N_("Whoever runs the server should renew it now.")


def settings(route: SmtpRoute, step: Step) -> None:
    """Say in one line what is tested, and what our own certificate is."""
    port = _("port {port}").format(port=route.effective_port)
    parts = [route.host, port, _(_SECURITY_WORDS[route.security]), _(_AUTH_WORDS[route.auth])]
    if route.proxy:
        parts.append(_("through the proxy {proxy}").format(proxy=route.proxy))
    step.fact = ", ".join(parts)
    times = route.timeouts
    text = _("connection {connect:g} s, command {command:g} s, message {message:g} s, answer {answer:g} s")
    limits = text.format(connect=times.connect, command=times.command, message=times.message, answer=times.final)
    step.details.append([_("Time limits"), limits])
    if route.client:
        own = x509.load_pem_x509_certificate(route.client.pem.encode())
        ours, now = read_certificate(own.public_bytes(Encoding.DER), "", ""), datetime.now(UTC)
        text = _("Our own certificate, for servers that ask for one, is {words}.")
        step.notes.append(text.format(words=ours.words(now)))
        certificates.warn_of_end(step, ours, _("Our own certificate ends in {days}."), _("Get the next one in time."))


def offer(session: SmtpSession, step: Step) -> None:
    """Say of each extension that the server offers what it means and whether it is used."""
    step.details += offers.rows(session.features, _used(session))


def changed_offer(session: SmtpSession, step: Step, before: Mapping[str, str]) -> None:
    """Say what the server offers otherwise since the connection is encrypted; nothing with TLS from the start."""
    after = session.features
    if session.route.security is Security.TLS or not session.wire.encrypted:
        return
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    gone = sorted(name.upper() for name in before if name not in after)
    label = _("After encryption: {name}")
    step.details += [[label.format(name=name), text] for name, text in offers.rows(changed, _used(session))]
    if gone:
        step.details.append([_("No longer offered"), session.dialogue.clean(", ".join(gone))])
    methods = [session.dialogue.clean(offer.get("auth", "")) or _("none") for offer in (before, after)]
    text = _("{before} before encryption, {after} after it").format(before=methods[0], after=methods[1])
    step.details.append([_("Methods to sign in"), text])


def refusal(session: SmtpSession, step: Step, why: Fault) -> None:
    """Describe a certificate that was refused, and `why`; nothing when the encryption failed before one was seen."""
    shown = session.certificate()
    if shown:
        _note_certificate(step, shown, told=why.text)
        certificates.describe(step, shown, session.host, refused=why)


def encryption(session: SmtpSession, step: Step) -> None:
    """Say how the connection is encrypted, and warn of what is weak about it."""
    route, shown = session.route, session.certificate()
    if shown is None:
        step.state = StepState.WARNING
        step.fact = _("The server does not offer STARTTLS, so this connection is not encrypted")
        return
    text = _("{tls}, the certificate ends in {days}")
    step.fact = text.format(tls=shown.tls_version, days=certificates.days(shown))
    _note_certificate(step, shown)
    certificates.describe(step, shown, session.host)
    if route.tls.check_revocation:
        step.notes.append(_("Its issuer's revocation list does not name it."))
    certificates.warn_of_end(step, shown, _("The certificate ends in {days}."), _(_RENEW))
    if not route.tls.check_identity:
        warn(step, _("The server's identity is not checked: another server could take its place unnoticed."))


def sign_in(session: SmtpSession, step: Step) -> None:
    """Say who signed in by which of the offered methods. Whether a server asked for a certificate does not show."""
    text = _("Signed in as {user} by {method}") if session.route.user else _("Signed in by {method}")
    step.fact = text.format(user=session.route.user, method=session.mechanism)
    if session.mechanism == external.HANDSHAKE:
        step.fact = _(
            "Nothing was said: a server that asks for the client certificate got it when the encryption began"
        )
    if offered := session.features.get("auth", "").split():
        step.notes.append(session.dialogue.clean(_("The server offers {methods}.").format(methods=", ".join(offered))))
    if session.exposed:
        warn(step, _("The sign-in went over a connection without encryption."))


def extensions(session: SmtpSession, step: Step) -> None:
    """Say what of the server's offer is used for messages: its size, speed, and delivery notices."""
    limit, rules = session.size_limit, session.route.sessions
    text = _("The server takes messages up to {size}.") if limit else _("The server names no limit for the size.")
    step.notes.append(text.format(size=in_words(limit)))
    wanted = {"PIPELINING": rules.pipelining, "CHUNKING": rules.chunking}
    offered = [name for name in wanted if name.lower() in session.features]
    if used := [name for name in offered if wanted[name]]:
        step.notes.append(_("{extensions} will be used.").format(extensions=_(" and ").join(used)))
    if unused := [name for name in offered if not wanted[name]]:
        text = _("{extensions} would be faster, but is switched off in the settings.")
        step.notes.append(text.format(extensions=_(" and ").join(unused)))
    if session.route.notices and "dsn" not in session.features:
        warn(step, _("Delivery notices are asked for, but this server does not offer them (DSN): it decides itself."))


def message(session: SmtpSession, step: Step, reply: Reply) -> None:
    """Say under which name the server has the message by its `reply`, and what that does not prove."""
    step.details.append([_("Answer of the server"), session.words(reply)])
    if name := queue_id(session.dialogue.clean(reply.text)):
        step.details.append([_("Queue ID, to find the message in that server's log"), name])
    step.notes.append(_("The server took the message; delivery to the inbox is not proven."))


def _used(session: SmtpSession) -> dict[str, str]:
    """Return of each extension that we know whether and why it is used."""
    route = session.route
    fast = {"PIPELINING": route.sessions.pipelining, "CHUNKING": route.sessions.chunking}
    needed = dict.fromkeys(("8BITMIME", "SMTPUTF8"), _("used for messages that need it"))
    return needed | {
        **{name: _("used") if on else _("not used: switched off in the settings") for name, on in fast.items()},
        "SIZE": _("heeded: a larger message is not tried here"),
        "ENHANCEDSTATUSCODES": _("used to explain refusals"),
        "DSN": _("used") if route.notices else _("not used: the settings ask for no delivery notices"),
        "AUTH": _("not used: the settings have no sign-in") if route.auth is SmtpAuth.NONE else _("used to sign in"),
        "STARTTLS": _("not used: the settings ask for no encryption") if route.security is Security.NONE else _("used"),
    }


def _note_certificate(step: Step, shown: Certificate, told: str = "") -> None:
    """Say what the server's certificate is, if the error's text has not `told` it already."""
    if (words := shown.words(datetime.now(UTC))) not in told:
        step.notes.append(_("The certificate is {words}.").format(words=words))
    step.notes.append(_("{tls} with {cipher}.").format(tls=shown.tls_version, cipher=shown.cipher))
