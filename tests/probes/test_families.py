"""N1: both families of addresses are tried, and a dead one is told, if this machine has that family at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from mailadmin.core import limits
from mailadmin.core.report import Step, StepState
from mailadmin.net import race, stopping
from mailadmin.net.policy import NetworkPolicy
from mailadmin.probes.families import OtherFamily, address_rows
from mailadmin.probes.recorder import Recorder
from mailadmin.probes.smtp import SMTP_PLAN, probe_smtp
from tests.fakes.smtp_routes import smtp_route
from tests.fakes.smtp_server import SmtpServer

BOTH = ("127.0.0.1", "::1")
needs_ipv6 = pytest.mark.skipif(not race.routed("::1"), reason="this machine has no IPv6")


@pytest.fixture
def port() -> Iterator[int]:
    """A port of ::1 that takes connections."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        yield listener.getsockname()[1]


def told(addresses: tuple[str, ...], port: int) -> Step:
    step = Step("tcp", "Connect", StepState.OK)
    other = OtherFamily(addresses, "127.0.0.1", "mail.example.org", port)
    if other.address:
        other.tell(step)
    return step


@needs_ipv6
def test_the_other_family_that_answers_is_told_with_its_time(port: int) -> None:
    step = told(BOTH, port)
    assert step.state is StepState.OK
    [[label, words]] = step.details
    assert label == "IPv6 ::1"
    assert words.startswith("connected in ")


@needs_ipv6
def test_one_that_is_dead_is_a_warning() -> None:
    with SmtpServer() as server:  # on 127.0.0.1 alone
        step = told(BOTH, server.port)
    assert step.state is StepState.WARNING
    assert step.details == [["IPv6 ::1", "Connection refused"]]
    assert "connections may begin late" in step.notes[0]


def test_a_machine_without_that_family_is_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_way(sock: socket.socket, address: object) -> None:
        raise OSError(101, "Network is unreachable")

    with SmtpServer() as server:
        monkeypatch.setattr(socket.socket, "connect", no_way, raising=False)  # as the operating system says it
        step = told(BOTH, server.port)
    assert step.state is StepState.OK
    assert step.details == [["IPv6 ::1", "not tried: this machine has no IPv6"]]


@needs_ipv6
def test_one_that_says_nothing_is_waited_for_no_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OTHER_FAMILY_SECONDS", 0.05)
    with socket.socket(socket.AF_INET6) as deaf:
        deaf.bind(("::1", 0))
        deaf.listen(0)
        waiting = [socket.socket(socket.AF_INET6) for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(deaf.getsockname())
        step = told(BOTH, deaf.getsockname()[1])
        for client in waiting:
            client.close()
    assert step.state is StepState.WARNING
    assert "no answer" in step.details[0][1]


@needs_ipv6
def test_a_stop_ends_the_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def connect(sock: socket.socket, address: object) -> None:
        if sock.type == socket.SOCK_STREAM:  # the look for a route is by a datagram, and is over at once
            released.wait(20)

    monkeypatch.setattr(socket.socket, "connect", connect, raising=False)
    stop, step = stopping.Stop(), Step("tcp", "Connect", StepState.OK)
    other = OtherFamily(BOTH, "127.0.0.1", "mail.example.org", 9)
    stop.press()
    with stopping.under(stop):
        other.tell(step)
    released.set()
    assert (step.state, step.details) == (StepState.OK, [])


def test_a_server_with_one_family_is_not_asked_for_the_other(port: int) -> None:
    assert told(("127.0.0.1",), port).details == []


def test_the_dns_step_lists_every_address_with_its_family_and_the_time() -> None:
    assert address_rows(BOTH, 0.012) == [["IPv4", "127.0.0.1"], ["IPv6", "::1"], ["Answer after", "12 ms"]]


@needs_ipv6
def test_n1_the_ladder_tells_of_both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver of the operating system says that the name has an address of each."""
    answer = [(socket.AF_INET, 0, 0, "", ("127.0.0.1", 0)), (socket.AF_INET6, 0, 0, "", ("::1", 0, 0, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *question: answer)
    told: list[str] = []
    with SmtpServer() as server:
        recorder = Recorder(SMTP_PLAN, sink=lambda place, step: told.append(f"{step.key} {step.state}"))
        steps = probe_smtp(smtp_route(server.port), recorder, NetworkPolicy(), sender="anna@example.org")
    dns, tcp = steps[1], steps[2]
    assert dns.fact == "127.0.0.1, ::1"
    assert [row[0] for row in dns.details] == ["IPv4", "IPv6", "Answer after"]
    assert [row[0] for row in tcp.details] == ["IPv4 127.0.0.1", "IPv6 ::1"]
    assert tcp.state is StepState.WARNING
    assert told.count("tcp warning") == 1  # after its end, when the other family was known
