"""What a test of an SMTP connection tells at its steps: the facts that an administrator looks for, and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mailadmin.core import extensions as offers
from mailadmin.core.fault import Fault
from mailadmin.core.queue_ids import queue_id
from mailadmin.core.report import NOT_IN_THE_INBOX, Step, StepState
from mailadmin.core.settings import Security, SmtpAuth, SmtpRoute
from mailadmin.core.sizes import in_words
from mailadmin.net.certificate import Certificate, read_certificate
from mailadmin.transports.smtp.mechanisms import external
from mailadmin.transports.smtp.reply import Reply
from mailadmin.transports.smtp.session import SmtpSession

from . import certificates
from .certificates import warn

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
    SmtpAuth.GSSAPI: "sign-in by Kerberos ticket",
    SmtpAuth.CERTIFICATE: "sign-in by client certificate",
}
_RENEW = "Whoever runs the server should renew it now."


def settings(route: SmtpRoute, step: Step) -> None:
    """Say in one line what is tested, and what our own certificate is."""
    parts = [route.host, f"port {route.effective_port}", _SECURITY_WORDS[route.security], _AUTH_WORDS[route.auth]]
    step.fact = ", ".join((*parts, f"through the proxy {route.proxy}") if route.proxy else parts)
    times = route.timeouts
    limits = {"connection": times.connect, "command": times.command, "message": times.message, "answer": times.final}
    step.details.append(["Time limits", ", ".join(f"{name} {seconds:g} s" for name, seconds in limits.items())])
    if route.client:
        own = x509.load_pem_x509_certificate(route.client.pem.encode())
        ours, now = read_certificate(own.public_bytes(Encoding.DER), "", ""), datetime.now(UTC)
        step.notes.append(f"Our own certificate, for servers that ask for one, is {ours.words(now)}.")
        certificates.warn_of_end(step, ours, "Our own certificate", "Get the next one in time.")


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
    step.details += [[f"After encryption: {name}", text] for name, text in offers.rows(changed, _used(session))]
    if gone:
        step.details.append(["No longer offered", session.dialogue.clean(", ".join(gone))])
    methods = [session.dialogue.clean(offer.get("auth", "")) or "none" for offer in (before, after)]
    step.details.append(["Methods to sign in", f"{methods[0]} before encryption, {methods[1]} after it"])


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
        step.fact = "The server does not offer STARTTLS, so this connection is not encrypted"
        return
    step.fact = f"{shown.tls_version}, the certificate ends in {certificates.days(shown)}"
    _note_certificate(step, shown)
    certificates.describe(step, shown, session.host)
    if route.tls.check_revocation:
        step.notes.append("Its issuer's revocation list does not name it.")
    certificates.warn_of_end(step, shown, "The certificate", _RENEW)
    if not route.tls.check_identity:
        warn(step, "The server's identity is not checked: another server could take its place unnoticed.")


def sign_in(session: SmtpSession, step: Step) -> None:
    """Say who signed in by which of the offered methods. Whether a server asked for a certificate does not show."""
    who = f" as {session.route.user}" if session.route.user else ""
    step.fact = f"Signed in{who} by {session.mechanism}"
    if session.mechanism == external.HANDSHAKE:
        step.fact = "Nothing was said: a server that asks for the client certificate got it when the encryption began"
    if offered := session.features.get("auth", "").split():
        step.notes.append(session.dialogue.clean(f"The server offers {', '.join(offered)}."))
    if session.exposed:
        warn(step, "The sign-in went over a connection without encryption.")


def extensions(session: SmtpSession, step: Step) -> None:
    """Say what of the server's offer is used for messages: its size, speed, and delivery notices."""
    limit, rules = session.size_limit, session.route.sessions
    step.notes.append(
        f"The server takes messages up to {in_words(limit)}." if limit else "The server names no limit for the size."
    )
    wanted = {"PIPELINING": rules.pipelining, "CHUNKING": rules.chunking}
    offered = [name for name in wanted if name.lower() in session.features]
    if used := [name for name in offered if wanted[name]]:
        step.notes.append(f"{' and '.join(used)} will be used.")
    if unused := [name for name in offered if not wanted[name]]:
        step.notes.append(f"{' and '.join(unused)} would be faster, but is switched off in the settings.")
    if session.route.notices and "dsn" not in session.features:
        warn(step, "Delivery notices are asked for, but this server does not offer them (DSN): it decides itself.")


def message(session: SmtpSession, step: Step, reply: Reply) -> None:
    """Say under which name the server has the message by its `reply`, and what that does not prove."""
    step.details.append(["Answer of the server", session.words(reply)])
    if name := queue_id(session.dialogue.clean(reply.text)):
        step.details.append(["Queue ID, to find the message in that server's log", name])
    step.notes.append(f"The server took the message; {NOT_IN_THE_INBOX}.")


def _used(session: SmtpSession) -> dict[str, str]:
    """Return of each extension that we know whether and why it is used."""
    route = session.route
    fast = {"PIPELINING": route.sessions.pipelining, "CHUNKING": route.sessions.chunking}
    needed = dict.fromkeys(("8BITMIME", "SMTPUTF8"), "used for messages that need it")
    return needed | {
        **{name: "used" if on else "not used: switched off in the settings" for name, on in fast.items()},
        "SIZE": "heeded: a larger message is not tried here",
        "ENHANCEDSTATUSCODES": "used to explain refusals",
        "DSN": "used" if route.notices else "not used: the settings ask for no delivery notices",
        "AUTH": "not used: the settings have no sign-in" if route.auth is SmtpAuth.NONE else "used to sign in",
        "STARTTLS": "not used: the settings ask for no encryption" if route.security is Security.NONE else "used",
    }


def _note_certificate(step: Step, shown: Certificate, told: str = "") -> None:
    """Say what the server's certificate is, if the error's text has not `told` it already."""
    if (words := shown.words(datetime.now(UTC))) not in told:
        step.notes.append(f"The certificate is {words}.")
    step.notes.append(f"{shown.tls_version} with {shown.cipher}.")
