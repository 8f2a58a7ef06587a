"""Which worker gets which message: claims, their order, their lapse and their fence."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.outcome import Priority
from mailadmin.delivery.outbox import claims, sweep
from mailadmin.delivery.outbox.claims import Claim, LeaseLost
from mailadmin.models import OutboxEntry

from .outbox_rows import at_once, claimed, entry, in_seconds, let_pass, queue

pytestmark = pytest.mark.django_db


def ids(found: list[claims.Claimed]) -> list[UUID]:
    return [one.claim.delivery_id for one in found]


class TestOrder:
    def test_the_most_urgent_come_first_and_of_those_the_longest_due(self) -> None:
        slow = queue({"priority": Priority.NON_URGENT})
        first, second = queue(), queue()
        let_pass(second, 60)
        urgent = queue({"priority": Priority.URGENT})
        assert ids(claims.claim("worker A", 10)) == [urgent, second, first, slow]

    def test_no_more_are_claimed_than_are_asked_for(self) -> None:
        known = [queue() for _ in range(3)]
        assert ids(claims.claim("worker A", 2)) == known[:2]
        assert ids(claims.claim("worker A", 2)) == known[2:]
        assert claims.claim("worker A", 2) == []

    def test_p6_a_scheduled_message_is_not_claimed_before_its_time(self) -> None:
        later = queue({"send_at": timezone.now() + timedelta(hours=1), "priority": Priority.URGENT})
        now = queue()
        assert ids(claims.claim("worker A", 10)) == [now]
        assert claims.claim_one(later, "worker A") is None
        let_pass(later, 3601)
        assert ids(claims.claim("worker A", 10)) == [later]

    @pytest.mark.parametrize("shelf", ["paused", "unsure", "crashed"])
    def test_what_lies_on_a_shelf_is_not_claimed(self, shelf: str) -> None:
        key = queue()
        OutboxEntry.objects.update(shelf=shelf)
        assert (claims.claim("worker A", 10), claims.claim_one(key, "worker A"), claims.next_due()) == ([], None, None)


class TestNextDue:
    def test_an_empty_outbox_is_waited_for_without_an_end(self) -> None:
        assert claims.next_due() is None

    def test_a_message_that_is_due_is_not_waited_for(self) -> None:
        queue()
        assert claims.next_due() == 0

    def test_the_nearest_message_of_any_priority_counts(self) -> None:
        queue({"send_at": timezone.now() + timedelta(hours=2), "priority": Priority.URGENT})
        queue({"send_at": timezone.now() + timedelta(hours=1), "priority": Priority.NON_URGENT})
        assert claims.next_due() == pytest.approx(3600, abs=30)


class TestClaim:
    def test_a_claim_lasts_as_long_as_a_worker_may_be_silent(self) -> None:
        key = queue()
        found = claimed(key, "host 1, process 4711")
        row = entry(key)
        assert (row.claim, row.worker, found.lapsed) == (found.claim.token, "host 1, process 4711", False)
        assert in_seconds(key) == pytest.approx(limits.CLAIM_SECONDS, abs=5)
        assert claims.claim_one(key, "worker B") is None

    def test_a_beat_keeps_the_claims_it_names_and_no_others(self) -> None:
        mine, lost = claimed(queue()), claimed(queue())
        for one in (mine, lost):
            let_pass(one.claim.delivery_id, limits.CLAIM_SECONDS - 1)
        claims.beat([mine.claim, Claim(uuid4(), uuid4())])
        claims.beat([])
        assert in_seconds(mine.claim.delivery_id) == pytest.approx(limits.CLAIM_SECONDS, abs=5)
        assert in_seconds(lost.claim.delivery_id) < 5

    def test_a_silent_worker_loses_its_message_and_the_next_one_knows(self) -> None:
        key = queue()
        first = claimed(key, "worker A")
        let_pass(key, limits.CLAIM_SECONDS + 1)
        (second,) = claims.claim("worker B", 1)
        assert (second.lapsed, second.entry.claim, second.entry.worker) == (True, first.claim.token, "worker A")
        assert second.claim.token != first.claim.token
        claims.beat([first.claim])
        assert entry(key).worker == "worker B"

    def test_what_became_of_the_messages_of_a_dead_worker_does_not_wait_behind_a_long_queue(self) -> None:
        lost = queue()
        claimed(lost, "worker A")
        waiting = [queue({"priority": Priority.URGENT}) for _ in range(3)]
        for key in waiting:
            let_pass(key, 600)
        let_pass(lost, limits.CLAIM_SECONDS + 1)
        assert sweep.due(2)[0] == lost and len(sweep.due(2)) == 2
        assert [one.claim.delivery_id for one in claims.claim("worker B", 1)] == [lost]


class TestFence:
    def test_who_lost_a_claim_changes_nothing(self) -> None:
        key = queue()
        first = claimed(key)
        let_pass(key, limits.CLAIM_SECONDS + 1)
        second = claimed(key, "worker B")
        with pytest.raises(LeaseLost):
            claims.fenced(first.claim, waits_because="Stale.")
        with pytest.raises(LeaseLost):
            claims.close(first.claim)
        assert entry(key).waits_because == ""
        claims.fenced(second.claim, waits_because="Fresh.")
        assert entry(key).waits_because == "Fresh."
        claims.close(second.claim)
        assert not OutboxEntry.objects.exists()

    def test_a_message_that_is_over_cannot_be_written_to(self) -> None:
        with pytest.raises(LeaseLost):
            claims.fenced(Claim(uuid4(), uuid4()), tries=1)


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_n9_many_claimers_never_get_the_same_message(self) -> None:
        """Each goes on until it finds nothing; together they find everything, once."""
        known = {queue() for _ in range(40)}

        def all_there_are(worker: str) -> list[UUID]:
            found: list[UUID] = []
            while some := claims.claim(worker, 3):
                found += ids(some)
            return found

        results = at_once([partial(all_there_are, f"worker {n}") for n in range(4)])
        together = [key for found in results for key in found]
        together += ids(claims.claim("the last one", 100))
        assert (len(together), set(together)) == (len(known), known)

    def test_one_message_is_given_to_one_of_many_that_name_it(self) -> None:
        key = queue()
        results = at_once([partial(claims.claim_one, key, f"worker {n}") for n in range(4)])
        assert len([found for found in results if found]) == 1
