"""S8: signing in by SCRAM (RFC 5802, 7677) against the server side of a SCRAM library."""

from __future__ import annotations

import base64
import ssl
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.knowledge import Health
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Security, SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp.mechanisms.scram import rounds
from mailadmin.transports.smtp.session import SmtpSession
from tests.fakes import certificates, smtp_sign_in
from tests.fakes.smtp_routes import PASSWORD, with_password
from tests.fakes.smtp_server import Connection, SmtpServer
from tests.fakes.smtp_sign_in import Handler, b64, says, scram

METHODS = ("SCRAM-SHA-256", "SCRAM-SHA-1")
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)


def server(method: str, handler: Handler | None = None, *, also: str = "PLAIN LOGIN", **more: object) -> SmtpServer:
    handlers = {method: handler or scram(method)}
    return SmtpServer(features=[f"AUTH {also} {method}".replace("  ", " ")], sign_in=handlers, **more)  # type: ignore[arg-type] # options of the fake


def old_tls(method: str, handler: Handler | None = None, **more: object) -> SmtpServer:
    tls = {"identity": certificates.good(), "implicit": True, "maximum": ssl.TLSVersion.TLSv1_2}
    return server(method, handler, **(tls | more))


def route(smtp: SmtpServer, **changes: object) -> SmtpRoute:
    security = Security.TLS if smtp.implicit else Security.NONE
    return with_password(smtp.port, **({"security": security} | changes))


def signed_in(smtp: SmtpServer, **changes: object) -> SmtpSession:
    return smtp_sign_in.signed_in(route(smtp, **changes))


def fault_of(smtp: SmtpServer, **changes: object) -> Fault:
    return smtp_sign_in.fault_of(route(smtp, **changes))


def first_message(smtp: SmtpServer) -> str:
    line = next(line for line in smtp.lines if line.startswith("AUTH SCRAM"))
    return base64.b64decode(line.split()[2]).decode()


@pytest.mark.parametrize("method", METHODS)
def test_s8_scram_signs_in_and_shows_no_password(method: str) -> None:
    with server(method) as smtp:
        session = signed_in(smtp)
    assert session.mechanism == method
    assert f"C: AUTH {method} ••••••" in session.dialogue.lines
    assert PASSWORD not in "\n".join([*session.dialogue.lines, *smtp.lines])


def test_s8_the_stronger_hash_is_chosen() -> None:
    with SmtpServer(features=["AUTH PLAIN SCRAM-SHA-1 CRAM-MD5 SCRAM-SHA-256"]) as smtp:
        smtp.sign_in = {method: scram(method) for method in METHODS}
        assert signed_in(smtp).mechanism == "SCRAM-SHA-256"


def test_a_wrong_password_is_tried_once_only() -> None:
    with server("SCRAM-SHA-256") as smtp:
        fault = fault_of(smtp, password=Secret("wrong"))
        assert smtp.sessions[0].verbs().count("AUTH") == 1
    assert (fault.phase, fault.code) == (Phase.AUTH, "535 5.7.8")


def test_a_refusal_that_is_told_first_is_acknowledged_and_then_read() -> None:
    with server("SCRAM-SHA-256", scram("SCRAM-SHA-256", tell=True)) as smtp:
        session = SmtpSession(with_password(smtp.port, password=Secret("wrong")), NetworkPolicy())
        with pytest.raises(MailError) as caught:
            session.start()
    assert caught.value.fault.code == "535 5.7.8"
    assert "(the server's reason: invalid-proof)" in session.dialogue.lines


@pytest.mark.parametrize("tell", [True, False])
def test_an_account_without_a_scram_secret_signs_in_by_the_next_method(tell: bool) -> None:
    """The server declines before any proof of the password has left, so nothing was counted as wrong."""

    def declines(connection: Connection, initial: str) -> bool:
        users = dict(smtp.users)
        smtp.users.clear()
        try:
            return scram("SCRAM-SHA-256", tell=tell)(connection, initial)
        finally:
            smtp.users.update(users)

    with server("SCRAM-SHA-256", declines, also="PLAIN CRAM-MD5") as smtp:
        assert signed_in(smtp).mechanism == "PLAIN"
        assert smtp.sessions[0].verbs().count("AUTH") == 2


def test_a_server_that_closes_after_declining_is_reported_with_its_refusal() -> None:
    def declines(connection: Connection, initial: str) -> bool:
        connection.say("535 5.7.8 no secret of that form")
        return False

    with server("SCRAM-SHA-256", declines) as smtp:
        assert fault_of(smtp).code == "535 5.7.8"


def test_a_server_that_asks_first_is_given_the_same_again() -> None:
    def forgetful(connection: Connection, initial: str) -> bool:
        return scram("SCRAM-SHA-256")(connection, "")

    with server("SCRAM-SHA-256", forgetful) as smtp:
        assert signed_in(smtp).mechanism == "SCRAM-SHA-256"


# -- the server's proof -------------------------------------------------------------------------------------


def _first_of(connection: Connection, initial: str) -> bytes:
    nonce = base64.b64decode(initial).decode().rpartition("r=")[2]
    return f"r={nonce}abc,s={b64('salt-and-pepper')},i=4096".encode()


@pytest.mark.parametrize("last", [b"v=" + b64("not the proof").encode(), b"", b"v=%%%", b"\xff\xfe"])
def test_a_server_that_cannot_prove_itself_is_left_at_once(last: bytes) -> None:
    def pretends(connection: Connection, initial: str) -> bool:
        return says(_first_of(connection, initial), last, finally_="235 2.7.0 Welcome")(connection, initial)

    with server("SCRAM-SHA-256", pretends) as smtp:
        with pytest.raises(MailError) as caught:
            signed_in(smtp)
        assert smtp.sessions[0].ended.wait(5)
        assert smtp.sessions[0].verbs().count("AUTH") == 1
    error = caught.value
    assert (error.fault.phase, error.fault.kind) == (Phase.AUTH, Kind.SERVER_PROOF)
    assert error.explanation.health is Health.CONFIG


def test_a_welcome_without_proof_is_not_believed() -> None:
    def believes_all(connection: Connection, initial: str) -> bool:
        return says(_first_of(connection, initial), finally_="235 2.7.0 Welcome")(connection, initial)

    with server("SCRAM-SHA-256", believes_all) as smtp:
        assert fault_of(smtp).kind is Kind.SERVER_PROOF


def test_a_server_may_not_ask_for_endless_work() -> None:
    wanted = f",i={limits.SCRAM_ITERATIONS + 1}".encode()

    def greedy(connection: Connection, initial: str) -> bool:
        first = _first_of(connection, initial).replace(b",i=4096", wanted)
        return says(first)(connection, initial)

    with server("SCRAM-SHA-256", greedy) as smtp:
        fault = fault_of(smtp)
    assert fault.kind is Kind.OUT_OF_STEP
    assert "rounds of hashing" in fault.text


@pytest.mark.parametrize("number", [b" 4096", b"+4096", b"4_096", b"4096,x=y,i=9", b"0", b"", b"9" * 30, "٤".encode()])
def test_a_number_of_rounds_that_two_readers_may_read_differently_is_none(number: bytes) -> None:
    """Or else what the library hashes might be more than what was judged."""
    assert rounds(b"r=nonce,s=c2FsdA==,i=" + number) == 0
    assert rounds(b"r=nonce,s=c2FsdA==,i=4096,x=" + number.replace(b",i=9", b"")) == 4096


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=60) | st.from_regex(rb"[rsievm]=[ -~]{0,20}(,[rsive]=[ -~]{0,20}){0,3}"), max_size=3)
)
def test_whatever_the_server_says_ends_as_a_mail_error(challenges: list[bytes]) -> None:
    with server("SCRAM-SHA-256", says(*challenges), also="") as smtp:
        assert fault_of(smtp).phase is Phase.AUTH


# -- channel binding ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_s8_a_sign_in_is_bound_to_the_tls_connection_where_both_sides_can(method: str) -> None:
    with old_tls(f"{method}-PLUS", also=f"PLAIN {method}") as smtp:
        assert signed_in(smtp).mechanism == f"{method}-PLUS"
        assert first_message(smtp).startswith("p=tls-unique,,")


def test_a_client_that_could_bind_tells_a_server_that_seems_not_to() -> None:
    """RFC 5802 section 6: so that a server whose offer was taken away on the way notices."""
    with old_tls("SCRAM-SHA-256") as smtp:
        signed_in(smtp)
        assert first_message(smtp).startswith("y,,")


@pytest.mark.parametrize("implicit", [True, False])
def test_without_a_binding_the_plain_method_says_so(implicit: bool) -> None:
    identity = certificates.good() if implicit else None
    with server("SCRAM-SHA-256", also="SCRAM-SHA-256-PLUS", identity=identity, implicit=implicit) as smtp:
        session = signed_in(smtp)
        assert first_message(smtp).startswith("n,,")
    assert session.mechanism == "SCRAM-SHA-256"
    assert any("SCRAM-SHA-256-PLUS is left out" in line for line in session.dialogue.lines)


def test_the_plain_method_by_name_does_not_claim_that_the_server_cannot_bind() -> None:
    with old_tls("SCRAM-SHA-256", also="SCRAM-SHA-256-PLUS") as smtp:
        signed_in(smtp, mechanism="SCRAM-SHA-256")
        assert first_message(smtp).startswith("n,,")


def test_a_sign_in_is_bound_to_the_certificate_where_that_was_asked_for_by_name() -> None:
    identity = certificates.good()
    handler = scram("SCRAM-SHA-256-PLUS", end_point_of=identity)
    with server("SCRAM-SHA-256-PLUS", handler, identity=identity, implicit=True) as smtp:
        assert signed_in(smtp, mechanism="SCRAM-SHA-256-PLUS").mechanism == "SCRAM-SHA-256-PLUS"
        assert first_message(smtp).startswith("p=tls-server-end-point,,")


def test_somebody_in_between_with_another_certificate_is_found_out() -> None:
    handler = scram("SCRAM-SHA-256-PLUS", end_point_of=certificates.good())
    with server("SCRAM-SHA-256-PLUS", handler, identity=certificates.good(), implicit=True) as smtp:
        fault = fault_of(smtp, mechanism="SCRAM-SHA-256-PLUS")
        assert smtp.sessions[0].verbs().count("AUTH") == 1
    assert fault.code == "535 5.7.8"


def test_a_binding_that_is_wanted_by_name_and_not_to_be_had_is_an_error() -> None:
    with server("SCRAM-SHA-256-PLUS") as smtp:
        fault = fault_of(smtp, mechanism="SCRAM-SHA-256-PLUS")
    assert fault.kind is Kind.MECHANISM_MISSING


# -- names, passwords and the library -----------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(NAMES, NAMES)
def test_any_user_and_password_sign_in_or_are_left_to_another_method(user: str, password: str) -> None:
    with server("SCRAM-SHA-256") as smtp:
        smtp.users = {user: password}
        mechanism = signed_in(smtp, user=user, password=Secret(password)).mechanism
        assert mechanism in ("SCRAM-SHA-256", "PLAIN")


def test_a_password_beyond_ascii_is_prepared() -> None:
    """RFC 5802 section 2.2 (SASLprep): a ligature and its letters are the same password."""
    with server("SCRAM-SHA-256") as smtp:
        smtp.users = {"jörg": "schlüssel-fi"}
        user, password = "jo\u0308rg", Secret("schlu\u0308ssel-\ufb01")
        assert signed_in(smtp, user=user, password=password).mechanism == "SCRAM-SHA-256"


def test_without_the_library_the_next_method_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scramp", None)
    with server("SCRAM-SHA-256") as smtp:
        session = signed_in(smtp)
    assert session.mechanism == "PLAIN"
    assert any('pip install "mailadmin[scram]"' in line for line in session.dialogue.lines)


@pytest.mark.parametrize("changes", [{}, {"mechanism": "SCRAM-SHA-256"}])
def test_where_only_the_library_is_missing_the_error_names_what_to_install(
    changes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scramp", None)
    with server("SCRAM-SHA-256", also="" if not changes else "PLAIN") as smtp:
        fault = fault_of(smtp, **changes)
    assert fault.kind is Kind.LIBRARY_MISSING
    assert 'pip install "mailadmin[scram]"' in fault.text
