"""S20: NTLM with domain, user and password, against the server side of a library for it."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Security
from tests.fakes import certificates
from tests.fakes.smtp_routes import PASSWORD, with_password
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.smtp_sign_in import Handler, fault_of, ntlm, says, signed_in

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)


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


def test_s20_a_library_that_fails_at_once_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LM_COMPAT_LEVEL", "nonsense")
    with ntlm_server(also="") as server, pytest.raises(MailError) as caught:
        signed_in(with_password(server.port, domain="CORP"))
    assert caught.value.fault.kind is Kind.MECHANISM_MISSING
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    assert PASSWORD not in repr(frames)
    with ntlm_server(users={"CORP\\anna": PASSWORD}) as server:
        assert signed_in(with_password(server.port, domain="CORP")).mechanism == "PLAIN"


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
