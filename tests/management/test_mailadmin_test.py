"""P11: `manage.py mailadmin_test`, as a person and as CI run it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mailadmin.models import ConnectionTest, SmtpConnection
from tests.delivery.conftest import Peers, add_oauth, fresh_settings, peers, plain, running_sandbox
from tests.fakes.smtp_actions import silent
from tests.fakes.smtp_server import SmtpServer

__all__ = ["fresh_settings", "peers", "running_sandbox"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "canary-password-3310"


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer(users={"anna": PASSWORD}) as one:
        yield one


def run(*arguments: str) -> tuple[int, str]:
    """Return the exit code, and what was printed."""
    out = io.StringIO()
    try:
        call_command("mailadmin_test", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def signs_in(server: SmtpServer, **values: Any) -> SmtpConnection:
    defaults = {"auth": "password", "user_name": "anna", "password": PASSWORD, "clear_text_confirmed": True}
    return plain(server, **(defaults | values))


def test_p11_p3_a_good_connection_prints_its_ladder_and_sends_nothing(server: SmtpServer) -> None:
    plain(server)
    code, told = run("relay a")
    assert (code, server.messages) == (0, [])
    lines = told.splitlines()
    assert lines[0] == f"Relay A (127.0.0.1:{server.port} · No encryption)"
    assert any(line.startswith("  ok          Greeting") for line in lines)
    assert lines[-1].startswith("Everything works up to the message")
    assert ConnectionTest.objects.get().asked_by_name == ""


def test_p11_with_an_address_a_real_message_is_sent(server: SmtpServer) -> None:
    plain(server, from_address="shop@example.org")
    code, told = run("Relay A", "--to", "Ben <ben@example.net>")
    assert code in (0, 3), told
    assert b"To: ben@example.net" in server.messages[0]


def test_p11_a_failure_is_exit_code_1_with_cause_and_remedy(server: SmtpServer) -> None:
    signs_in(server, password="wrong")
    code, told = run("Relay A")
    assert code == 1
    assert "  failed      Sign-in" in told
    assert "Who: " in told
    assert told.splitlines()[-1].startswith("Step ")


def test_p11_warnings_are_exit_code_3(server: SmtpServer) -> None:
    plain(server, security="starttls-if-offered")
    code, told = run("Relay A")
    assert code == 3
    assert "  warning     " in told


def test_p11_names_of_services_work_too(peers: Peers) -> None:
    add_oauth(peers)
    code, told = run("Contoso 365")
    assert code in (0, 3), told
    assert "Token" in told
    code, told = run("service:App of Contoso 365")
    assert code in (0, 3), told
    assert ConnectionTest.objects.filter(kind="service").exists()


def test_p11_all_tests_everything_that_is_switched_on_and_the_worst_decides(server: SmtpServer) -> None:
    plain(server)
    signs_in(server, name="Relay B", password="wrong")
    plain(server, name="Relay C", enabled=False)
    code, told = run("--all")
    assert code == 1
    assert told.splitlines()[-2:] == ["Relay A: Passed", "Relay B: Failed"]


def test_p11_json_for_programs(server: SmtpServer) -> None:
    plain(server)
    code, told = run("Relay A", "--json")
    (found,) = json.loads(told)
    assert (code, found["name"], found["kind"], found["state"]) == (0, "Relay A", "smtp", "ok")
    assert [step["key"] for step in found["steps"]][:3] == ["settings", "dns", "tcp"]
    assert all(set(step) >= {"state", "fact", "code", "remedy", "owner", "seconds"} for step in found["steps"])


@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_no_secret_is_printed(server: SmtpServer, json_too: tuple[str, ...]) -> None:
    signs_in(server)
    assert PASSWORD not in run("Relay A", *json_too)[1]


def test_p11_a_test_that_takes_too_long_is_stopped_and_failed() -> None:
    with SmtpServer({"GREETING": [silent]}) as server:
        plain(server, command_timeout=30)
        code, told = run("Relay A", "--timeout", "0.3")
    assert code == 1
    assert told.splitlines()[-1] == "It did not end within 0.3 seconds, so it was stopped."
    assert ConnectionTest.objects.get().state == "cancelled"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name what to test, or say --all."),
        (("Relay A", "--all"), "Name what to test, or say --all."),
        (("Relay Z",), "Nothing is called “Relay Z”. There are: “Relay A”."),
        (("smtp:Relay Z",), "Nothing is called “Relay Z”."),
        (("Relay A", "--to", "nobody"), "“nobody”"),
    ],
)
def test_p11_what_cannot_be_asked_is_exit_code_2(server: SmtpServer, arguments: tuple[str, ...], sentence: str) -> None:
    plain(server)
    with pytest.raises(CommandError) as error:
        call_command("mailadmin_test", *arguments)
    assert error.value.returncode == 2
    assert sentence in str(error.value)
    assert server.sessions == []


def test_p11_nothing_to_test_is_exit_code_2() -> None:
    with pytest.raises(CommandError, match="There is nothing to test") as error:
        call_command("mailadmin_test", "--all")
    assert error.value.returncode == 2


def test_p11_a_name_that_two_have_is_asked_back(peers: Peers, server: SmtpServer) -> None:
    add_oauth(peers, name="Main")
    plain(server, name="main")
    with pytest.raises(CommandError, match="more than one; say “oauth:Main” or “smtp:main”"):
        call_command("mailadmin_test", "MAIN")
    assert run("smtp:MAIN")[0] == 0
