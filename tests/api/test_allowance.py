"""How much a client may: in a minute and in a day, counted so that two at once cannot both be the last one (S18)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from mailadmin.api.allowance import give_back, spend
from mailadmin.api.problems import Problem
from mailadmin.core import limits
from mailadmin.models import ApiClient, SmtpConnection
from tests.api.conftest import EVENT, Program, a_program

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def spent(row: ApiClient, messages: int = 0) -> str:
    """Spend, and return the code of the refusal, "" for none."""
    try:
        spend(row, messages)
    except Problem as problem:
        return problem.code
    return ""


@pytest.mark.django_db
class TestTheMinute:
    def test_no_more_than_the_limit_and_then_again(self) -> None:
        row = a_program(minute_limit=2).row
        with time_machine.travel(NOON, tick=False) as clock:
            assert [spent(row) for _ in range(3)] == ["", "", "too-many-requests"]
            clock.shift(59.9)
            assert spent(row) == "too-many-requests"
            clock.shift(0.2)
            assert [spent(row) for _ in range(3)] == ["", "", "too-many-requests"]

    def test_0_is_no_limit(self) -> None:
        row = a_program(minute_limit=0, daily_limit=0).row
        assert {spent(row, 1) for _ in range(5)} == {""}

    def test_a_clock_that_was_set_back_shuts_nobody_out(self) -> None:
        row = a_program(minute_limit=1).row
        with time_machine.travel(NOON, tick=False):
            spend(row)
        with time_machine.travel(NOON - timedelta(hours=1), tick=False):
            assert spent(row) == ""

    def test_the_answer_says_when_to_come_again(self) -> None:
        program = a_program(minute_limit=1)
        with time_machine.travel(NOON, tick=False) as clock:
            assert program.get("/messages").status_code == 200
            clock.shift(20)
            answer = program.get("/messages")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "40")
        assert answer.json()["code"] == "too-many-requests"

    def test_it_notes_when_the_client_was_used(self) -> None:
        row = a_program().row
        with time_machine.travel(NOON, tick=False):
            spend(row)
        row.refresh_from_db()
        assert row.last_used_at == NOON


@pytest.mark.django_db
class TestTheDay:
    def test_it_ends_at_midnight_utc(self) -> None:
        row = a_program(daily_limit=2, minute_limit=0).row
        with time_machine.travel(NOON, tick=False) as clock:
            assert [spent(row, 1) for _ in range(3)] == ["", "", "daily-limit"]
            assert spent(row) == "", "asking costs no message"
            clock.move_to(datetime(2026, 5, 2, 0, 0, 1, tzinfo=UTC))
            assert [spent(row, 1) for _ in range(3)] == ["", "", "daily-limit"]

    def test_the_answer_says_when_to_come_again(self, relay: SmtpConnection) -> None:
        program = a_program(daily_limit=1)
        with time_machine.travel(NOON, tick=False):
            assert program.send().status_code == 202
            answer = program.send()
        assert (answer.status_code, answer.json()["code"]) == (429, "daily-limit")
        assert answer.headers["Retry-After"] == str(12 * 3600)

    def test_what_was_refused_is_given_back(self, relay: SmtpConnection) -> None:
        program = a_program(daily_limit=1)
        assert program.send({"subject": 1}).status_code == 422
        assert program.post("/messages", {"zz": 1}).status_code == 422
        assert program.ask.post("/api/v1/messages", b"{", content_type="application/json").status_code == 400
        assert program.send().status_code == 202
        assert program.send().status_code == 429

    def test_nothing_is_given_back_of_another_day(self) -> None:
        row = a_program().row
        with time_machine.travel(NOON, tick=False) as clock:
            spend(row, 1)
            clock.shift(86_400)
            give_back(row)
        row.refresh_from_db()
        assert row.day_count == 1


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """Threads with connections of their own."""

    def at_once(self, work: Callable[[], Any], number: int = 12) -> list[Any]:
        def tidily(_number: int) -> Any:
            try:
                return work()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(number) as pool:
            return list(pool.map(tidily, range(number)))

    def test_of_many_requests_at_once_exactly_as_many_are_let_in_as_may(self) -> None:
        row = a_program(minute_limit=5).row
        answers = self.at_once(lambda: spent(ApiClient.objects.get(pk=row.pk)))
        assert sorted(answers) == [""] * 5 + ["too-many-requests"] * 7

    def test_of_many_messages_at_once_exactly_as_many_are_taken_as_may(self) -> None:
        row = a_program(daily_limit=3).row
        answers = self.at_once(lambda: spent(ApiClient.objects.get(pk=row.pk), 1))
        assert sorted(answers) == [""] * 3 + ["daily-limit"] * 9
        row.refresh_from_db()
        assert (row.day_count, row.minute_count) == (3, 3)

    def test_one_key_at_once_is_one_message(self, relay: SmtpConnection, queued: None) -> None:
        program = a_program()
        answers = self.at_once(
            lambda: Program(program.row, program.token, program.ask).send(**{"Idempotency-Key": "k"}), 4
        )
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sorted(answer.json()["repeated"] for answer in answers) == [False, True, True, True]

    def test_tests_of_connections_are_counted_before_they_run(self, relay: SmtpConnection) -> None:
        program = a_program()
        answers = self.at_once(lambda: program.post("/connections/Relay A/test").status_code, 8)
        assert sorted(answers) == [200] * limits.TESTS_PER_MINUTE + [429] * (8 - limits.TESTS_PER_MINUTE)


@pytest.mark.django_db
def test_a_change_of_what_was_used_is_no_change_of_settings(program: Program) -> None:
    before = program.row.changed_at
    assert program.send(EVENT).status_code == 503
    program.row.refresh_from_db()
    assert (program.row.changed_at, program.row.minute_count) == (before, 1)
    assert program.row.last_used_at and timezone.now() - program.row.last_used_at < timedelta(minutes=1)
