"""docs/alerts.md is right: its example verifies what we send, and its tables name everything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailadmin.core.alert_texts import example
from mailadmin.core.alerts import Event
from mailadmin.watch.alerts.deliver import try_channel
from mailadmin.watch.alerts.looking import write_alert
from tests.fakes.graph_server import Request, ScriptedServer, says

from .alert_rows import SECRET, webhook

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def is_genuine() -> Callable[..., bool]:
    names: dict[str, Any] = {}
    exec(compile(block("python"), "docs/alerts.md", "exec"), names)
    function: Callable[..., bool] = names["is_genuine"]
    return function


@pytest.fixture
def request_of_ours(db: None) -> Request:
    with ScriptedServer(says(200), tls=False) as server:
        try_channel(write_alert(example("staging"), ()), webhook(server))
        return server.requests[0]


def test_the_example_takes_what_we_send_and_nothing_else(
    is_genuine: Callable[..., bool], request_of_ours: Request
) -> None:
    headers, body = request_of_ours.headers, request_of_ours.body
    assert is_genuine(headers, body, SECRET)
    assert not is_genuine(headers, body + b" ", SECRET)
    assert not is_genuine(headers, body, SECRET + "x")
    assert not is_genuine(headers | {"webhook-id": "other"}, body, SECRET)
    assert not is_genuine(headers | {"webhook-timestamp": "1700000000"}, body, SECRET)
    assert not is_genuine(headers, body, SECRET, seconds=-1)
    assert not is_genuine({}, body, SECRET)


def test_the_page_names_every_field_and_no_other(request_of_ours: Request) -> None:
    sent = json.loads(request_of_ours.body)
    assert set(json.loads(block("json"))) == set(sent)
    table = PAGE.partition("| name | value |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(sent)


def test_the_page_names_every_event() -> None:
    table = PAGE.partition("| event | when |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [event.value for event in Event]
