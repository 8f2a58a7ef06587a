"""The servers of a benchmark, each a process of its own on loopback that ends with its context."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.fakes import certificates
from tests.services.smtp_sink import running_sink

GRAPH = "graph"
_MESSAGES = re.compile(rb"mesg=(\d+)")


@dataclass(frozen=True)
class Server:
    """A running server: its port, its CA in PEM ("" without TLS), how many messages it took so far, and how many
    requests it refused because they were too many."""

    port: int
    ca_pem: str
    count: Callable[[], int]
    refused: Callable[[], int] = lambda: 0


@contextlib.contextmanager
def serving(kind: str, round_trip_ms: float, folder: Path) -> Iterator[Server]:
    """Run the server `kind` ("smtp-sink", the options of bench.sink such as "pipelining starttls auth", or "graph" with
    those of bench.graph_sink) at a distance of `round_trip_ms` until the block ends."""
    with contextlib.ExitStack() as stack:
        if kind == "smtp-sink":
            server = stack.enter_context(_smtp_sink())
        elif kind.startswith(GRAPH):
            server = stack.enter_context(_graph_sink(kind.split()[1:], folder))
        else:
            server = stack.enter_context(_own_sink(kind.split(), folder))
        if round_trip_ms:
            relay = stack.enter_context(_helper("bench.relay", str(round_trip_ms), str(server.port)))
            server = replace(server, port=_first_line(relay))
        yield server


@contextlib.contextmanager
def _smtp_sink() -> Iterator[Server]:
    with running_sink("-c") as sink:
        counters = sink.kept.with_name("output")  # it writes its counters there, one over the other

        def count() -> int:
            found = _MESSAGES.findall(counters.read_bytes())
            return int(found[-1]) if found else 0

        yield Server(sink.port, "", count)


@contextlib.contextmanager
def _own_sink(options: list[str], folder: Path) -> Iterator[Server]:
    ca_pem = ""
    if "starttls" in options:
        both, ca_pem = _identity(folder)
        options = [f"starttls={both}" if word == "starttls" else word for word in options]
    with _helper("bench.sink", *options) as process:
        yield Server(_first_line(process), ca_pem, lambda: _counted(process)[0])


@contextlib.contextmanager
def _graph_sink(options: list[str], folder: Path) -> Iterator[Server]:
    both, ca_pem = _identity(folder)
    with _helper("bench.graph_sink", f"tls={both}", *options) as process:
        yield Server(_first_line(process), ca_pem, lambda: _counted(process)[0], lambda: _counted(process)[1])


def _identity(folder: Path) -> tuple[Path, str]:
    """Return a file with certificate and key for localhost, and the authority in PEM."""
    identity = certificates.good()
    both = folder / "sink.pem"
    both.write_text(identity.key + identity.certificate)
    return both, certificates.authority().pem


def _counted(process: subprocess.Popen[str]) -> list[int]:
    """Ask a server of ours for its counts."""
    assert process.stdin and process.stdout
    process.stdin.write("\n")
    process.stdin.flush()
    return [int(number) for number in process.stdout.readline().split()]


@contextlib.contextmanager
def _helper(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run one of our own servers; it ends when its input does."""
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        _end(process)


def _first_line(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    return int(process.stdout.readline())


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
