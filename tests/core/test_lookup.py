"""N2: whoever pastes an error finds the entry that explains it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.knowledge import entries
from mailadmin.core.lookup import Found, look_up, of_owner
from mailadmin.core.terms import Owner
from tests.core.failures import FAILURES


@pytest.mark.parametrize(
    ("pasted", "entry"),
    [
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
            "microsoft-smtp-off-tenant",
        ),
        ("smtplib.SMTPAuthenticationError: (535, b'5.7.139 Authentication unsuccessful')", "microsoft-5-7-139"),
        ("535 5.7.8 Username and Password not accepted. For more information, go to - gsmtp", "google-credentials"),
        (
            "535-5.7.8 Username and Password not accepted. For more\n535 5.7.8 information: - gsmtp",
            "google-credentials",
        ),
        ("AADSTS7000215: Invalid client secret provided. Trace ID: 1", "entra-secret-wrong"),
        ('{"error":{"code":"ErrorAccessDenied","message":"Access is denied."}}', "graph-access-denied"),
        ("erroraccessdenied", "graph-access-denied"),
        ("HTTP 429 ApplicationThrottled", "graph-throttled"),
        ("5.2.252", "send-as-denied"),
        ("550 5.1.1 <ada@example.org>: Recipient address rejected (in reply to RCPT TO command)", "recipient-unknown"),
        ("554 5.7.1 <ada@example.org>: Relay access denied", "relay-denied"),
        ("certificate verify failed: Hostname mismatch, certificate is not valid for 'mail.example.org'",
         "cert-wrong-name"),
        ("certificate verify failed: self-signed certificate in certificate chain", "cert-intercepted"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1010)", "plain-expected"),
        ("ConnectionRefusedError: [Errno 111] Connection refused", "tcp-refused"),
        ("socket.gaierror: [Errno -2] Name or service not known", "dns-not-found"),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", "dns-failed"),
        ("TimeoutError: timed out", "tcp-timeout"),
        ("smtplib.SMTPServerDisconnected: Connection unexpectedly closed", "closed"),
        ("smtplib.SMTPNotSupportedError: STARTTLS extension not supported by server.", "starttls-missing"),
        ("cert-expired", "cert-expired"),
    ],
)  # fmt: skip
def test_n2_a_pasted_error_finds_its_entry(pasted: str, entry: str) -> None:
    assert look_up(pasted).best[0].id == entry


def test_an_answer_that_fits_several_steps_names_the_others_too() -> None:
    found = look_up("550 5.7.1 no")
    assert found.best
    assert {entry.id for entry in found.others} >= {"auth-5xx", "sender-5xx"} - {entry.id for entry in found.best}


@pytest.mark.parametrize(
    "said",
    [fault.text for found in FAILURES.values() for fault in found if (fault.smtp_code or 0) > 400 or fault.aadsts],
)
def test_n2_what_a_real_server_said_finds_something(said: str) -> None:
    assert look_up(said).best


def test_words_find_the_entries_that_hold_all_of_them() -> None:
    found = look_up("app password")
    assert not found.best
    assert "app-password-needed" in [entry.id for entry in found.others]
    assert look_up("zebra quagga") == Found()


def test_a_port_a_year_and_an_address_are_no_reply_codes() -> None:
    for text in ("127.0.0.1:550 is fine", "550.10.20.30 is fine", "5504"):
        assert not look_up(text).best


def test_one_owner_alone_can_be_asked_for() -> None:
    found = look_up("550 5.7.1 no")
    mine = of_owner(found, Owner.YOU)
    assert {entry.owner for entry in (*mine.best, *mine.others)} <= {Owner.YOU}
    assert of_owner(found, None) is found


@settings(deadline=None)  # some thirty readings of one text, each against every entry
@given(st.text(max_size=200))
def test_any_text_can_be_looked_up(text: str) -> None:
    found = look_up(text)
    assert set(found.best).isdisjoint(found.others)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.id)
def test_every_entry_is_found_by_its_id_and_told_without_a_failure(entry: object) -> None:
    name = entry.id  # type: ignore[attr-defined]  # an Entry; parametrize knows no types
    assert [found.id for found in look_up(name).best] == [name]
    known = entry.explained()  # type: ignore[attr-defined]
    for text in (known.title, known.cause, *known.remedy):
        assert "{" not in text
        assert text[0].isupper() or text[0] in "“-"
