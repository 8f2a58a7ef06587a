"""N17: the sandbox's SMTP server, driven by the product's own transport and by smtplib."""

from __future__ import annotations

import base64
import smtplib
import ssl

import pytest

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import SmtpAuth
from mailadmin.net.policy import NetworkPolicy
from mailadmin.sandbox.server import Sandbox
from mailadmin.transports.entra.tokens import fetch_token
from tests.fakes.routes import a_mail
from tests.fakes.sandbox import (
    Memory,
    by_smtp,
    sandbox_app,
    tls_to,
)

OPEN = NetworkPolicy()


def test_n17_message_by_smtp_is_kept_with_its_envelope(box: Sandbox, memory: Memory) -> None:
    mail = a_mail(sender="bounce@example.org", recipients=("a@example.org", "b@example.org"))
    by_smtp(box, mail)
    (kept,) = memory.kept
    assert (kept.via, kept.envelope_sender, kept.recipients) == ("smtp", "bounce@example.org", mail.recipients)
    assert kept.raw == bytes(mail.content)


def test_s17_sending_without_credentials_works(box: Sandbox, memory: Memory) -> None:
    by_smtp(box, auth=SmtpAuth.NONE, user="", password=None)
    assert len(memory.kept) == 1


def test_wrong_password_is_refused(box: Sandbox, memory: Memory) -> None:
    with pytest.raises(MailError) as caught:
        by_smtp(box, password=Secret("wrong"))
    assert (caught.value.fault.phase, caught.value.fault.smtp_code) == (Phase.AUTH, 535)
    assert memory.kept == []


def test_s8_token_of_the_sandbox_signs_in_by_xoauth2(box: Sandbox, memory: Memory) -> None:
    by_smtp(box, auth=SmtpAuth.XOAUTH2, user="robot@example.org", password=None, app=sandbox_app(box))
    assert len(memory.kept) == 1


def sign_in(box: Sandbox) -> smtplib.SMTP:
    client = smtplib.SMTP("localhost", box.smtp_port, timeout=10)
    client.starttls(context=ssl.create_default_context(cadata=box.ca_pem))
    client.ehlo()
    return client


def test_certificate_satisfies_python_at_its_strictest(box: Sandbox) -> None:
    context = ssl.create_default_context(cadata=box.ca_pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("localhost", "127.0.0.1"):
        with tls_to(box, context, name) as secured:
            assert secured.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_both_password_mechanisms_work(box: Sandbox, mechanism: str) -> None:
    with sign_in(box) as client:
        client.user, client.password = box.user, box.password  # type: ignore[attr-defined]
        code, _ = client.auth(mechanism[5:].upper(), getattr(client, mechanism))
        assert code == 235


def test_token_of_graph_and_nonsense_do_not_sign_in(box: Sandbox) -> None:
    token = fetch_token(sandbox_app(box), (f"https://{box.https_host}/.default",), OPEN).value.reveal()
    for text in (f"user=a@b.org\x01auth=Bearer {token}\x01\x01", "nonsense", "user=a\x01auth=Bearer x\x01\x01"):
        with sign_in(box) as client:
            code, _ = client.docmd("AUTH", "XOAUTH2 " + base64.b64encode(text.encode()).decode())
            assert code == 535
    with sign_in(box) as client:
        assert client.docmd("AUTH", "XOAUTH2 !!!")[0] == 535


def test_password_is_not_asked_for_without_tls(box: Sandbox) -> None:
    with smtplib.SMTP("localhost", box.smtp_port, timeout=10) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] == 538


def test_line_that_is_too_long_is_refused(box: Sandbox, memory: Memory) -> None:
    with sign_in(box) as client, pytest.raises(smtplib.SMTPDataError):
        client.sendmail("a@example.org", ["b@example.org"], b"Subject: x\r\n\r\n" + b"y" * 1500 + b"\r\n")
    assert memory.kept == []
