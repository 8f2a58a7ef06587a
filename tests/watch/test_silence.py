"""N11: no message got through for hours although some were due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core.alerts import LABEL
from mailadmin.core.outcome import DeliveryState
from mailadmin.watch.silence import silence, silent_since
from tests.console.rows_to_watch import delivery

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
hours = st.integers(1, 720)
moments = st.floats(0, 60 * 24 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes))
due = st.lists(moments, max_size=5)


@given(hours, st.none() | moments, due)
def test_nothing_due_is_no_silence_and_what_was_due_before_a_success_neither(
    number: int, taken: datetime | None, missed: list[datetime]
) -> None:
    assert silence(number, NOW, taken, []) is None
    if taken:
        assert silence(number, NOW, taken, [one for one in missed if one <= taken]) is None


@given(hours, st.none() | moments, due)
def test_it_begins_with_the_first_message_that_was_missed_and_lasts_so_long_at_least(
    number: int, taken: datetime | None, missed: list[datetime]
) -> None:
    found = silence(number, NOW, taken, missed)
    after = [one for one in missed if taken is None or one > taken]
    old = [one for one in after if NOW - one >= timedelta(hours=number)]
    assert found == (min(after) if old else None)


@given(hours, st.none() | moments, due, st.floats(0, 1000))
def test_without_a_success_it_does_not_end_by_itself_and_a_success_ends_it(
    number: int, taken: datetime | None, missed: list[datetime], later: float
) -> None:
    found = silence(number, NOW, taken, missed)
    if found:
        assert silence(number, NOW + timedelta(hours=later), taken, missed) == found
        assert silence(number, NOW, NOW, missed) is None


@pytest.mark.django_db
class TestReading:
    def found(self, number: int = 24, oldest: datetime | None = None) -> float | None:
        """Return for how many hours it is silent."""
        now = timezone.now()
        since = silent_since(number, now, oldest)
        return round((now - since).total_seconds() / 3600, 1) if since else None

    def test_a_quiet_site_is_not_silent(self) -> None:
        delivery(minutes_ago=60 * 24 * 9)
        assert self.found() is None
        delivery(DeliveryState.FAILED, minutes_ago=5)
        assert self.found() is None

    def test_n11_failures_for_a_day_without_a_success_are(self) -> None:
        delivery(minutes_ago=60 * 40)
        delivery(DeliveryState.FAILED, minutes_ago=60 * 30)
        delivery(DeliveryState.FAILED, minutes_ago=60)
        assert self.found() == 30
        assert self.found(48) is None
        assert self.found(0) is None

    @pytest.mark.parametrize("state", [state for state in DeliveryState if state.accepted])
    def test_one_success_by_any_way_ends_it(self, state: DeliveryState) -> None:
        delivery(DeliveryState.EXPIRED, minutes_ago=60 * 30)
        assert self.found()
        delivery(state, minutes_ago=10)
        assert self.found() is None

    @pytest.mark.parametrize(
        "values", [{"is_test": True}, {"label": LABEL}, {"code": "recipient-unknown"}, {"code": "attachment-missing"}]
    )
    def test_a_test_an_alert_and_a_message_with_a_fault_of_its_own_are_no_sign_of_silence(
        self, values: dict[str, Any]
    ) -> None:
        delivery(DeliveryState.FAILED, minutes_ago=60 * 30, **values)
        assert self.found() is None
        delivery(DeliveryState.FAILED, minutes_ago=60 * 29, code="credentials-refused")
        assert self.found() == 29

    def test_a_message_for_later_is_due_when_it_was_to_leave(self) -> None:
        an_hour_ago = timezone.now() - timedelta(hours=1)
        delivery(DeliveryState.EXPIRED, minutes_ago=60 * 90, send_at=an_hour_ago)
        assert self.found() is None
        delivery(DeliveryState.EXPIRED, minutes_ago=60 * 90)
        assert self.found() == 90

    def test_a_message_that_waited_long_and_left_now_ends_it(self) -> None:
        delivery(minutes_ago=60 * 30, finished_at=timezone.now())
        delivery(DeliveryState.FAILED, minutes_ago=60 * 29)
        assert self.found() is None

    def test_n11_messages_that_wait_in_the_outbox_count_as_due(self) -> None:
        assert self.found(oldest=timezone.now() - timedelta(hours=25)) == 25

    def test_mail_that_flows_costs_one_statement(self, django_assert_num_queries: object) -> None:
        delivery()
        with django_assert_num_queries(1):  # type: ignore[operator]  # a fixture
            silent_since(24, timezone.now(), None)
