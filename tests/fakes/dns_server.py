"""A DNS server on loopback, by UDP and TCP on one port: it knows the records that a test gives it, follows its own
CNAMEs as a recursive resolver does, and can be told to fail."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

TTL = 60


class Fault(Enum):
    """What happens to a question instead of an answer."""

    SERVFAIL = "the server says that it could not find out"
    REFUSED = "the server does not answer us"
    NXDOMAIN = "there is no such name, whatever else is known"
    SILENCE = "no answer ever comes"
    GARBAGE = "what comes is no DNS message"


@dataclass(frozen=True)
class Truncated:
    """An answer that UDP cannot carry: cut off (TC) there, whole by TCP (RFC 7766)."""

    records: tuple[str, ...]

    def __init__(self, *records: str) -> None:
        object.__setattr__(self, "records", records)


@dataclass(frozen=True)
class Slow:
    """An answer that comes after so many seconds."""

    seconds: float
    records: tuple[str, ...] = ()


Answer = Sequence[str] | Fault | Truncated | Slow
Key = tuple[dns.name.Name, dns.rdatatype.RdataType]


class DnsServer:
    """Use as a context manager; `address` is where it listens.

    `records` maps (name, type as text) to a list of records in the form of a zone file ("10 mx.example.org."), texts
    (TXT) just as they are; or to a fault. A name that no record mentions does not exist (NXDOMAIN); one that has only
    other records has no such record. `fault` happens to every question. `questions` are those that came, as (name,
    type, "udp" or "tcp").
    """

    def __init__(self, records: Mapping[tuple[str, str], Answer] | None = None, fault: Fault | None = None) -> None:
        self.records: dict[Key, Answer] = {}
        self.learn(records or {})
        self.fault = fault
        self.questions: list[tuple[str, str, str]] = []
        self._stopping = threading.Event()
        self._tcp, self._udp = _two_sockets()
        self.address: tuple[str, int] = self._tcp.getsockname()[:2]

    def learn(self, records: Mapping[tuple[str, str], Answer]) -> None:
        """Know these records from now on, in the place of those with the same name and type."""
        self.records |= {_key(name, kind): answer for (name, kind), answer in records.items()}

    def __enter__(self) -> DnsServer:
        _start(self._serve_udp)
        _start(self._serve_tcp)
        return self

    def __exit__(self, *details: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        with contextlib.suppress(OSError):
            self._udp.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads, though it says that it failed
        self._udp.close()

    def _serve_udp(self) -> None:
        while not self._stopping.is_set():
            try:
                wire, peer = self._udp.recvfrom(65535)
            except OSError:
                return
            if wire:  # an empty one is what `shutdown` makes
                _start(partial(self._answer, wire, "udp", partial(self._send, peer)))

    def _send(self, peer: tuple[str, int], reply: bytes) -> None:
        self._udp.sendto(reply, peer)

    def _serve_tcp(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._tcp.accept()
            except OSError:
                return
            _start(partial(self._serve_one, sock))

    def _serve_one(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock, sock.makefile("rb") as stream:
            sock.settimeout(20)
            while size := stream.read(2):
                wire = stream.read(int.from_bytes(size))
                self._answer(wire, "tcp", lambda reply: sock.sendall(len(reply).to_bytes(2) + reply))

    def _answer(self, wire: bytes, way: str, send: Callable[[bytes], object]) -> None:
        query = dns.message.from_wire(wire)
        asked = query.question[0]
        self.questions.append((asked.name.to_text(True).lower(), dns.rdatatype.to_text(asked.rdtype), way))
        found = self.fault or self.records.get((_lower(asked.name), asked.rdtype), ())
        if isinstance(found, Slow):
            self._stopping.wait(found.seconds)
        with contextlib.suppress(OSError):
            if found is Fault.GARBAGE:
                send(query.id.to_bytes(2) + b"\x80")  # a good number, then too little
            elif found is not Fault.SILENCE:
                send(self._reply(query, found, way).to_wire(max_size=65535))

    def _reply(self, query: dns.message.Message, found: Answer, way: str) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        if isinstance(found, Fault):
            reply.set_rcode(dns.rcode.from_text(found.name))
        elif isinstance(found, Truncated) and way == "udp":
            reply.flags |= dns.flags.TC
        else:
            asked = query.question[0]
            self._fill(reply, _lower(asked.name), asked.rdtype)
        return reply

    def _fill(self, reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        """Add what is known of `name`, by way of its CNAME if it has one."""
        if texts := _texts(self.records.get((name, kind), ())):
            values = [_quoted(text) if kind == dns.rdatatype.TXT else text for text in texts]
            reply.answer.append(dns.rrset.from_text_list(name, TTL, dns.rdataclass.IN, kind, values))
        elif alias := _texts(self.records.get((name, dns.rdatatype.CNAME), ())):
            self._fill(reply, name, dns.rdatatype.CNAME)
            self._fill(reply, dns.name.from_text(alias[0]), kind)
        elif not any(known.is_subdomain(name) for known, _ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)


def _texts(answer: Answer) -> Sequence[str]:
    if isinstance(answer, Fault):
        return ()
    return answer.records if isinstance(answer, Truncated | Slow) else answer


def _key(name: str, kind: str) -> Key:
    return _lower(dns.name.from_text(name)), dns.rdatatype.from_text(kind)


def _lower(name: dns.name.Name) -> dns.name.Name:
    return name.canonicalize()


def _quoted(text: str) -> str:
    """Return a text as a zone file writes it, in parts of at most 255 bytes (RFC 1035 section 3.3)."""
    raw = text.encode()
    parts = [raw[start : start + 255] for start in range(0, len(raw), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{byte:03d}" for byte in part) + '"' for part in parts)


def _two_sockets() -> tuple[socket.socket, socket.socket]:
    """Return a listener and a datagram socket with one port number."""
    while True:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:  # somebody else has that port
            tcp.close()
            udp.close()
        else:
            return tcp, udp


def _start(target: Callable[[], None]) -> None:
    threading.Thread(target=target, daemon=True).start()
