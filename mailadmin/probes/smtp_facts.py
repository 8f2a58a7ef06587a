"""What a test of an SMTP connection tells at its steps: the facts that an administrator looks for, and warnings."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mailadmin.core import limits
from mailadmin.core.report import Step, StepState
from mailadmin.core.settings import Security, SmtpAuth, SmtpRoute
from mailadmin.core.sizes import in_words
from mailadmin.net import tls
from mailadmin.net.certificate import read_certificate
from mailadmin.transports.smtp.mechanisms import external
from mailadmin.transports.smtp.session import SmtpSession

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


def settings(route: SmtpRoute, step: Step) -> None:
    """Say in one line what is tested, and what our own certificate is."""
    parts = [route.host, f"port {route.effective_port}", _SECURITY_WORDS[route.security], _AUTH_WORDS[route.auth]]
    step.fact = ", ".join((*parts, f"through the proxy {route.proxy}") if route.proxy else parts)
    if route.client:
        own = x509.load_pem_x509_certificate(route.client.pem.encode())
        ours, now = read_certificate(own.public_bytes(Encoding.DER), "", ""), datetime.now(UTC)
        step.notes.append(f"Our own certificate, for servers that ask for one, is {ours.words(now)}.")
        _ends_soon(step, ours, "Our own certificate", "Get the next one in time.")


def certificate(step: Step, shown: tls.Certificate | None, told: str = "") -> None:
    """Say what the server's certificate is, if it showed one and the error's text has not `told` it already."""
    if shown:
        if (words := shown.words(datetime.now(UTC))) not in told:
            step.notes.append(f"The certificate is {words}.")
        step.notes.append(f"{shown.tls_version} with {shown.cipher}.")


def encryption(session: SmtpSession, step: Step) -> None:
    """Say how the connection is encrypted, and warn of what is weak about it."""
    route, shown = session.route, session.certificate()
    if shown is None:
        step.state = StepState.WARNING
        step.fact = "The server does not offer STARTTLS, so this connection is not encrypted"
        return
    step.fact = f"{shown.tls_version}, the certificate ends in {_days(shown)}"
    certificate(step, shown)
    if route.tls.check_revocation:
        step.notes.append("Its issuer's revocation list does not name it.")
    _ends_soon(step, shown, "The certificate", "Whoever runs the server should renew it now.")
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


def warn(step: Step, text: str) -> None:
    """Add a warning to `step`."""
    step.state = StepState.WARNING
    step.notes.append(text)


def _ends_soon(step: Step, shown: tls.Certificate, whose: str, advice: str) -> None:
    if shown.days_left(datetime.now(UTC)) < limits.CERTIFICATE_WARNING_DAYS:
        warn(step, f"{whose} ends in {_days(shown)}. {advice}")


def _days(shown: tls.Certificate) -> str:
    left = shown.days_left(datetime.now(UTC))
    return "1 day" if left == 1 else f"{left} days"
