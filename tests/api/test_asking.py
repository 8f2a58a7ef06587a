"""What became of messages: pages of them, and one with everything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.clients import Scope
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery
from tests.api.conftest import Program, a_program
from tests.console.rows_to_watch import delivery

pytestmark = pytest.mark.django_db


def every(program: Program, **filters: Any) -> list[str]:
    """Return the numbers of all messages, page after page."""
    return [key for page in pages(program, **filters) for key in page]


def pages(program: Program, **filters: Any) -> list[list[str]]:
    """Return the numbers of all pages, as a program reads them one after the other."""
    found, cursor = [], ""
    while True:
        answer = program.get("/messages", **filters, **({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.json()
        found.append([one["id"] for one in answer.json()["messages"]])
        cursor = answer.json()["next"]
        if not cursor:
            return found


class TestPages:
    def test_every_message_once_newest_first(self, program: Program) -> None:
        rows = [delivery(minutes_ago=number // 2) for number in range(7)]  # some at the same moment
        Delivery.objects.filter(pk__in=[row.pk for row in rows[:4]]).update(created_at=rows[0].created_at)
        expected = [str(key) for key in Delivery.objects.values_list("pk", flat=True)]
        found = pages(program, limit=2)
        assert [key for page in found for key in page] == expected
        assert [len(page) for page in found] == [2, 2, 2, 1]

    def test_of_a_client_that_reads_its_own_alone_the_log_is_looked_through_in_steps(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "API_LOOK_ROWS", 3)
        own = a_program(Scope.SEND)
        rows = [delivery(minutes_ago=number, client=own.row if number in (1, 7) else None) for number in range(10)]
        assert every(own) == [str(rows[1].pk), str(rows[7].pk)]
        assert len(pages(own)) == 4

    def test_a_step_that_ends_among_messages_of_one_moment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "API_LOOK_ROWS", 3)
        own = a_program(Scope.SEND)
        at = timezone.now()
        for _number in range(8):
            delivery(client=own.row)
        Delivery.objects.update(created_at=at)
        assert every(own, limit=2) == [str(key) for key in Delivery.objects.values_list("pk", flat=True)]

    def test_filters(self, program: Program) -> None:
        failed = delivery(DeliveryState.FAILED, label="shop", minutes_ago=5)
        sent = delivery(label="shop", minutes_ago=50)
        delivery(minutes_ago=500)
        assert pages(program, label="shop") == [[str(failed.pk), str(sent.pk)]]
        assert pages(program, label="shop", state="failed") == [[str(failed.pk)]]
        assert pages(program, state="failed") == [[str(failed.pk)]]
        since = (timezone.now() - timedelta(minutes=10)).isoformat()
        assert pages(program, since=since) == [[str(failed.pk)]]

    @pytest.mark.parametrize(
        ("filters", "field"),
        [
            ({"state": "lost"}, "state"),
            ({"since": "yesterday"}, "since"),
            ({"since": "2026-01-01"}, "since"),
            ({"limit": "0"}, "limit"),
            ({"limit": "101"}, "limit"),
            ({"limit": "1" * 400}, "limit"),
            ({"limit": "x"}, "limit"),
            ({"cursor": "nonsense"}, "cursor"),
            ({"cursor": "é"}, "cursor"),
            ({"cursor": "MjAyNi0wMS0wMVQwMDowMDowMC94"}, "cursor"),
            ({"label": "\x00"}, "label"),
            ({"lable": "shop"}, "lable"),
        ],
    )
    def test_a_bad_filter_is_named(self, program: Program, filters: dict[str, str], field: str) -> None:
        answer = program.get("/messages", **filters)
        assert (answer.status_code, answer.json()["field"]) == (422, field)

    def test_a_page_takes_few_statements(self, program: Program) -> None:
        for number in range(20):
            delivery(minutes_ago=number)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            program.get("/messages")
        assert len(seen) <= 3


class TestOneMessage:
    def test_its_recipients_and_attempts(self, program: Program) -> None:
        tried = {"accepted": False, "server_code": "451 4.7.1", "answer": "Greylisted", "remedy": ["Wait."]}
        row = delivery(DeliveryState.FAILED, attempts=(tried, {}), metadata={"order": "1"})
        found = program.get(f"/messages/{row.pk}").json()
        assert (found["state"], found["metadata"], found["from"]) == ("failed", {"order": "1"}, "")
        assert [one["state"] for one in found["recipients"]] == ["refused"]
        assert [one["number"] for one in found["attempts"]] == [1, 2]
        assert (found["attempts"][0]["answer"], found["attempts"][0]["remedy"]) == ("Greylisted", ["Wait."])

    def test_while_it_is_sent_whom_it_is_for(self, program: Program) -> None:
        row = delivery(DeliveryState.SENDING)
        row.recipients.all().delete()
        found = program.get(f"/messages/{row.pk}").json()
        assert found["recipients"] == [{"address": "ann@example.org", "state": "pending", "code": "", "reason": ""}]
