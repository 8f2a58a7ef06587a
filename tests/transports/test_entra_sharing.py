"""One fetch for all: threads, processes, and what happens while somebody else asks (N7)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Credential, CredentialKind, EntraApp
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports import shared as port
from mailadmin.transports.entra import credentials
from mailadmin.transports.entra.tokens import Token, fetch_token, forget_token
from tests.fakes.graph_server import Exchange, Microsoft, Says, closes_after_request, entra_error, token_body
from tests.fakes.routes import entra_app

OPEN = NetworkPolicy()
SAVED = Credential(secret=Secret("canary-4402"), version="2026-11-02T10:00:00+00:00")


class Others(port.Process):
    """What processes share, with another process that does something while we wait for the lease."""

    def __init__(self) -> None:
        super().__init__()
        self.leases: list[tuple[str, int]] = []
        self.meanwhile = lambda name: None
        self.taken = False

    def lease(self, name: str, places: int, wait: float) -> AbstractContextManager[None]:
        self.leases.append((name, places))
        if self.taken:
            raise port.NotNow(wait)
        self.meanwhile(name)
        return super().lease(name, places, wait)


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Iterator[Others]:
    """A port of our own in place of the process's."""
    monkeypatch.setattr(limits, "TOKEN_PAUSE_SECONDS", 0.001)
    before = port.shared()
    mine = Others()
    port.install(lambda: mine)
    yield mine
    port.install(lambda: before)


def scopes_of(app: EntraApp) -> tuple[str, ...]:
    return (app.cloud.graph_scope,)


def fetch(app: EntraApp, fresh: bool = False) -> Token:
    return fetch_token(app, scopes_of(app), OPEN, fresh=fresh)


def key_of(app: EntraApp) -> str:
    return credentials.shared_key(app, scopes_of(app))


def kept(value: str, seconds: float = 3600) -> port.SharedToken:
    return port.SharedToken(Secret(value), time.time() + seconds)


def saved_app(server: Microsoft, **changes: object) -> EntraApp:
    return entra_app(server.host, server.ca_pem, **{"credential": SAVED, **changes})


def test_n7_a_token_that_another_process_got_is_used(others: Others) -> None:
    with Microsoft() as server:
        app = saved_app(server)
        others.keep_token(key_of(app), kept("theirs"))
        token = fetch(app)
        assert (token.value, token.from_cache) == (Secret("theirs"), True)
        assert server.connections == 0
    assert fetch(app).value == Secret("theirs")
    assert len(others.leases) == 1  # the second time it is in memory


def test_n7_a_token_that_came_while_we_waited_for_our_turn_is_used(others: Others) -> None:
    with Microsoft() as server:
        app = saved_app(server)
        others.meanwhile = lambda name: others.keep_token(key_of(app), kept("theirs"))
        assert fetch(app).value == Secret("theirs")
        assert server.connections == 0
        assert others.leases == [(f"token:{key_of(app)}", 1)]


def test_n7_what_we_got_is_kept_for_the_others(others: Others) -> None:
    with Microsoft(tokens=(Says(200, token_body("ours")),)) as server:
        app = saved_app(server)
        token = fetch(app)
        found = others.token(key_of(app))
    assert found
    assert found.value == Secret("ours")
    assert found.expires_at == token.expires_at


def test_token_of_others_that_ends_soon_is_replaced(others: Others) -> None:
    with Microsoft(tokens=(Says(200, token_body("ours")),)) as server:
        app = saved_app(server)
        others.keep_token(key_of(app), kept("theirs", 200))
        assert fetch(app).value == Secret("ours")


def test_fresh_token_is_never_the_one_of_others_but_is_kept_for_them(others: Others) -> None:
    with Microsoft(tokens=(Says(200, token_body("ours")),)) as server:
        app = saved_app(server)
        others.keep_token(key_of(app), kept("theirs"))
        token = fetch(app, fresh=True)
        assert (token.value, token.from_cache) == (Secret("ours"), False)
        assert others.leases == []
    found = others.token(key_of(app))
    assert found
    assert found.value == Secret("ours")


def test_credential_that_was_never_saved_shares_nothing(others: Others) -> None:
    with Microsoft() as server:
        app = saved_app(server, credential=Credential(secret=Secret("typed")))
        fetch(app)
        forget_token(app, scopes_of(app))
        fetch(app)
        assert len(server.asked("token")) == 2
    assert key_of(app) == ""
    assert others.leases == []
    assert others._tokens == {}


def test_n7_a_process_that_died_in_its_turn_stops_nobody(others: Others) -> None:
    others.taken = True
    with Microsoft() as server:
        assert fetch(saved_app(server)).value.reveal()


def test_a_refused_token_is_forgotten_for_all_unless_there_is_a_newer_one(others: Others) -> None:
    with Microsoft(tokens=(Says(200, token_body("a")), Says(200, token_body("b")))) as server:
        app = saved_app(server)
        first = fetch(app)
        forget_token(app, scopes_of(app), first)
        assert others.token(key_of(app)) is None
        others.keep_token(key_of(app), kept("newer"))
        forget_token(app, scopes_of(app), first)
        assert fetch(app).value == Secret("newer")
        forget_token(app, scopes_of(app))
        assert others.token(key_of(app)) is None
        assert fetch(app).value == Secret("b")


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "another"},
        {"tenant": "another.example"},
        {"client_id": "another"},
        {"credential": replace(SAVED, version="2026-11-03")},
        {"credential": replace(SAVED, kind=CredentialKind.FEDERATED)},
        {"credential": replace(SAVED, kind=CredentialKind.CERTIFICATE, certificate="x")},
    ],
)
def test_key_of_processes_is_another_one_for_whatever_is_different(changed: dict[str, object]) -> None:
    app = entra_app("localhost:1", "", credential=SAVED)
    other = replace(app, **changed)  # type: ignore[arg-type]  # one field at a time
    assert key_of(app) != key_of(other)
    assert credentials.shared_key(app, ("https://localhost/.default",)) != key_of(app)
    assert key_of(app) != key_of(replace(app, cloud=replace(app.cloud, graph_host="localhost:2")))


def test_key_of_processes_holds_nothing_of_the_secret() -> None:
    app = entra_app("localhost:1", "", credential=SAVED)
    same = replace(app, credential=replace(SAVED, secret=Secret("quite another one")))
    assert key_of(app) == key_of(same)
    assert len(key_of(app)) == 64
    assert key_of(replace(app, name="Other name")) == key_of(app)


def test_kept_token_is_used_while_another_thread_asks_for_a_new_one() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(exchange: Exchange) -> None:
        exchange.read()
        asked.set()
        go_on.wait(10)
        exchange.answer(200, token_body("new"))

    with Microsoft(tokens=(Says(200, token_body("short", expires_in=200)), slow)) as server:
        app = entra_app(server.host, server.ca_pem)
        fetch(app)
        renewing = threading.Thread(target=fetch, args=(app,))
        renewing.start()
        assert asked.wait(10)
        meanwhile = fetch(app)
        go_on.set()
        renewing.join()
        assert (meanwhile.value, meanwhile.from_cache) == (Secret("short"), True)
        assert fetch(app).value == Secret("new")
    assert len(server.asked("token")) == 2


@pytest.mark.parametrize("first", [Says(503), Says(429, b"", {"Retry-After": "0"}), closes_after_request])
def test_what_may_pass_is_tried_again(first: object, others: Others) -> None:
    with Microsoft(tokens=(first, Says(502), Says(200, token_body("third")))) as server:  # type: ignore[arg-type]
        assert fetch(saved_app(server)).value == Secret("third")
        assert len(server.asked("token")) == limits.TOKEN_TRIES


@pytest.mark.parametrize(
    "said", [Says(400, entra_error(90002, "invalid_request")), Says(503, b"", {"Retry-After": "31"}), Says(404)]
)
def test_what_does_not_pass_in_time_is_asked_once(said: Says, others: Others) -> None:
    with Microsoft(tokens=(said,)) as server:
        with pytest.raises(MailError):
            fetch(saved_app(server))
        assert len(server.asked("token")) == 1


def test_retry_after_is_obeyed_when_it_fits(others: Others) -> None:
    busy = Says(503, b"", {"Retry-After": "1"})
    with Microsoft(tokens=(busy, Says(200, token_body()))) as server:
        started = time.monotonic()
        fetch(saved_app(server))
        assert time.monotonic() - started >= 1


def test_all_requests_together_stay_within_the_time(others: Others, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOKEN_TOTAL_SECONDS", 0.5)
    released = threading.Event()

    def silent(exchange: Exchange) -> None:
        released.wait(10)

    with Microsoft(tokens=(silent,)) as server:
        with pytest.raises(MailError) as caught:
            fetch(saved_app(server))
        released.set()
    assert caught.value.fault.kind in (Kind.TIMEOUT, Kind.TCP_TIMEOUT)
    assert len(server.asked("token")) <= 1


def test_token_that_claims_to_hold_for_ever_is_not_believed(others: Others) -> None:
    with Microsoft(tokens=(Says(200, token_body("a", expires_in=10**12)),)) as server:
        assert fetch(saved_app(server)).expires_at <= time.time() + limits.TOKEN_MOST_SECONDS
