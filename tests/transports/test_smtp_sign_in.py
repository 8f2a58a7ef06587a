"""S13, S20, P12: NTLM, Kerberos, client certificates, and which method is used when."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.knowledge import Health
from mailadmin.core.secret import Secret
from mailadmin.core.settings import ClientCertificate, EntraApp, Security, SmtpAuth, SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp import auth
from mailadmin.transports.smtp.mechanisms import kerberos
from mailadmin.transports.smtp.session import SmtpSession
from tests.fakes import certificates
from tests.fakes.smtp_routes import PASSWORD, smtp_route, with_password
from tests.fakes.smtp_server import SmtpServer, far_away
from tests.fakes.smtp_sign_in import Handler, TicketContext, external, gssapi, ntlm, says, scram

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)


def signed_in(route: SmtpRoute) -> SmtpSession:
    session = SmtpSession(route, NetworkPolicy())
    session.start()
    session.quit()
    return session


def fault_of(route: SmtpRoute) -> Fault:
    with pytest.raises(MailError) as caught:
        signed_in(route)
    return caught.value.fault


# -- a password: which method -------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(WORDS, WORDS, st.sampled_from(["PLAIN", "LOGIN", "CRAM-MD5"]))
def test_any_user_and_password_arrive_as_they_are(user: str, password: str, method: str) -> None:
    with SmtpServer(users={user: password}, features=[f"AUTH {method}"]) as server:
        assert signed_in(with_password(server.port, user=user, password=Secret(password))).mechanism == method


def test_s13_the_method_that_is_named_is_used_and_no_other() -> None:
    with SmtpServer(features=["AUTH CRAM-MD5 PLAIN LOGIN"]) as server:
        assert signed_in(with_password(server.port, mechanism="LOGIN")).mechanism == "LOGIN"
        refused = fault_of(with_password(server.port, mechanism="PLAIN", password=Secret("wrong-one")))
        assert server.sessions[1].verbs().count("AUTH") == 1
    assert refused.code == "535 5.7.8"


@pytest.mark.parametrize("named", ["SCRAM-SHA-256", "NTLM", "DIGEST-MD5"])
def test_a_named_method_that_is_not_offered_is_an_error_with_both_lists(named: str) -> None:
    with SmtpServer(features=["AUTH PLAIN LOGIN"]) as server:
        fault = fault_of(with_password(server.port, mechanism=named))
        assert "AUTH" not in server.sessions[0].verbs()
    assert (fault.phase, fault.kind) == (Phase.AUTH, Kind.MECHANISM_MISSING)
    assert fault.text == f"It offers PLAIN LOGIN; wanted was {named}."


def test_a_method_that_nobody_knows_is_no_choice_even_where_it_is_offered() -> None:
    with SmtpServer(features=["AUTH DIGEST-MD5"]) as server:
        assert fault_of(with_password(server.port, mechanism="DIGEST-MD5")).kind is Kind.MECHANISM_MISSING


def test_no_more_than_two_methods_are_tried() -> None:
    script = {"AUTH": ["504 5.5.4 no", "504 5.5.4 no", "504 5.5.4 no"]}
    with SmtpServer(script, features=["AUTH CRAM-MD5 PLAIN LOGIN"]) as server:
        assert fault_of(with_password(server.port)).smtp_code == 504
        assert server.sessions[0].verbs().count("AUTH") == 2


@pytest.mark.parametrize("feature", ["SCRAM-SHA-256", "NTLM", "CRAM-MD5", "PLAIN"])
@pytest.mark.parametrize("auth_kind", [SmtpAuth.PASSWORD, SmtpAuth.CERTIFICATE])
def test_nothing_that_proves_a_password_leaves_without_encryption(
    feature: str, auth_kind: SmtpAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    far_away(monkeypatch)
    with SmtpServer(features=[f"AUTH {feature} EXTERNAL"]) as server:
        security = Security.STARTTLS_IF_OFFERED
        client = certificates.good()
        fault = fault_of(
            with_password(
                server.port,
                auth=auth_kind,
                security=security,
                domain="CORP",
                client=ClientCertificate(client.certificate, Secret(client.key)),
            )
        )
        assert "AUTH" not in server.sessions[0].verbs()
    assert fault.kind is (Kind.CLEAR_TEXT_REFUSED if auth_kind is SmtpAuth.PASSWORD else Kind.STARTTLS_MISSING)


# -- NTLM ---------------------------------------------------------------------------------------------------


@pytest.fixture
def windows_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The accounts that the fake's NTLM server knows, in the form of pyspnego."""
    path = tmp_path / "ntlm-users"
    path.write_text(f"CORP:anna:{PASSWORD}\n:jörg:schlüssel\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(path))


def ntlm_server(handler: Handler | None = None, also: str = "PLAIN", **more: object) -> SmtpServer:
    return SmtpServer(features=[f"AUTH {also} NTLM"], sign_in={"NTLM": handler or ntlm()}, **more)  # type: ignore[arg-type] # options of the fake


@pytest.mark.usefixtures("windows_users")
@pytest.mark.parametrize("invitation", ["ntlm supported", "", "TlRMTSBzdXBwb3J0ZWQ="])
def test_s20_ntlm_signs_in_with_domain_user_and_password(invitation: str) -> None:
    with ntlm_server(ntlm(invitation)) as server:
        session = signed_in(with_password(server.port, domain="CORP"))
    assert session.mechanism == "NTLM"
    assert PASSWORD not in "\n".join([*session.dialogue.lines, *server.lines])


@pytest.mark.usefixtures("windows_users")
def test_s20_the_messages_of_ntlm_are_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ntlm_server() as server:
        signed_in(with_password(server.port, domain="CORP"))
        proof = next(line for line in server.lines[::-1] if line.startswith("TlRMTVNTUAAD"))
    assert proof not in caplog.text


@pytest.mark.usefixtures("windows_users")
@pytest.mark.parametrize("same", [True, False])
def test_s20_ntlm_is_bound_to_the_servers_certificate(same: bool) -> None:
    """Exchange's "Extended Protection": somebody in between with another certificate is found out."""
    shown = certificates.good()
    handler = ntlm(end_point_of=shown if same else certificates.good())
    with ntlm_server(handler, identity=shown, implicit=True) as server:
        route = with_password(server.port, domain="CORP", security=Security.TLS)
        if same:
            assert signed_in(route).mechanism == "NTLM"
        else:
            assert fault_of(route).code == "535 5.7.8"


@pytest.mark.usefixtures("windows_users")
def test_s20_ntlm_without_a_domain_is_used_only_when_it_is_named() -> None:
    with ntlm_server() as server:
        assert signed_in(with_password(server.port)).mechanism == "PLAIN"
    with ntlm_server() as server:
        route = with_password(server.port, user="jörg", password=Secret("schlüssel"), mechanism="NTLM")
        assert signed_in(route).mechanism == "NTLM"


@pytest.mark.usefixtures("windows_users")
def test_s20_a_wrong_password_by_ntlm_is_tried_once_only() -> None:
    with ntlm_server() as server:
        fault = fault_of(with_password(server.port, domain="CORP", password=Secret("wrong-one")))
        assert server.sessions[0].verbs().count("AUTH") == 1
    assert fault.code == "535 5.7.8"


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=120) | st.binary(max_size=120).map(lambda rest: b"NTLMSSP\0\2\0\0\0" + rest))
def test_s20_whatever_an_ntlm_server_says_ends_as_a_mail_error(challenge: bytes) -> None:
    with ntlm_server(says(b"", challenge)) as server:
        assert fault_of(with_password(server.port, domain="CORP")).phase is Phase.AUTH


@settings(max_examples=25, deadline=None)
@given(WORDS, WORDS, WORDS)
def test_s20_any_name_and_password_make_an_ntlm_answer(domain: str, user: str, password: str) -> None:
    challenge = (
        b"NTLMSSP\0\2\0\0\0\0\0\0\0\x38\0\0\0\x01\x02\x88\xa0\x01\x23\x45\x67\x89\xab\xcd\xef"
        b"\0\0\0\0\0\0\0\0\x04\0\x04\0\x38\0\0\0\x06\0\x72\x17\0\0\0\x0f\0\0\0\0"
    )
    with ntlm_server(says(b"", challenge, finally_="235 2.7.0 Welcome")) as server:
        route = with_password(server.port, domain=domain, user=user, password=Secret(password))
        assert signed_in(route).mechanism == "NTLM"


def test_s20_without_the_library_the_domain_stands_before_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spnego", None)
    with ntlm_server(users={"CORP\\anna": PASSWORD}) as server:
        assert signed_in(with_password(server.port, domain="CORP")).mechanism == "PLAIN"
    with SmtpServer(features=["AUTH NTLM"]) as server:
        fault = fault_of(with_password(server.port, domain="CORP"))
    assert fault.kind is Kind.LIBRARY_MISSING
    assert fault.text == 'NTLM needs a library that is not installed: pip install "mailadmin[ntlm]".'


# -- Kerberos -----------------------------------------------------------------------------------------------


def with_ticket(server: SmtpServer, context: TicketContext, asked: list[str] | None = None) -> str:
    """Walk a session to its sign-in, and sign in with `context`."""
    session = SmtpSession(smtp_route(server.port, auth=SmtpAuth.GSSAPI), NetworkPolicy())

    def new_context(host: str) -> TicketContext:
        (asked if asked is not None else []).append(host)
        return context

    try:
        session.resolve()
        session.connect()
        session.greet()
        return kerberos.sign_in(session, tuple(session.features["auth"].split()), new_context)
    finally:
        session.quit()


def ticket_fault(server: SmtpServer, context: TicketContext) -> MailError:
    with pytest.raises(MailError) as caught:
        with_ticket(server, context)
    return caught.value


def kerberos_server(handler: Handler | None = None) -> SmtpServer:
    return SmtpServer(features=["AUTH PLAIN GSSAPI"], sign_in={"GSSAPI": handler or gssapi()})


def test_s20_the_process_signs_in_with_its_own_ticket() -> None:
    """RFC 4752: tokens by turns, then the choice of no security layer, with nobody's name but the ticket's."""
    context, asked = TicketContext(), []
    with kerberos_server() as server:
        assert with_ticket(server, context, asked) == "GSSAPI"
        assert server.lines[1] == "AUTH GSSAPI", "no token on the command line, which it would overrun"
    assert (context.seen, asked) == ([None, b"server-1"], ["localhost"])


def test_s20_a_context_that_ends_with_nothing_to_say_sends_an_empty_line() -> None:
    context = TicketContext([b"client-1", None])
    with kerberos_server(says(b"", b"server-1", b"[\x01\0\0\0]", finally_="235 2.7.0 Welcome")) as server:
        assert with_ticket(server, context) == "GSSAPI"
        assert "" in server.lines


def test_s20_without_a_ticket_the_library_says_why() -> None:
    with kerberos_server() as server:
        error = ticket_fault(server, TicketContext([ValueError("No Kerberos credentials available")]))
        assert "AUTH" not in server.sessions[0].verbs()
    assert (error.fault.kind, error.fault.text) == (Kind.TICKET_MISSING, "No Kerberos credentials available")
    assert error.explanation.health is Health.TRIP, "a ticket is renewed without anybody changing a setting"


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (says(b"", b"wrong"), Kind.REPLY),
        (gssapi(b"unsigned"), Kind.SERVER_PROOF),
        (gssapi(b"[\x06\0\x10\0]"), Kind.MECHANISM_MISSING),
        (gssapi(b"[]"), Kind.OUT_OF_STEP),
    ],
)
def test_s20_a_kerberos_exchange_that_fails(handler: Handler, kind: Kind) -> None:
    with kerberos_server(handler) as server:
        assert ticket_fault(server, TicketContext()).fault.kind is kind


def test_s20_a_server_with_another_ticket_is_left_at_once() -> None:
    with kerberos_server() as server:
        error = ticket_fault(server, TicketContext([b"client-1", ValueError("mutual authentication failed")]))
        assert server.sessions[0].ended.wait(5)
    assert error.fault.kind is Kind.SERVER_PROOF


def test_s20_kerberos_that_is_not_offered() -> None:
    with SmtpServer(features=["AUTH PLAIN"]) as server:
        assert ticket_fault(server, TicketContext()).fault.kind is Kind.MECHANISM_MISSING


def test_s20_without_the_kerberos_library_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    with kerberos_server() as server:
        fault = fault_of(smtp_route(server.port, auth=SmtpAuth.GSSAPI))
    assert (fault.phase, fault.kind) == (Phase.SETTINGS, Kind.LIBRARY_MISSING)
    assert 'pip install "mailadmin[kerberos]"' in fault.text


# -- client certificates ------------------------------------------------------------------------------------


def by_certificate(server: SmtpServer, **changes: object) -> SmtpRoute:
    shown = certificates.authority().issue("anna")
    client = ClientCertificate(shown.certificate, Secret(shown.key))
    values = {"auth": SmtpAuth.CERTIFICATE, "client": client, "security": Security.TLS}
    return smtp_route(server.port, **(values | changes))


def tls_server(*features: str, **more: object) -> SmtpServer:
    return SmtpServer(features=features, identity=certificates.good(), implicit=True, **more)  # type: ignore[arg-type] # options of the fake


@pytest.mark.parametrize("identity", ["", "anna@example.org"])
def test_p12_a_certificate_signs_in_by_external_where_it_is_offered(identity: str) -> None:
    with tls_server("AUTH PLAIN EXTERNAL", sign_in={"EXTERNAL": external(identity)}) as server:
        assert signed_in(by_certificate(server, user=identity)).mechanism == "EXTERNAL"


def test_p12_a_certificate_that_external_refuses() -> None:
    with tls_server("AUTH EXTERNAL", sign_in={"EXTERNAL": external()}) as server:
        assert fault_of(by_certificate(server)).code == "535 5.7.8"


def test_p12_a_server_that_asks_first_is_told_the_identity() -> None:
    with tls_server("AUTH EXTERNAL", sign_in={"EXTERNAL": says(b"", finally_="235 Welcome")}) as server:
        assert signed_in(by_certificate(server, user="anna")).mechanism == "EXTERNAL"
        assert server.lines[2] == "YW5uYQ=="


def test_p12_without_external_the_handshake_was_the_sign_in() -> None:
    with tls_server("AUTH PLAIN") as server:
        session = signed_in(by_certificate(server))
        assert "AUTH" not in server.sessions[0].verbs()
    assert session.mechanism == "TLS client certificate"


# -- what may be seen ---------------------------------------------------------------------------------------


def everything_printed(error: BaseException) -> str:
    """Return the local variables of every frame, the libraries' too, that a report about `error` could print."""
    found: list[str] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        if (one := waiting.pop()) is not None:
            waiting += [one.__cause__, one.__context__]
            for frame, _ in traceback.walk_tb(one.__traceback__):
                if "/tests/" not in frame.f_code.co_filename:
                    found += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
    assert found
    return "\n".join(found)


CANARY = "c4nary-of-the-mine"
ECHO = f"535 5.7.8 not {CANARY}"


@pytest.mark.parametrize(
    ("method", "handler"),
    [
        ("SCRAM-SHA-256", scram("SCRAM-SHA-256")),
        ("SCRAM-SHA-256", scram("SCRAM-SHA-256", tell=True)),
        ("SCRAM-SHA-256", says(b"nonsense")),
        ("SCRAM-SHA-256", says(b"", b"r=x,s=,i=4096")),
        ("NTLM", ntlm()),
        ("NTLM", says(b"", b"nonsense")),
        ("NTLM", says(finally_=ECHO)),
        ("CRAM-MD5", says(b"<1@example.org>", finally_=ECHO)),
        ("LOGIN", says(b"", b"", finally_=ECHO)),
        ("PLAIN", says(finally_=ECHO)),
        ("PLAIN", says(b"", finally_=ECHO)),
    ],
)
@pytest.mark.usefixtures("windows_users")
def test_no_password_is_in_dialogue_error_or_frame(method: str, handler: Handler) -> None:
    with SmtpServer(features=[f"AUTH {method}"], sign_in={method: handler}) as server:
        assert_nothing_shows(with_password(server.port, domain="CORP", password=Secret(CANARY)))


def test_a_password_that_the_library_refuses_is_not_shown_either() -> None:
    """SCRAM's does not take a character for private use."""
    with SmtpServer(features=["AUTH SCRAM-SHA-256"]) as server:
        error = assert_nothing_shows(with_password(server.port, password=Secret(CANARY + "\ue000")))
    assert error.fault.kind is Kind.MECHANISM_MISSING


def assert_nothing_shows(route: SmtpRoute) -> MailError:
    """Sign in, which must fail, and return the error."""
    session = SmtpSession(route, NetworkPolicy())
    with pytest.raises(MailError) as caught:
        session.start()
    error = caught.value
    assert CANARY not in "\n".join([*session.dialogue.lines, str(error), repr(error.fault), everything_printed(error)])
    return error


# -- the settings -------------------------------------------------------------------------------------------

SHOWN = certificates.good()
CLIENT = ClientCertificate(SHOWN.certificate, Secret(SHOWN.key))
COMPLETE = {
    "none": {"auth": SmtpAuth.NONE},
    "password": {"auth": SmtpAuth.PASSWORD, "user": "anna", "password": Secret("x")},
    "token": {"auth": SmtpAuth.XOAUTH2, "user": "anna", "app": EntraApp("1", "Contoso", None, "t", "c")},  # type: ignore[arg-type] # no cloud is needed here
    "certificate": {"auth": SmtpAuth.CERTIFICATE, "client": CLIENT, "security": Security.STARTTLS},
}
WRONG = [
    ("password", {"user": ""}, Kind.ROUTE_INCOMPLETE, "user name is missing"),
    ("password", {"user": "an\tna"}, Kind.ROUTE_INCOMPLETE, "control character"),
    ("password", {"domain": "CO\0RP"}, Kind.ROUTE_INCOMPLETE, "control character"),
    ("password", {"password": None}, Kind.SECRET_MISSING, "password is missing"),
    ("password", {"password": Secret("")}, Kind.SECRET_MISSING, "password is missing"),
    ("password", {"password": Secret("x\n")}, Kind.ROUTE_INCOMPLETE, "control character"),
    ("token", {"user": ""}, Kind.ROUTE_INCOMPLETE, "user name is missing"),
    ("token", {"app": None}, Kind.ROUTE_INCOMPLETE, "integrated service is missing"),
    ("certificate", {"client": None}, Kind.CLIENT_CERTIFICATE_BAD, "client certificate is missing"),
    ("certificate", {"client": ClientCertificate("x")}, Kind.CLIENT_CERTIFICATE_BAD, "private key"),
    ("certificate", {"security": Security.NONE}, Kind.ROUTE_INCOMPLETE, "only over TLS"),
]


@pytest.mark.parametrize("kind", COMPLETE)
def test_complete_settings_are_fine(kind: str) -> None:
    auth.check_settings(smtp_route(25, **COMPLETE[kind]))


@pytest.mark.parametrize(("base", "change", "kind", "words"), WRONG)
def test_what_is_missing_for_a_sign_in_is_found_before_dialling(
    base: str, change: dict[str, object], kind: Kind, words: str
) -> None:
    with pytest.raises(MailError) as caught:
        auth.check_settings(smtp_route(25, **(COMPLETE[base] | change)))
    fault = caught.value.fault
    assert (fault.phase, fault.kind) == (Phase.SETTINGS, kind)
    assert words in fault.text


@pytest.mark.parametrize(
    ("change", "module", "extra"),
    [
        ({"mechanism": "SCRAM-SHA-1"}, "scramp", "scram"),
        ({"mechanism": "NTLM"}, "spnego", "ntlm"),
        ({"auth": SmtpAuth.GSSAPI}, "krb5", "kerberos"),
    ],
)
def test_a_library_that_what_was_chosen_needs_is_named(
    change: dict[str, object], module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (module, "gssapi", "krb5"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MailError) as caught:
        auth.check_settings(smtp_route(25, **(COMPLETE["password"] | change)))
    assert caught.value.fault.kind is Kind.LIBRARY_MISSING
    assert f'"mailadmin[{extra}]"' in caught.value.fault.text


@given(st.text(st.characters(max_codepoint=127), min_size=1), st.characters(categories=["Cc"], max_codepoint=127))
def test_a_control_character_anywhere_is_refused(word: str, control: str) -> None:
    for values in ({"user": word + control + word}, {"password": Secret(control + word)}):
        with pytest.raises(MailError) as caught:
            auth.check_settings(smtp_route(25, **(COMPLETE["password"] | values)))
        assert caught.value.code == "credentials-control-character"
