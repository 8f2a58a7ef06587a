"""N17: faults to rehearse, and the life of the sandbox."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import sys
from pathlib import Path

import pytest

from mailadmin.core.errors import DeliveryUnsure, MailError
from mailadmin.net.policy import NetworkPolicy
from mailadmin.sandbox.behaviour import SMTP_FAULTS
from mailadmin.sandbox.server import Sandbox
from tests.fakes.sandbox import (
    Memory,
    by_graph,
    by_smtp,
    running_sandbox,
    sandbox_folder,
    tls_to,
)

OPEN = NetworkPolicy()


@pytest.mark.parametrize("name", SMTP_FAULTS)
def test_n17_each_smtp_fault_can_be_rehearsed(box: Sandbox, memory: Memory, name: str) -> None:
    memory.smtp_fault = name
    with pytest.raises(MailError) as caught:
        by_smtp(box)
    reply = SMTP_FAULTS[name].reply
    if reply:
        error = caught.value
        shown = [error, *getattr(error, "recipients", {}).values()]
        assert any(str(one.fault.smtp_code) == reply[:3] for one in shown)
        assert not error.fault.maybe_sent
        assert memory.kept == []
    else:
        assert isinstance(caught.value, DeliveryUnsure)
        assert len(memory.kept) == 1


def test_fault_can_be_taken_back(box: Sandbox, memory: Memory) -> None:
    memory.graph_fault = memory.smtp_fault = "403"  # no SMTP fault has this name
    by_smtp(box)
    memory.graph_fault = ""
    by_graph(box)
    assert [kept.via for kept in memory.kept] == ["smtp", "graph"]


# -- life -----------------------------------------------------------------------------------------------


def test_ports_are_free_again_after_stop_and_taken_ports_are_told() -> None:
    with running_sandbox() as (first, memory):
        ports = first.smtp_port, first.https_port
        for taken in ({"smtp_port": ports[0]}, {"https_port": ports[1]}):
            with pytest.raises(OSError):
                Sandbox(sandbox_folder(), memory, memory, **taken).start()
        # A client that stays connected does not hold the sandbox up.
        idle = smtplib.SMTP("localhost", first.smtp_port, timeout=10)
    idle.close()
    again = Sandbox(sandbox_folder(), memory, memory, *ports)
    again.start()
    again.stop()


def test_client_that_stays_after_quit_under_tls_is_cut_when_the_sandbox_stops() -> None:
    with running_sandbox() as (box, _memory):
        client = smtplib.SMTP("localhost", box.smtp_port, timeout=10)
        client.starttls(context=ssl.create_default_context(cadata=box.ca_pem))
        assert client.docmd("QUIT")[0] == 221
        assert client.sock is not None
        wire = socket.socket(fileno=client.sock.detach())  # the TLS farewell stays unanswered
    with wire, contextlib.suppress(ConnectionResetError):
        wire.settimeout(10)
        while wire.recv(4096):
            pass


def test_missing_library_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "aiosmtpd.smtp", None)
    monkeypatch.delitem(sys.modules, "mailadmin.sandbox.smtp", raising=False)
    memory = Memory()
    with pytest.raises(ImportError, match=r"mailadmin\[sandbox\]"):
        Sandbox(tmp_path, memory, memory)


def test_client_that_speaks_no_tls_or_no_http_does_no_harm(box: Sandbox, memory: Memory) -> None:
    with socket.create_connection(("127.0.0.1", box.https_port), timeout=10) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
    context = ssl.create_default_context(cadata=box.ca_pem)
    with tls_to(box, context, "localhost") as secured:
        secured.sendall(b"POST /v1.0/users/a@b.org/sendMail HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")
        assert secured.recv(100).startswith(b"HTTP/1.1 413")
    by_graph(box)
    assert len(memory.kept) == 1
