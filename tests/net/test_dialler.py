"""Finding and dialling a server."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import AddressFamily
from mailadmin.net import race
from mailadmin.net.dialler import NetworkPolicy, connect, dial, own_name, resolve

OPEN = NetworkPolicy()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port whose queue is full, so that nobody answers (Linux drops the SYN)."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            waiting.append(client)
        yield port
        for client in waiting:
            client.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def fault_of(host: str, port: int = 25, policy: NetworkPolicy = OPEN) -> Fault:
    with pytest.raises(MailError) as caught:
        dial(host, port, policy, 3)
    return caught.value.fault


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1", "2130706433", "017700000001", "[::1]", "localhost"])
def test_every_spelling_of_loopback_is_judged_by_what_it_resolves_to(host: str) -> None:
    assert resolve(host, 25, OPEN)
    fault = fault_of(host, policy=NetworkPolicy(allow_loopback=False))
    assert (fault.phase, fault.kind, fault.where) == (Phase.DNS, Kind.ADDRESS_REFUSED, f"{host}:25")


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "169.254.169.254", "[fe80::1]", "0"])
def test_the_metadata_service_cannot_be_reached_by_any_spelling(host: str) -> None:
    assert fault_of(host).kind is Kind.ADDRESS_REFUSED


@pytest.mark.parametrize("host", ["", "a..b", "no such host", "-bad-.example", "x" * 300, "a\0b"])
def test_s16_a_host_that_is_no_name_is_not_found(host: str) -> None:
    assert fault_of(host).kind is Kind.DNS_NOT_FOUND


def test_s16_a_name_that_does_not_exist_says_so() -> None:
    """The top-level domain "invalid" never exists (RFC 6761); without any network the resolver says less."""
    assert fault_of("mail.invalid").kind in (Kind.DNS_NOT_FOUND, Kind.DNS_FAILED)


def test_a_resolver_that_does_not_answer_in_time_is_a_failed_look_up() -> None:
    with pytest.raises(MailError) as caught:
        resolve("mail.invalid", 25, OPEN, seconds=0)
    assert caught.value.fault.kind in (Kind.DNS_FAILED, Kind.DNS_NOT_FOUND)


def test_a_port_that_is_not_allowed_is_refused_before_the_name_is_looked_up() -> None:
    assert fault_of("mail.invalid", 22, NetworkPolicy(ports=(25,))).kind is Kind.PORT_REFUSED


def test_dialling_gives_a_connection_that_sends_at_once(listener: socket.socket) -> None:
    with dial("localhost", listener.getsockname()[1], OPEN, 3) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("family", AddressFamily)
def test_a_dead_address_leaves_time_for_the_next_one(listener: socket.socket, family: AddressFamily) -> None:
    with connect(["127.9.9.9", "127.0.0.1"], listener.getsockname()[1], 3, "", family) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("family", [AddressFamily.RACE, AddressFamily.IN_TURN])
def test_a_silent_address_does_not_hold_up_the_next_one(deaf_port: int, family: AddressFamily) -> None:
    with socket.create_server(("127.0.0.2", deaf_port)):
        started = time.monotonic()
        with connect(["127.0.0.1", "127.0.0.2"], deaf_port, 1, "", family) as sock:
            assert sock.getpeername()[0] == "127.0.0.2"
        # In turn the first has half of the time; racing, the second begins after a quarter of a second.
        assert time.monotonic() - started >= (0.45 if family is AddressFamily.IN_TURN else 0.2)


def test_a_race_is_won_by_the_first_to_answer_and_leaves_nothing_behind(deaf_port: int) -> None:
    """The first address is silent, the second refuses (and so ends its turn early), the third wins."""
    threads = set(threading.enumerate())
    addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]
    with socket.create_server(("127.0.0.3", deaf_port)), connect(addresses, deaf_port, 4) as winner:
        assert winner.getpeername()[0] == "127.0.0.3"
    with pytest.raises(MailError) as caught:
        connect(addresses[:2], deaf_port, 0.5)
    assert caught.value.fault.kind is Kind.TCP_REFUSED
    assert "127.0.0.1: no answer within 0.5 s" in caught.value.fault.text
    assert set(threading.enumerate()) <= threads
    gc.collect()  # a socket that nobody closed would be a warning, and so fail this test


def test_addresses_race_with_the_families_taking_turns() -> None:
    """RFC 8305 section 4."""
    assert race.interleaved(["::1", "::2", "192.0.2.1", "::3"]) == ["::1", "192.0.2.1", "::2", "::3"]
    assert race.interleaved(["192.0.2.1", "192.0.2.2", "::1"]) == ["192.0.2.1", "::1", "192.0.2.2"]
    assert race.interleaved(["192.0.2.1", "192.0.2.2"]) == ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize(
    ("family", "host"),
    [(AddressFamily.IPV6, "127.0.0.1"), (AddressFamily.IPV4, "[::1]"), (AddressFamily.IPV6, "127.1")],
)
def test_only_addresses_of_the_wanted_family_are_dialled(family: AddressFamily, host: str) -> None:
    with pytest.raises(MailError) as caught:
        resolve(host, 25, OPEN, family=family)
    fault = caught.value.fault
    assert fault.kind is Kind.DNS_NOT_FOUND
    wanted = "IPv6" if family is AddressFamily.IPV6 else "IPv4"
    assert f"no {wanted} address" in fault.text
    other = AddressFamily.IPV4 if family is AddressFamily.IPV6 else AddressFamily.IPV6
    assert resolve(host, 25, OPEN, family=other)


def test_the_name_localhost_has_an_address_of_the_wanted_family() -> None:
    assert resolve("localhost", 25, OPEN, family=AddressFamily.IPV4) == ("127.0.0.1",)


def test_a_port_where_nothing_listens_is_refused() -> None:
    fault = fault_of("127.0.0.1", closed_port())
    assert (fault.phase, fault.kind) == (Phase.TCP, Kind.TCP_REFUSED)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "127.0.0.1"]])
def test_a_port_that_does_not_answer_times_out(deaf_port: int, addresses: list[str]) -> None:
    with pytest.raises(MailError) as caught:
        connect(addresses, deaf_port, 0.2)
    assert caught.value.fault.kind is Kind.TCP_TIMEOUT


def test_an_unreachable_network_is_told() -> None:
    with pytest.raises(MailError) as caught:
        connect(["255.255.255.255"], 25, 0.2)
    assert caught.value.fault.kind is Kind.TCP_UNREACHABLE


def test_s16_no_free_socket_on_our_side_is_its_own_error() -> None:
    """S16: socket in use. The process is really out of file descriptors here, in a child of its own."""
    import subprocess
    import sys

    program = (
        "import resource, socket\n"
        "from mailadmin.core.errors import MailError\n"
        "from mailadmin.net.dialler import connect\n"
        "from mailadmin.core.knowledge import entries; entries()\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "for addresses in (['127.0.0.1'], ['127.0.0.1', '::1']):\n"
        "    try: connect(addresses, 1, 1)\n"
        "    except MailError as error: print(error.fault.kind)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [Kind.TCP_LOCAL] * 2, done.stderr


def test_the_most_telling_failure_is_reported(deaf_port: int) -> None:
    with pytest.raises(MailError) as caught:
        connect(["255.255.255.255", "127.0.0.1"], closed_port(), 1)
    assert caught.value.fault.kind is Kind.TCP_REFUSED
    assert "255.255.255.255" in caught.value.fault.text


def test_we_call_ourselves_by_a_full_name_or_our_address(listener: socket.socket) -> None:
    accepted: list[socket.socket] = []
    thread = threading.Thread(target=lambda: accepted.append(listener.accept()[0]))
    thread.start()
    with dial("127.0.0.1", listener.getsockname()[1], OPEN, 3) as sock:
        name = own_name(sock)
    thread.join()
    accepted[0].close()
    assert "." in name
    assert name == "[127.0.0.1]" or not name.startswith("[")
