"""What docs/integrate.md shows to the developer of a host project does what the page says (P1, S21, S22)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.test import override_settings

from mailadmin.models import Delivery, SmtpConnection
from tests.delivery.conftest import Peers, add_oauth, add_smtp
from tests.integration_page import block, blocks

pytestmark = pytest.mark.django_db

NEW_DJANGO = django.VERSION >= (6, 1)


@pytest.fixture(autouse=True)
def mailers() -> Iterator[None]:
    values: dict[str, Any] = {}
    exec(block("settings.py, Django 6.1: several mailers" if NEW_DJANGO else "settings.py, Django 5.2 and 6.0"), values)
    del values["__builtins__"]
    with override_settings(**values):
        yield


def shown(word: str) -> str:
    """Return the one block that holds `word`."""
    (found,) = [code for code in blocks("python") if word in code]
    return found


def test_a_mailer_with_a_route_and_a_label(peers: Peers) -> None:
    add_oauth(peers)
    add_smtp(peers)
    exec(block("Django 6.1" if NEW_DJANGO else "Django 5.2 and 6.0"), {})
    assert peers.ways() == ["smtp"]
    assert Delivery.objects.get().label == "invoices"


def test_the_result_on_the_message(peers: Peers, capsys: pytest.CaptureFixture[str]) -> None:
    add_oauth(peers)
    add_smtp(peers)
    peers.graph_fault = "403"
    exec(shown("result = message.mailadmin"), {})
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("sent-by-fallback Relay A ")
    assert said[1:] == ["ann@example.org sent ", "bob@example.org sent "]


def test_sending_in_one_call(peers: Peers) -> None:
    add_smtp(peers)
    values: dict[str, Any] = {}
    exec(shown("import mailadmin\n"), values)
    assert values["result"].sent
    assert peers.arrived[0].recipients == ["ann@example.org", "bob@example.org"]
    assert Delivery.objects.get().label == "shop"


class TestErrors:
    @pytest.fixture
    def remind(self) -> Any:
        values: dict[str, Any] = {}
        exec(shown("def remind("), values)
        return values["remind"]

    def test_sent(self, peers: Peers, remind: Any) -> None:
        add_smtp(peers)
        assert remind("ann@example.org") == "Sent."

    def test_a_bad_message(self, peers: Peers, remind: Any) -> None:
        add_smtp(peers)
        assert remind("ann@@example.org").startswith("Correct the message: ")

    def test_nothing_set_up(self, peers: Peers, remind: Any) -> None:
        assert remind("ann@example.org").startswith("Tell your administrator: No SMTP connection")

    def test_a_wrong_password(self, peers: Peers, remind: Any) -> None:
        add_smtp(peers, password="wrong")
        assert remind("ann@example.org").startswith("Not sent: ")
        assert SmtpConnection.objects.count() == 1
