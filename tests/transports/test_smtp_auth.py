"""S13, P12: which method is used when, client certificates, and what a sign-in needs and never shows."""

from __future__ import annotations

import hmac
import sys
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import ClientCertificate, EntraApp, Security, SmtpAuth, SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp import auth
from mailadmin.transports.smtp.session import SmtpSession
from tests.fakes import certificates
from tests.fakes.smtp_routes import smtp_route, with_password
from tests.fakes.smtp_server import SmtpServer, far_away
from tests.fakes.smtp_sign_in import Handler, external, fault_of, says, scram, signed_in

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)


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


def test_a_system_that_allows_no_md5_signs_in_by_another_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in FIPS mode."""

    def strict(key: bytes, msg: bytes | None = None, digestmod: object = "") -> hmac.HMAC:
        if digestmod == "md5":
            raise ValueError("[digital envelope routines] unsupported")
        return keyed_hash(key, msg, digestmod)  # type: ignore[arg-type]  # passed on

    keyed_hash = hmac.new
    monkeypatch.setattr(hmac, "new", strict)
    with SmtpServer(features=["AUTH CRAM-MD5 PLAIN"]) as server:
        assert signed_in(with_password(server.port)).mechanism == "PLAIN"
    with SmtpServer(features=["AUTH CRAM-MD5"]) as server:
        fault = fault_of(with_password(server.port))
    assert (fault.kind, fault.text) == (
        Kind.MECHANISM_MISSING,
        "No offered method can be used: this system does not allow MD5.",
    )


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
        ("NTLM", says(b"", b"nonsense")),
        ("NTLM", says(finally_=ECHO)),
        ("CRAM-MD5", says(b"<1@example.org>", finally_=ECHO)),
        ("LOGIN", says(b"", b"", finally_=ECHO)),
        ("PLAIN", says(finally_=ECHO)),
        ("PLAIN", says(b"", finally_=ECHO)),
    ],
)
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
