"""What mail servers do in place of a clear answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mailadmin.core.settings import Security, SmtpAuth
from mailadmin.core.terms import Owner
from tests.fakes import certificates
from tests.fakes.graph_server import Says, entra_error
from tests.fakes.smtp_actions import Action, close, drip, raw, reset, silent
from tests.fakes.smtp_routes import CONTENT
from tests.fakes.smtp_server import Connection
from tests.fakes.smtp_sign_in import b64, says, unb64

from .row import ADMIN, NEXT, PATIENT, PROVIDER, QUICK, UNSURE, YOU, Row, Stage
from .stages import far_away, served, with_token

SLOW_DRIP = drip(b"2", 0.05)


def _quick(
    stage_of: Any, what: str, step: str, entry: str, owner: Owner, *, seconds: float = QUICK, **more: Any
) -> Row:
    """Return the row of a peer that keeps silent or drips: nobody waits long for it."""
    return Row(what, "", step, entry, owner, NEXT, stage_of, True, seconds=seconds, **more)


def _greeting(what: str, action: Action, entry: str, owner: Owner = YOU, *, retry: bool = False) -> Row:
    return Row(what, "", "greeting", entry, owner, NEXT, served({"GREETING": [action] * 3}), retry)


def before_sign_in() -> Iterator[Row]:
    """Yield what may answer in the place of a mail server, and how one may fail to greet."""
    foreign = {
        "A web server on this port": b"HTTP/1.1 400 Bad Request\r\n\r\n",
        "An SSH server on this port": b"SSH-2.0-OpenSSH_9.2\r\n",
        "An IMAP server on this port": b"* OK [CAPABILITY IMAP4rev1] ready\r\n",
        "A POP3 server on this port": b"+OK ready\r\n",
        "Something that talks without end": b"x" * 10_000,
    }
    for what, words in foreign.items():
        yield _greeting(what, raw(words, then_close=True), "not-smtp")
    yield _greeting("The server closes at once", close, "greeting-closed", retry=True)
    for what, script in (
        ("The server takes the connection and says nothing", {"GREETING": [silent] * 3}),
        ("The greeting drips, byte by byte", {"GREETING": [SLOW_DRIP] * 3}),
        ("The answer to EHLO never comes", {"EHLO": [silent] * 3}),
    ):
        yield _quick(served(script, patient=False), what, "greeting", "greeting-silent", YOU)
    waits_for_tls: dict[str, Any] = {"identity": certificates.good(), "implicit": True}
    stage = served(host="localhost", server=waits_for_tls, patient=False, auth=SmtpAuth.NONE)
    what = "A port for TLS from the start, spoken to in plain text"
    yield Row(what, "", "greeting", "tls-expected", YOU, NEXT, stage, seconds=QUICK)


def during_sign_in() -> Iterator[Row]:
    """Yield how a sign-in fails without a word about the password."""
    for what, action in (("closes", close), ("resets the connection", reset)):
        yield Row(
            f"The server {what} during the sign-in",
            "",
            "auth",
            "auth-lost",
            PROVIDER,
            NEXT,
            served({"AUTH": [action]}),
            True,
        )
    for what, action in (("The server says nothing to the sign-in", silent), ("The answer to it drips", SLOW_DRIP)):
        yield _quick(served({"AUTH": [action]}, patient=False), what, "auth", "auth-lost", PROVIDER)
    for what, stage in (
        ("No sign-in is offered", served(server={"features": ("SIZE 10000000",)})),
        ("Only a Kerberos sign-in is offered", served(server={"features": ("AUTH GSSAPI",)})),
    ):
        yield Row(what, "", "auth", "mechanism-missing", YOU, NEXT, stage)
    liar = {"features": ("AUTH SCRAM-SHA-256",), "sign_in": {"SCRAM-SHA-256": _believes_all}}
    what = "The server does not prove that it knows the password (SCRAM)"
    yield Row(what, "", "auth", "server-proof", PROVIDER, NEXT, served(server=liar))
    exposed = far_away(served(security=Security.STARTTLS_IF_OFFERED))
    yield Row("A password, and no encryption on the way", "", "auth", "clear-text-refused", YOU, NEXT, exposed)


def _believes_all(connection: Connection, initial: str) -> bool:
    """Welcome whoever comes, without the proof that SCRAM asks of a server (RFC 5802 section 3)."""
    nonce = unb64(initial).rpartition("r=")[2]
    first = f"r={nonce}abc,s={b64('salt-and-pepper')},i=4096".encode()
    return says(first, finally_="235 2.7.0 Welcome")(connection, initial)


def with_tokens() -> Iterator[Row]:
    """Yield how XOAUTH2 fails."""
    what = "A token for a host that is not the cloud's"
    yield Row(what, "", "auth", "token-host-refused", YOU, NEXT, with_token(mail_hosts=("smtp.example.com",)))
    stage = with_token(entra=Says(401, entra_error(7000222)))
    what = "XOAUTH2: Entra refuses the app"
    yield Row(what, "AADSTS7000222: It is so.", "auth", "entra-secret-expired", ADMIN, NEXT, stage)
    said = "535 5.7.3 Authentication unsuccessful"
    stage = with_token({"AUTH": [said] * 2})
    yield Row("XOAUTH2: the app has no right to the mailbox", said, "auth", "microsoft-5-7-3", ADMIN, NEXT, stage)


def during_the_envelope() -> Iterator[Row]:
    """Yield how a server fails at the sender and the recipient."""
    for moment, step in (("MAIL", "sender"), ("RCPT", "recipient")):
        for word, action in (("closes", close), ("resets the connection", reset)):
            stage = served({moment: [action]})
            yield Row(f"The server {word} at the {step}", "", step, "closed", PROVIDER, NEXT, stage, True)
        for what, action in (
            (f"The server says nothing to the {step}", silent),
            (f"The answer to the {step} drips", SLOW_DRIP),
        ):
            yield _quick(served({moment: [action]}, patient=False), what, step, "timeout", PROVIDER)


def during_the_message() -> Iterator[Row]:
    """Yield how a server fails at the message: before its end it was surely not taken, after it nobody knows."""
    long = CONTENT + b"All of it.\r\n" * 100_000  # more than leaves in one write
    before = served({"DATA": [close]}), served({"BODY": [close]}, content=long)
    for what, stage in zip(("before the message", "in the middle of the message"), before, strict=True):
        yield Row(f"The server closes {what}", "", "message", "closed", PROVIDER, NEXT, stage, True)
    stage = served({"DATA": [silent]}, patient=False)
    yield _quick(stage, "The server says nothing to DATA", "message", "timeout", PROVIDER, seconds=2 * QUICK)
    for what, action, seconds in (
        ("The server closes after the whole message", close, PATIENT),
        ("The server resets the connection after the whole message", reset, PATIENT),
        ("The server says nothing after the whole message", silent, QUICK),
        ("The answer to the whole message drips", SLOW_DRIP, QUICK),
        ("Half an answer to the whole message", raw(b"250 2.0", then_close=True), PATIENT),
        ("Garbage after the whole message", raw(b"\x00\x01\x02\r\n", then_close=True), PATIENT),
    ):
        yield _unsure(what, served({"DOT": [action]}, patient=seconds == PATIENT), seconds)


def _unsure(what: str, stage: Stage, seconds: float) -> Row:
    return Row(what, "", "message", "smtp-unsure", YOU, UNSURE, stage, seconds=seconds)
