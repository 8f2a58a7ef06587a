"""docs/api.md and the page of the API are right: every example is sent to the API, every operation is named."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.contrib.auth.models import User
from django.test import Client
from django.utils.html import escape

from mailadmin.api.authentication import NEEDS
from mailadmin.api.description import description
from mailadmin.api.page import operations
from mailadmin.api.schemas import EVENT_NAMES, MessageIn, ProblemOut
from mailadmin.core import limits
from mailadmin.models import SmtpConnection
from tests.api.conftest import Program
from tests.api.test_messages import encoded
from tests.fakes.smtp_server import SmtpServer

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text("utf-8")
BLOCKS = re.findall(r"^( *)```(\w+)\n(.*?)^\1```$", TEXT, re.MULTILINE | re.DOTALL)
SHELL = "\n".join(code for _indent, language, code in BLOCKS if language == "sh")
COMMANDS = [f"curl {rest}" for rest in re.split(r"^ *curl ", SHELL.replace("\\\n", " "), flags=re.MULTILINE)[1:]]
# What a request cannot be expected to find in an empty database.
MISSING = {"/messages/$ID": 404, "/messages/$ID/cancel": 404, "/messages/$ID/resend": 404}


def sent(program: Program, command: str) -> tuple[str, Any]:
    """Do what `command` of curl does; return its path and the answer."""
    words = shlex.split(command)[1:]
    method, headers, data, fields, address = "GET", {}, None, [], ""
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _colon, value = words.pop(0).partition(": ")
            headers[name] = value.replace("$TOKEN", program.token)
        elif word == "-d":
            data = words.pop(0)
        elif word == "-F":
            fields.append(words.pop(0))
        else:
            address = word
    path = re.sub(r"^https?://[^/]+/api/v1", "", address)
    url = "/api/v1" + path.replace("$ID", str(uuid4()))
    if fields:
        body, kind = encoded(*map(part, fields))
        return path, Client(headers=headers).post(url, body, content_type=kind)
    kind = headers.pop("Content-Type", "application/octet-stream")
    return path, Client(headers=headers).generic(method, url, data or "", content_type=kind)


def part(field: str) -> tuple[str, str | None, str, bytes]:
    """Return a field of curl's -F as a part."""
    name, _equals, value = field.partition("=")
    value, _semicolon, kind = value.partition(";type=")
    return (name, value[1:], kind, b"%PDF") if value.startswith("@") else (name, None, kind, value.encode())


@pytest.mark.django_db
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_does_what_it_says(program: Program, relay: SmtpConnection, command: str) -> None:
    assert "Authorization: Bearer $TOKEN" in command
    path, answer = sent(program, command)
    assert answer.status_code == MISSING.get(path, 202 if path == "/messages" and "-X POST" in command else 200)


@pytest.mark.django_db(transaction=True)
def test_the_example_in_python_runs(
    program: Program,
    relay: SmtpConnection,
    server: SmtpServer,
    live_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (code,) = (code for _indent, language, code in BLOCKS if language == "python" and "requests" in code)
    monkeypatch.setenv("MAIL_TOKEN", program.token)
    exec(code.replace("https://mail.example.org", live_server.url), {})
    assert "sent" in capsys.readouterr().out
    assert len(server.messages) == 1
    exec(code.replace("https://mail.example.org", live_server.url).replace("ann@", "ann@@"), {"requests": requests})
    assert "bad-address" in capsys.readouterr().out


def test_every_operation_is_named_with_its_scopes() -> None:
    for path, methods in description()["paths"].items():
        for method, said in methods.items():
            scopes = ", ".join(f"`{scope}`" for scope in sorted(NEEDS[said["operationId"]].scopes, reverse=True))
            shown = re.search(rf"^\| `{method.upper()} {re.escape(path[8:])}` \| ([^|]+) \|", TEXT, re.MULTILINE)
            assert shown, path
            assert sorted(shown[1].split(", ")) == sorted(scopes.split(", "))


def test_every_field_and_status_is_named() -> None:
    table = TEXT.partition("## A message")[2].partition("## Operations")[0]
    for name in (*MessageIn.model_json_schema()["properties"], *EVENT_NAMES):
        assert f"`{name}`" in table, name
    told = TEXT.partition("## Errors")[2]
    statuses = {
        status for methods in description()["paths"].values() for one in methods.values() for status in one["responses"]
    }
    for status in statuses:
        assert int(status) < 400 or str(status) in told, status


def test_the_limits_are_those_of_the_code() -> None:
    assert f"larger than {limits.API_REQUEST_BYTES // 1024**2} MB" in TEXT
    assert f"1 to {limits.IDEMPOTENCY_KEY_CHARS - 33} printable" in TEXT
    assert f"at most {limits.API_PAGE_ROWS})" in TEXT
    assert f"{limits.TESTS_PER_MINUTE} times a minute" in TEXT


@pytest.mark.django_db
def test_the_problem_that_is_shown_is_the_one_that_comes(program: Program, relay: SmtpConnection) -> None:
    (shown,) = (json.loads(code) for _indent, language, code in BLOCKS if language == "json")
    ProblemOut.model_validate(shown)
    assert program.send({"to": ["ann@example.org", "bea@"]}).json() == shown


@pytest.mark.django_db
class TestThePage:
    @pytest.fixture
    def page(self) -> str:
        client = Client()
        client.force_login(User.objects.create_user("root", is_superuser=True))
        return client.get("/api/docs/").content.decode()

    def test_it_shows_every_operation_with_an_example(self, page: str) -> None:
        found = operations(description(), "http://testserver/api/")
        assert {one.name for one in found} == set(NEEDS)
        for one in found:
            assert f'id="{one.name}"' in page
            assert escape(one.example) in page
            assert one.example.startswith("curl ")
            assert one.answers

    def test_it_runs_no_script_of_its_own(self, page: str) -> None:
        assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
        assert "style=" not in page
        assert "http://" not in page.replace("http://testserver/", "").replace("http://www.w3.org/", "")

    def test_its_examples_are_taken(self, program: Program, relay: SmtpConnection) -> None:
        for one in operations(description(), "http://testserver/api/"):
            path, answer = sent(program, one.example.replace("\\\n", " "))
            expected = {"/messages": 202 if one.method == "POST" else 200}
            assert answer.status_code == MISSING.get(path, expected.get(path, 200)), one.name
