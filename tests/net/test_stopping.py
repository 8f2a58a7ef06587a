"""A test that is stopped ends at once, whatever it waits for; whoever is under no stop notices nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from mailadmin.core.errors import MailError
from mailadmin.core.settings import AddressFamily, TlsSettings
from mailadmin.net import stopping, tls
from mailadmin.net.dialler import NetworkPolicy, connect, dial, resolve
from mailadmin.net.stopping import Stop, Stopped
from tests.fakes.deaf import deaf

LONG = 20.0  # seconds; whoever waited for so long was not stopped


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def deaf_port() -> Iterator[int]:
    with deaf() as port:
        yield port


def stopped_meanwhile(work: Callable[[], object]) -> float:
    """Press Stop while `work` runs, and return for how many seconds it ran."""
    stop = Stop()
    timer = threading.Timer(0.1, stop.press)
    started = time.monotonic()
    with stopping.under(stop):
        timer.start()
        work()
    timer.join()
    return time.monotonic() - started


def test_n1_a_read_ends(listener: socket.socket) -> None:
    def read() -> None:
        with dial("127.0.0.1", listener.getsockname()[1], NetworkPolicy(), LONG) as sock:
            assert sock.recv(1) == b""

    assert stopped_meanwhile(read) < LONG / 2


@pytest.mark.parametrize("family", [AddressFamily.RACE, AddressFamily.IN_TURN])
@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "127.0.0.1"]])
def test_n1_a_connection_that_nobody_takes_ends(deaf_port: int, family: AddressFamily, addresses: list[str]) -> None:
    def knock() -> None:
        with pytest.raises(MailError):
            connect(addresses, deaf_port, LONG, family=family)

    assert stopped_meanwhile(knock) < LONG / 2


def test_n1_a_handshake_ends(listener: socket.socket) -> None:
    def shake_hands() -> None:
        sock = dial("127.0.0.1", listener.getsockname()[1], NetworkPolicy(), LONG)
        with pytest.raises(MailError):
            tls.secure(sock, "localhost", TlsSettings(), LONG)

    assert stopped_meanwhile(shake_hands) < LONG / 2


def test_n1_a_look_up_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *question: released.wait(LONG) and [])

    def look_up() -> None:
        with pytest.raises(MailError):
            resolve("mail.example.org", 25, NetworkPolicy(), LONG)

    assert stopped_meanwhile(look_up) < LONG / 2
    released.set()


def test_n1_a_pause_ends() -> None:
    assert stopped_meanwhile(lambda: stopping.rest(LONG)) < LONG / 2


def test_n1_waiting_for_a_lock_ends() -> None:
    lock = threading.Lock()
    lock.acquire()
    assert stopped_meanwhile(lambda: stopping.acquire(lock, LONG)) < LONG / 2


def test_once_stopped_no_connection_comes_about_and_nothing_is_waited_for(listener: socket.socket) -> None:
    stop = Stop()
    stop.press()
    with stopping.under(stop), socket.socket() as sock:
        assert stopping.pressed()
        with pytest.raises(Stopped):
            stopping.guard(sock)
        with pytest.raises(MailError):
            dial("127.0.0.1", listener.getsockname()[1], NetworkPolicy(), LONG)
        started = time.monotonic()
        stopping.rest(LONG)
        assert time.monotonic() - started < LONG / 2


def test_what_was_let_go_of_is_not_ended(listener: socket.socket) -> None:
    stop = Stop()
    with stopping.under(stop):
        ours = dial("127.0.0.1", listener.getsockname()[1], NetworkPolicy(), LONG)
    with ours, listener.accept()[0] as theirs:
        stop.forget()
        stop.press()
        ours.sendall(b"still here")
        assert theirs.recv(100) == b"still here"


def test_without_a_stop_everything_is_as_ever() -> None:
    assert not stopping.pressed()
    stopping.rest(0)
    lock = threading.Lock()
    assert stopping.acquire(lock, 0)
    assert not stopping.acquire(lock, 0)
    event = threading.Event()
    stopping.wait(event, 0)
    assert not event.is_set()


def test_a_lock_that_is_free_is_had_at_once_and_one_that_is_not_within_its_time() -> None:
    with stopping.under(Stop()):
        lock = threading.Lock()
        assert stopping.acquire(lock, LONG)
        assert not stopping.acquire(lock, 0.01)
