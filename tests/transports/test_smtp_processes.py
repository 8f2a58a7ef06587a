"""Open sessions and lists when the process forks (gunicorn's way) or ends (S14)."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mailadmin.transports.registry import open_transport
from tests.fakes.smtp_actions import Action, silent
from tests.fakes.smtp_routes import mail
from tests.fakes.smtp_server import SmtpServer
from tests.transports.smtp_lists import numbered, numbers, transport_to
from tests.transports.smtp_saved import POLICY, ended_with_quit, saved


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("hold", [False, True])
def test_s14_after_a_fork_the_session_is_the_parents_alone(hold: bool) -> None:
    """gunicorn's way: what the master opened goes on working for it, and the child opens its own."""
    with SmtpServer() as server:
        transport = open_transport(saved(server.port), POLICY, "1", hold=hold)
        transport.send(mail())
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                transport.close()
                status = 0 if transport.send(mail()).answer else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert len(server.sessions) == 2
        assert server.sessions[1].ended.wait(5)
        transport.send(mail())
        transport.close()
        assert len(server.sessions) == 2
        said = ["EHLO", *["MAIL", "RCPT", "DATA"] * 2]
        if hold:
            assert ended_with_quit(server, 0)
            said.append("QUIT")
        assert server.sessions[0].verbs() == said


POOL_PROGRAM = """
import sys
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.registry import open_transport
from tests.fakes.smtp_routes import mail
from tests.transports.smtp_saved import saved

transport = open_transport(saved(int(sys.argv[1])), NetworkPolicy(), "1")
print(transport.send(mail()).answer)
"""


@pytest.mark.parametrize("script", [{}, {"QUIT": [silent]}])
def test_s14_at_the_end_of_the_process_goodbye_is_said_and_nobody_waits(script: dict[str, list[Action]]) -> None:
    with SmtpServer(script) as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", POOL_PROGRAM, str(server.port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("250 ")
        assert ended_with_quit(server, 0)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_in_the_middle_has_an_ended_list_and_the_parent_goes_on() -> None:
    with SmtpServer() as server:
        results = transport_to(server).send_many((number, numbered(number)) for number in range(50))
        tickets = [next(results).ticket]
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if not list(results) else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        tickets += [handed.ticket for handed in results]
        assert sorted(tickets) == numbers(server) == list(range(50))


LIST_PROGRAM = """
import sys
from tests.transports.smtp_lists import numbered
from tests.fakes.smtp_routes import smtp_route
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp.transport import SmtpTransport

transport = SmtpTransport(smtp_route(int(sys.argv[1])), NetworkPolicy())
results = transport.send_many((number, numbered(number)) for number in range(1000))
print(next(results).accepted.answer)
"""


def test_the_end_of_the_process_in_the_middle_of_a_list_does_not_hang() -> None:
    with SmtpServer() as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", LIST_PROGRAM, str(server.port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("250 ")
