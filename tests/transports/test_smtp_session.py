"""The phases of a session: greeting, encryption and sign-in against a scripted server."""

from __future__ import annotations

import base64
import traceback
from dataclasses import replace
from typing import Any

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Security, SmtpRoute, Timeouts, TlsSettings
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp.session import SmtpSession
from tests.fakes import certificates
from tests.fakes.smtp_actions import Action, close, raw, silent
from tests.fakes.smtp_routes import PASSWORD, mail, smtp_route, with_password
from tests.fakes.smtp_server import SmtpServer, far_away

ENCRYPTED = (Security.STARTTLS, Security.TLS)


def tls_server(security: Security, *args: Any, **changes: Any) -> SmtpServer:
    changes = {"identity": certificates.good()} | changes
    return SmtpServer(*args, implicit=security is Security.TLS, **changes)


def started(route: SmtpRoute) -> SmtpSession:
    session = SmtpSession(route, NetworkPolicy())
    session.start()
    return session


def fault_of(route: SmtpRoute) -> Fault:
    with pytest.raises(MailError) as caught:
        started(route).close()
    return caught.value.fault


# -- encryption -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("security", [*ENCRYPTED, Security.STARTTLS_IF_OFFERED])
def test_s9_s15_s19_the_session_is_encrypted_as_chosen(security: Security) -> None:
    with tls_server(security) as server:
        session = started(smtp_route(server.port, security=security))
        session.mail(mail())
        session.quit()
        assert server.sessions[0].ended.wait(5)
        assert server.sessions[0].encrypted
        verbs = server.sessions[0].verbs()
    expected = ["EHLO", "MAIL", "QUIT"]
    assert verbs == (expected if security is Security.TLS else ["EHLO", "STARTTLS", *expected])


def test_s15_starttls_if_offered_goes_on_in_clear_where_it_is_not_offered() -> None:
    with SmtpServer() as server:
        started(smtp_route(server.port, security=Security.STARTTLS_IF_OFFERED)).quit()
        assert not server.sessions[0].encrypted


def test_no_encryption_means_none_even_where_it_is_offered() -> None:
    with SmtpServer(identity=certificates.good()) as server:
        started(smtp_route(server.port, security=Security.NONE)).quit()
        assert "STARTTLS" not in server.sessions[0].verbs()


def test_row_9_starttls_that_is_missing_stops_the_session_before_the_sign_in() -> None:
    with SmtpServer() as server:
        fault = fault_of(with_password(server.port, security=Security.STARTTLS))
        assert server.sessions[0].verbs() == ["EHLO"]
    assert (fault.phase, fault.kind) == (Phase.TLS, Kind.STARTTLS_MISSING)


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.STARTTLS_IF_OFFERED])
@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ({"STARTTLS": ["454 4.7.0 TLS not available"]}, Kind.STARTTLS_REFUSED),
        ({"STARTTLS": ["250 fine"]}, Kind.STARTTLS_REFUSED),
        ({"STARTTLS": [close]}, Kind.CLOSED),
        ({"STARTTLS": [raw(b"what?\r\n")]}, Kind.OUT_OF_STEP),
        ({"TLS": [close]}, Kind.CLOSED),
        ({"TLS": [raw(b"250 not tls at all, sorry\r\n")]}, Kind.PLAIN_EXPECTED),
    ],
)
def test_row_9_a_broken_starttls_never_falls_back_to_clear_text(
    security: Security, script: dict[str, list[str | Action]], kind: Kind
) -> None:
    with SmtpServer(script, identity=certificates.good()) as server:
        fault = fault_of(with_password(server.port, security=security))
        assert not {"AUTH", "MAIL"} & {verb for session in server.sessions for verb in session.verbs()}
    assert (fault.phase, fault.kind) == (Phase.TLS, kind)


def test_row_9_what_was_said_in_clear_before_the_handshake_is_forgotten() -> None:
    """Somebody on the way adds a reply that would count as the first one under TLS (response injection)."""
    injected = "220 Ready\r\n250-evil\r\n250 AUTH PLAIN"
    with SmtpServer({"STARTTLS": [injected]}, identity=certificates.good(), features=["AUTH LOGIN"]) as server:
        session = started(smtp_route(server.port, security=Security.STARTTLS))
        assert session.features == {"auth": " LOGIN"}
        session.quit()


@pytest.mark.parametrize("security", ENCRYPTED)
@pytest.mark.parametrize(
    ("identity", "kind", "said"),
    [
        (certificates.expired, Kind.CERT_EXPIRED, "by Example Test CA, ended on"),
        (certificates.not_yet_valid, Kind.CERT_NOT_YET_VALID, "starts on"),
        (certificates.wrong_name, Kind.CERT_WRONG_NAME, "issued to mail.example.org for mail.example.org, *."),
        (lambda: certificates.self_signed("localhost"), Kind.CERT_SELF_SIGNED, "by localhost"),
        (
            lambda: certificates.authority("Virus Scanner").issue("localhost"),
            Kind.CERT_UNKNOWN_ISSUER,
            "by Virus Scanner",
        ),
    ],
)
def test_s16_row_10_a_refused_certificate_is_described_and_no_password_leaves(
    security: Security, identity: Any, kind: Kind, said: str
) -> None:
    with tls_server(security, identity=identity()) as server:
        fault = fault_of(with_password(server.port, security=security))
        assert len(server.sessions) == 2
        assert set(server.lines) <= {"EHLO [127.0.0.1]", server.lines[0] if server.lines else "", "STARTTLS"}
    assert (fault.phase, fault.kind) == (Phase.TLS, kind)
    assert said in fault.text


def test_s16_tls_from_the_start_spoken_to_a_plain_port() -> None:
    with SmtpServer() as server:
        assert fault_of(smtp_route(server.port, security=Security.TLS)).kind is Kind.PLAIN_EXPECTED


def test_s16_plain_text_spoken_to_the_tls_port_is_told_although_it_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = Timeouts(connect=1, command=0.2, message=1)
    with tls_server(Security.TLS) as server:
        route = smtp_route(server.port, timeouts=quick)
        assert fault_of(route).kind is Kind.TIMEOUT
        monkeypatch.setattr(limits, "SMTP_PORT_TLS", server.port)
        assert fault_of(route).kind is Kind.TLS_EXPECTED


# -- the password -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("security", [*ENCRYPTED, Security.NONE])
@pytest.mark.parametrize(
    ("offered", "used"),
    [
        ("AUTH PLAIN LOGIN CRAM-MD5", "CRAM-MD5"),
        ("AUTH LOGIN PLAIN", "PLAIN"),
        ("AUTH LOGIN XOAUTH2", "LOGIN"),
        ("AUTH=LOGIN", "LOGIN"),
        ("AUTH plain", "PLAIN"),
    ],
)
def test_s8_s15_the_strongest_method_offered_is_used(security: Security, offered: str, used: str) -> None:
    with tls_server(security, features=[offered]) as server:
        session = started(with_password(server.port, security=security))
        session.quit()
    assert session.mechanism == used


def test_s13_the_domain_stands_before_the_user() -> None:
    with SmtpServer(users={"CORP\\anna": PASSWORD}) as server:
        started(with_password(server.port, domain="CORP")).quit()


def test_a_password_beyond_ascii_works_with_every_method() -> None:
    for method in ("PLAIN", "LOGIN", "CRAM-MD5"):
        with SmtpServer(users={"jörg": "schlüssel"}, features=[f"AUTH {method}"]) as server:
            started(with_password(server.port, user="jörg", password=Secret("schlüssel"))).quit()


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN"])
def test_row_11_a_wrong_password_is_tried_once_only(method: str) -> None:
    with SmtpServer(features=["AUTH PLAIN LOGIN" if method == "PLAIN" else "AUTH LOGIN"]) as server:
        fault = fault_of(with_password(server.port, password=Secret("wrong-one")))
        assert server.sessions[0].verbs().count("AUTH") == 1
    assert (fault.phase, fault.kind, fault.code) == (Phase.AUTH, Kind.REPLY, "535 5.7.8")


def test_a_server_that_cannot_do_cram_md5_gets_the_password_by_the_next_method() -> None:
    script = {"RESPONSE": ["535 5.7.8 no"]}
    with SmtpServer(script, features=["AUTH CRAM-MD5 PLAIN LOGIN"]) as server:
        session = started(with_password(server.port))
        session.quit()
        assert server.sessions[0].verbs().count("AUTH") == 2
    assert session.mechanism == "PLAIN"


def test_a_method_too_weak_for_the_account_is_followed_by_another() -> None:
    with SmtpServer({"AUTH": ["504 5.5.4 not this one"]}) as server:
        session = started(with_password(server.port))
        session.quit()
    assert session.mechanism == "LOGIN"


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ({"AUTH": ["454 4.7.0 temporary failure"]}, Kind.REPLY),
        ({"AUTH": ["421 4.7.0 too many"]}, Kind.REPLY),
        ({"AUTH": [close]}, Kind.CLOSED),
        ({"AUTH": [silent]}, Kind.TIMEOUT),
        ({"AUTH": ["250 odd"]}, Kind.OUT_OF_STEP),
    ],
)
def test_row_12_a_sign_in_that_fails_for_now(script: dict[str, list[str | Action]], kind: Kind) -> None:
    with SmtpServer(script) as server:
        fault = fault_of(with_password(server.port, timeouts=Timeouts(2, 0.3, 2)))
    assert (fault.phase, fault.kind, fault.maybe_sent) == (Phase.AUTH, kind, False)


@pytest.mark.parametrize("features", [[], ["AUTH GSSAPI NTLM"]])
def test_row_11_no_method_in_common(features: list[str]) -> None:
    with SmtpServer(features=features) as server:
        fault = fault_of(with_password(server.port))
    assert (fault.phase, fault.kind) == (Phase.AUTH, Kind.MECHANISM_MISSING)


def test_a_user_without_a_password_is_an_incomplete_route() -> None:
    with SmtpServer() as server:
        assert fault_of(with_password(server.port, password=None)).kind is Kind.SECRET_MISSING
        assert fault_of(with_password(server.port, user="")).kind is Kind.ROUTE_INCOMPLETE


def test_a_password_leaves_in_clear_text_to_this_very_machine() -> None:
    with SmtpServer() as server:
        started(with_password(server.port, security=Security.STARTTLS_IF_OFFERED)).quit()


def test_a_password_leaves_in_clear_text_over_a_network_only_when_that_was_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    far_away(monkeypatch)
    with SmtpServer() as server:
        route = with_password(server.port, security=Security.STARTTLS_IF_OFFERED)
        assert fault_of(route).kind is Kind.CLEAR_TEXT_REFUSED
        assert "AUTH" not in server.sessions[0].verbs()
        started(replace(route, security=Security.NONE)).quit()


# -- what may be seen -----------------------------------------------------------------------------------------


def forms_of(secret: str) -> list[str]:
    plain = base64.b64encode(f"\0anna\0{secret}".encode()).decode()
    return [secret, base64.b64encode(secret.encode()).decode(), plain]


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("answer", ["535-you said {0}\r\n535-or {1}\r\n535 or {2}", close, silent])
def test_no_secret_is_in_dialogue_error_or_frame(method: str, answer: str | Action) -> None:
    canary = "c4nary-of-the-mine"
    echo = [answer.format(*forms_of(canary)) if isinstance(answer, str) else answer]
    moment = "AUTH" if method == "PLAIN" else "RESPONSE"
    script = {moment: echo if method != "LOGIN" else [None, *echo]}
    with SmtpServer(script, features=[f"AUTH {method}"]) as server:
        session = SmtpSession(
            with_password(server.port, password=Secret(canary), timeouts=Timeouts(2, 0.3, 2)), NetworkPolicy()
        )
        with pytest.raises(MailError) as caught:
            session.start()
    error = caught.value
    seen = "\n".join([*session.dialogue.lines, str(error), repr(error.fault), *frames(error)])
    assert not [form for form in forms_of(canary) if form in seen]
    assert f"C: AUTH {method}" in "\n".join(session.dialogue.lines)


def frames(error: BaseException | None) -> list[str]:
    """Return every local variable of our own frames that a report about `error` could print."""
    found: list[str] = []
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "mailadmin" in frame.f_code.co_filename and "tests" not in frame.f_code.co_filename:
                found += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
        error = error.__cause__ or error.__context__
    return found


def test_the_dialogue_shows_both_sides_and_no_content() -> None:
    with SmtpServer(features=["AUTH PLAIN"]) as server:
        session = started(with_password(server.port))
        session.mail(mail())
        session.rcpt("ben@example.net")
        session.data(mail())
        session.quit()
    lines = session.dialogue.lines
    assert lines[0] == "S: 220 fake.example.org ESMTP"
    assert "C: AUTH PLAIN ••••••" in lines
    assert "S: 235 2.7.0 Welcome" in lines
    assert f"C: ({mail().content.size} bytes of message)" in lines
    assert lines[-1] == "C: QUIT"
    assert not [line for line in lines if "Hello" in line]


def test_the_dialogue_has_an_end() -> None:
    with SmtpServer(
        {"EHLO": ["\r\n".join(["250-x"] * 180 + ["250 y"])], "MAIL": ["\r\n".join(["250-x"] * 180 + ["250 y"])]}
    ) as server:
        session = started(smtp_route(server.port))
        session.mail(mail())
        session.quit()
    assert len(session.dialogue.lines) == limits.DIALOGUE_LINES + 1


def test_an_own_ca_that_cannot_be_read_does_not_leave_a_connection_behind() -> None:
    with SmtpServer(identity=certificates.good()) as server:
        route = smtp_route(server.port, security=Security.STARTTLS)
        fault = fault_of(replace(route, tls=TlsSettings(ca_pem="nonsense")))
        assert server.sessions[0].ended.wait(5)
    assert fault.phase is Phase.SETTINGS
