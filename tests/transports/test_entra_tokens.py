"""Tokens from a scripted Entra: msal's traps, one fetch at a time, nothing secret in view."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import replace

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Credential, EntraApp
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.entra.tokens import Token, claims_of, fetch_token, forget_token
from tests.fakes.graph_server import (
    Exchange,
    Microsoft,
    Says,
    closes_after_request,
    entra_error,
    free_port,
    jwt,
    token_body,
)
from tests.fakes.routes import CLIENT_SECRET, entra_app

OPEN = NetworkPolicy()


def scopes_of(app: EntraApp) -> tuple[str, ...]:
    return (app.cloud.graph_scope,)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKEN_PAUSE_SECONDS", 0.001)


def fetch(app: EntraApp, **options: bool) -> Token:
    return fetch_token(app, scopes_of(app), OPEN, **options)


def failure(server: Microsoft, app: EntraApp | None = None) -> MailError:
    with pytest.raises(MailError) as caught:
        fetch(app or entra_app(server.host, server.ca_pem))
    error = caught.value
    assert not error.fault.maybe_sent
    assert CLIENT_SECRET not in str(error)
    assert error.__context__ is None
    return error


def test_token_is_got_once_and_kept() -> None:
    with Microsoft() as server:
        app = entra_app(server.host, server.ca_pem)
        first, second = fetch(app), fetch(app)
    assert (first.from_cache, second.from_cache) == (False, True)
    assert first.value == second.value
    assert first.claims["roles"] == ["Mail.Send"]
    (request,) = server.asked("token")
    form = request.body.decode()
    assert "grant_type=client_credentials" in form
    assert f"client_secret={CLIENT_SECRET}" in form
    assert len(server.asked("config")) == 1


def test_fresh_token_asks_entra_in_any_case() -> None:
    with Microsoft(tokens=(Says(200, token_body("a")), Says(200, token_body("b")))) as server:
        app = entra_app(server.host, server.ca_pem)
        assert fetch(app).value == Secret("a")
        assert fetch(app, fresh=True).value == Secret("b")
        assert fetch(app).value == Secret("b")


def test_forgotten_token_is_got_anew_unless_another_thread_did_so() -> None:
    with Microsoft(tokens=tuple(Says(200, token_body(name)) for name in "abc")) as server:
        app = entra_app(server.host, server.ca_pem)
        first = fetch(app)
        forget_token(app, scopes_of(app), first)
        assert fetch(app).value == Secret("b")
        forget_token(app, scopes_of(app), first)
        assert fetch(app).value == Secret("b")
        forget_token(app, scopes_of(app))
        assert fetch(app).value == Secret("c")


def test_changed_secret_or_tenant_has_a_token_of_its_own() -> None:
    with Microsoft() as server:
        app = entra_app(server.host, server.ca_pem)
        fetch(app)
        fetch(replace(app, credential=Credential(secret=Secret("another secret"))))
        fetch(replace(app, tenant="example.org"))
        fetch(replace(app, name="New name", id="2"))
    assert len(server.asked("token")) == 3


@pytest.mark.parametrize("version", ["", "2026-11-02"])
def test_n7_thirty_threads_share_one_fetch(version: str) -> None:
    with Microsoft() as server:
        app = entra_app(server.host, server.ca_pem, credential=Credential(secret=Secret("s3cret"), version=version))
        threads = [threading.Thread(target=fetch, args=(app,)) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.asked("token")) == 1


@pytest.mark.parametrize("kept", [(), (Says(200, token_body("ends soon", expires_in=30)),)], ids=["none", "ending"])
def test_threads_that_waited_share_the_failure_and_get_no_token_that_has_ended(kept: tuple[Says, ...]) -> None:
    asked, go_on, at_the_lock = threading.Event(), threading.Event(), threading.Semaphore(0)

    def slow_refusal(exchange: Exchange) -> None:
        exchange.read()
        asked.set()
        go_on.wait(10)
        exchange.answer(503)

    def reveal() -> str:
        at_the_lock.release()
        return CLIENT_SECRET

    errors: list[MailError] = []

    def ask(app: EntraApp) -> None:
        try:
            fetch(app)
        except MailError as error:
            errors.append(error)

    with Microsoft(tokens=(*kept, slow_refusal)) as server:
        app = entra_app(server.host, server.ca_pem)
        for _ in kept:
            fetch(app)
        first = threading.Thread(target=ask, args=(app,))
        first.start()
        assert asked.wait(10)
        waiting = replace(app, credential=Credential(secret=Secret(reveal)))
        others = [threading.Thread(target=ask, args=(waiting,)) for _ in range(4)]
        for thread in others:
            thread.start()
            assert at_the_lock.acquire(timeout=10)
        go_on.set()
        for thread in (first, *others):
            thread.join()
    assert [error.fault.http_status for error in errors] == [503] * 5
    assert len(server.asked("token")) < 5 * limits.TOKEN_TRIES


@pytest.mark.parametrize(
    ("number", "error"),
    [(7000215, "invalid_client"), (7000222, "invalid_client"), (700016, "unauthorized_client")],
)
def test_g1_refusal_carries_entras_number_and_text(number: int, error: str) -> None:
    with Microsoft(tokens=(Says(401, entra_error(number, error)),)) as server:
        fault = failure(server).fault
    assert (fault.phase, fault.kind) == (Phase.TOKEN, Kind.TOKEN_REFUSED)
    assert (fault.aadsts, fault.text) == (str(number), f"AADSTS{number}: It is so.")
    assert (fault.request_id, fault.http_status, fault.code) == ("t-1", 401, f"AADSTS{number}")


def test_refusal_is_asked_again_and_not_kept_for_a_minute() -> None:
    with Microsoft(tokens=(Says(400, entra_error(700016, "unauthorized_client")), Says(200, token_body()))) as server:
        app = entra_app(server.host, server.ca_pem)
        failure(server, app)
        assert fetch(app).value.reveal()


def test_unknown_tenant_is_told_although_msal_hides_it() -> None:
    with Microsoft(config=Says(400, entra_error(90002, "invalid_tenant"))) as server:
        assert failure(server).fault.aadsts == "90002"
    assert server.asked("token") == []


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Says(503, b"<html>busy</html>", {"Retry-After": "40"}), Kind.HTTP_STATUS),
        (Says(429, b""), Kind.HTTP_STATUS),
        (Says(200, b"<html>sign in to the wireless network</html>"), Kind.HTTP_ANSWER),
        (Says(200, {"token_type": "Bearer"}), Kind.HTTP_ANSWER),
        (Says(200, {"access_token": 5}), Kind.HTTP_ANSWER),
        (Says(200, {"access_token": "x", "expires_in": "soon"}), Kind.HTTP_ANSWER),
        (Says(200, [1, 2]), Kind.HTTP_ANSWER),
        (Says(400, {"error": {"code": 1}}), Kind.HTTP_ANSWER),
        (Says(404, b""), Kind.HTTP_ANSWER),
        (Says(302, b"", {"Location": "https://elsewhere.example/"}), Kind.HTTP_REDIRECT),
        (closes_after_request, Kind.CLOSED),
    ],
)
def test_g3_every_odd_answer_is_a_mail_error(said: object, kind: Kind) -> None:
    with Microsoft(tokens=(said,)) as server:  # type: ignore[arg-type]
        app = entra_app(server.host, server.ca_pem)
        fault = failure(server, app).fault
        assert (fault.phase, fault.kind) == (Phase.TOKEN, kind)
        failure(server, app)  # msal would fail with a TypeError of its own the second time


def test_configuration_that_is_none_is_a_mail_error() -> None:
    for body in (b"hello", {"token_endpoint": "x"}, {}):
        with Microsoft(config=Says(200, body)) as server:
            assert failure(server).fault.kind is Kind.HTTP_ANSWER


def test_secret_goes_to_no_other_host_than_the_sign_in_host() -> None:
    with Microsoft() as thief:
        endpoints = {
            "token_endpoint": f"https://{thief.host}/t/token",
            "authorization_endpoint": "https://x/y",
        }
        with Microsoft(config=Says(200, endpoints)) as server:
            fault = failure(server, entra_app(server.host, server.ca_pem)).fault
    assert fault.kind is Kind.HTTP_ANSWER
    assert "another host" in fault.text
    assert thief.connections == 0


def test_g3_kept_token_is_used_while_entra_does_not_answer() -> None:
    short = Says(200, token_body("short", expires_in=200))
    with Microsoft(tokens=(short, Says(503), Says(503), Says(503), Says(401, entra_error(7000222)))) as server:
        app = entra_app(server.host, server.ca_pem)
        assert not fetch(app).from_cache
        again = fetch(app)  # fewer than 5 minutes left, so Entra is asked, in vain
        assert (again.value, again.from_cache) == (Secret("short"), True)
        with pytest.raises(MailError):
            fetch(app)  # a refusal is an answer


def test_missing_secret_is_told_before_any_connection() -> None:
    with Microsoft() as server:
        for secret in (None, Secret("")):
            app = entra_app(server.host, server.ca_pem, credential=Credential(secret=secret))
            assert failure(server, app).fault.kind is Kind.SECRET_MISSING
        assert server.connections == 0


def test_sign_in_host_that_cannot_be_reached_keeps_its_own_phase() -> None:
    with pytest.raises(MailError) as caught:
        fetch(entra_app(f"localhost:{free_port()}", ""))
    assert (caught.value.fault.phase, caught.value.fault.kind) == (Phase.TCP, Kind.TCP_REFUSED)


def test_forked_child_starts_without_tokens() -> None:
    with Microsoft() as server:
        app = entra_app(server.host, server.ca_pem)
        fetch(app)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            from mailadmin.transports.entra import tokens

            os.write(writer, str(len(tokens._accounts)).encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reader, 10) == b"0"
        os.close(reader)
        os.close(writer)


def test_secret_and_token_are_in_no_log_and_no_dialogue(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[str] = []
    token = jwt()
    refusal = entra_error(7000215)
    refusal["error_description"] = f"AADSTS7000215: {CLIENT_SECRET} is wrong."
    with Microsoft(tokens=(Says(401, refusal), Says(200, token_body(token)))) as server:
        app = entra_app(server.host, server.ca_pem)
        error = failure(server, app)
        fetch_token(app, scopes_of(app), OPEN, fresh=True, note=lines.append)
    seen = caplog.text + "\n".join(lines) + str(error) + repr(error.fault)
    for secret in (CLIENT_SECRET, token, "canary-signature-4417"):
        assert secret not in seen
    assert any(line.startswith("> POST") for line in lines)
    assert "< 200" in lines


def test_claims_of_what_is_no_jwt_are_empty() -> None:
    for text in ("", "opaque", "a.b.c", "..", "a.W10.c", "é.é.é"):
        assert claims_of(text) == {}
