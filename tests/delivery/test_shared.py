"""Tokens, places for requests and the pace of mailboxes for all processes of an installation (N7).

With SQLite these go by files beside it; `tests/services` runs the same tests on PostgreSQL, where they are rows.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from math import ceil
from pathlib import Path

import pytest
from django.db import connection, transaction

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.keyring import new_key
from mailadmin.core.secret import Secret
from mailadmin.delivery.shared.installation import Installation
from mailadmin.models import SharedLease, SharedPace, SharedToken
from mailadmin.transports import shared
from mailadmin.transports.shared import NotNow, Pace, Shared
from tests.delivery.shared_processes import processes, told_by

pytestmark = pytest.mark.django_db(transaction=True)

NO_PACE = Pace(0, 1)


@pytest.fixture
def port() -> Iterator[Shared]:
    folder = Path(f"{connection.settings_dict['NAME']}-mailadmin")
    for path in folder.glob("*"):
        path.unlink()
    shared.install(Installation)
    yield shared.shared()
    shared.install(shared.Process)


def a_token(value: str = "canary-token-6620", seconds: float = 60) -> shared.SharedToken:
    return shared.SharedToken(Secret(value), time.time() + seconds)


def kept() -> str:
    """Return everything that is stored about tokens."""
    files = Path(f"{connection.settings_dict['NAME']}-mailadmin").glob("token-*")
    return repr([*(path.read_text() for path in files), *SharedToken.objects.values_list()])


class TestTokens:
    def test_another_process_finds_a_token_and_it_is_never_stored_in_clear_text(self, port: Shared) -> None:
        token = a_token()
        assert port.token("a") is None
        port.keep_token("a", token)
        assert Installation().token("a") == token
        assert "v1:" in kept()
        assert "canary-token-6620" not in kept()
        port.keep_token("a", None)
        assert Installation().token("a") is None
        assert kept() == "[]"

    def test_a_newer_token_takes_the_place_and_past_ones_are_forgotten(self, port: Shared) -> None:
        port.keep_token("past", a_token("b", -1))
        assert port.token("past") is None
        port.keep_token("a" * 200, a_token("c"))
        port.keep_token("a" * 200, a_token("d"))
        found = port.token("a" * 200)
        assert found
        assert found.value.reveal() == "d"
        assert kept().count("v1:") == 1

    def test_a_token_that_was_sealed_with_a_lost_key_or_for_another_one_counts_as_none(
        self, port: Shared, settings: pytest.FixtureRequest
    ) -> None:
        port.keep_token("a", a_token("b"))
        ring = conf.setting("KEY_FILE")
        settings.MAILADMIN = {**settings.MAILADMIN, "KEYS": [new_key()]}  # type: ignore[attr-defined]
        assert port.token("a") is None
        settings.MAILADMIN = {**settings.MAILADMIN, "KEYS": (), "KEY_FILE": ring}  # type: ignore[attr-defined]
        assert port.token("a") is not None
        exchange("a", "b")
        assert port.token("b") is None


def exchange(key: str, other: str) -> None:
    """Store what is kept for one key under another one."""
    if connection.vendor != "sqlite":
        SharedToken.objects.filter(key=key).update(key=other)
        return
    from mailadmin.delivery.shared.folder import file_name

    folder = Path(f"{connection.settings_dict['NAME']}-mailadmin")
    (folder / file_name("token", key)).rename(folder / file_name("token", other))


class TestPlaces:
    def test_a_place_is_held_against_all_others_until_it_is_given_back(self, port: Shared) -> None:
        other = Installation()
        with port.lease("graph:app", 2, 0.5), other.lease("graph:app", 2, 0.5):
            for one in (port, other):
                with pytest.raises(NotNow), one.lease("graph:app", 2, 0.02):
                    pass
            with other.lease("graph:other", 1, 0.5):
                pass
        with other.lease("graph:app", 1, 0.5):
            pass

    def test_more_places_are_made_when_a_service_allows_more(self, port: Shared) -> None:
        name = "a" * 200
        with port.lease(name, 1, 1), port.lease(name, 2, 1), pytest.raises(NotNow), port.lease(name, 2, 0.02):
            pass

    def test_who_waits_gets_the_place_that_another_process_gives_back(self, port: Shared) -> None:
        held, got = threading.Event(), threading.Event()

        def wait() -> None:
            held.wait(20)
            with port.lease("graph:app", 1, 20):
                got.set()

        thread = threading.Thread(target=wait)
        thread.start()
        with Installation().lease("graph:app", 1, 20):
            held.set()
            assert not got.wait(0.05)
        thread.join()
        assert got.is_set()

    def test_n7_four_processes_with_threads_never_hold_more_places_than_there_are(self, port: Shared) -> None:
        told = told_by(4, "hold", 3, 8, 3)
        assert [len(held) for held in told] == [24] * 4
        assert most_at_once([tuple(span) for held in told for span in held]) <= 3

    def test_n7_a_process_that_takes_again_and_again_leaves_places_to_the_others(self, port: Shared) -> None:
        """As many threads as places are busy; a thread elsewhere that comes later is done long before them."""
        with processes(1, "hold", 2, 400, 2) as (busy,):
            busy.go_on()
            for _ in range(10):
                with port.lease("graph:app", 2, 60):
                    last = time.monotonic()
            held = busy.hears()
            busy.ends()
        assert max(since for since, _ in held) > last

    def test_the_place_of_a_process_that_was_killed_becomes_free(
        self, port: Shared, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with processes(1, "keep") as (process,):
            process.go_on()
            assert process.hears() == "held"
            with pytest.raises(NotNow), port.lease("graph:app", 1, 0.05):
                pass
            process.kill()
            # A row ends by itself, minutes later; a lock of the kernel at once.
            SharedLease.objects.update(until=1)
            with port.lease("graph:app", 1, 10):
                pass

    def test_who_comes_back_after_the_end_gives_nothing_back(self, port: Shared) -> None:
        late = ExitStack()
        late.enter_context(port.lease("graph:app", 1, 1))
        SharedLease.objects.filter(name="graph:app").update(until=1)
        if connection.vendor == "sqlite":  # a lock of the kernel has no end, so nobody can come back after it
            with pytest.raises(NotNow), Installation().lease("graph:app", 1, 0.05):
                pass
            late.close()
            return
        with Installation().lease("graph:app", 1, 1):
            late.close()
            assert not another_thread_gets_a_place()
        assert another_thread_gets_a_place()

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_child_does_not_hold_the_place_of_its_parent(self, port: Shared) -> None:
        with port.lease("graph:app", 1, 1):
            go_on, went_on = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.read(go_on, 1)
                os._exit(0)
        with port.lease("graph:app", 1, 1):
            os.write(went_on, b".")
        os.waitpid(pid, 0)
        os.close(go_on)
        os.close(went_on)


def most_at_once(spans: list[tuple[float, float]]) -> int:
    steps = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


class TestThePace:
    def test_n7_processes_keep_the_pace_of_a_mailbox_together(self, port: Shared) -> None:
        """A turn comes in 1000 seconds: ten may come at once, and no two of the others have the same one."""
        told = told_by(4, "book", 2, 5, 1000, 10)
        assert sorted(ceil(wait / 1000) for waits in told for wait in waits) == [0] * 10 + list(range(1, 31))

    def test_a_turn_that_is_too_far_away_is_not_taken_and_a_pause_is_everybodys(self, port: Shared) -> None:
        pace = Pace(1000, 2)
        assert [port.book("a", pace, 0), Installation().book("a", pace, 0)] == [0, 0]
        for _ in range(2):
            with pytest.raises(NotNow) as refused:
                port.book("a", pace, 900)
            assert 900 < refused.value.seconds <= 1000
        assert 900 < Installation().until_free("a", pace) <= 1000
        port.pause("b", 500)
        port.pause("b", 5)
        assert 400 < Installation().until_free("b", NO_PACE) <= 500
        assert port.until_free("c" * 200, NO_PACE) == 0

    def test_nobody_waits_for_a_clock_that_was_set_back(self, port: Shared) -> None:
        port.pause("a", 86_400)
        port.book("a", Pace(86_400, 1), 0)
        pace = Pace(1, 1)
        assert Installation().until_free("a", pace) == 0
        assert port.book("a", pace, 0) == 0
        port.pause("a", 30)
        assert 20 < Installation().until_free("a", NO_PACE) <= 30


class TestTheCallersTransaction:
    def test_what_is_shared_survives_a_roll_back_and_waits_for_no_commit(self, port: Shared) -> None:
        pace = Pace(1000, 1)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            list(SharedPace.objects.all())
            port.keep_token("a", a_token("b"))
            port.book("a", pace, 0)
            other = seen_by_another_thread(pace)
            with port.lease("graph:app", 1, 1):
                assert other == (a_token("b").value, True)
                assert not another_thread_gets_a_place()
            assert another_thread_gets_a_place()
            raise ZeroDivisionError
        assert seen_by_another_thread(pace) == (Secret("b"), True)

    def test_a_broken_transaction_is_no_hindrance(self, port: Shared) -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            transaction.set_rollback(True)
            port.keep_token("a", a_token("b"))
            with port.lease("graph:app", 1, 1):
                assert port.token("a") is not None
            raise ZeroDivisionError

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_child_leaves_the_connections_of_its_parent_alone(self, port: Shared) -> None:
        with transaction.atomic(), port.lease("graph:app", 1, 1):
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    shared.shared().keep_token("a", a_token("b"))
                    gc.collect()
                    status = 0
                finally:
                    os._exit(status)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            found = port.token("a")
        assert found
        assert found.value == Secret("b")
        assert another_thread_gets_a_place()

    def test_it_works_under_an_event_loop(self, port: Shared) -> None:
        async def send() -> shared.SharedToken | None:
            port.keep_token("a", a_token("b"))
            with port.lease("graph:app", 1, 1):
                port.pause("a", 100)
                return port.token("a")

        assert asyncio.run(send()) is not None
        assert port.until_free("a", NO_PACE) > 50


def seen_by_another_thread(pace: Pace) -> tuple[Secret | None, bool]:
    seen: list[tuple[Secret | None, bool]] = []

    def look() -> None:
        token = Installation().token("a")
        seen.append((token.value if token else None, Installation().until_free("a", pace) > 0))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return seen[0]


def another_thread_gets_a_place() -> bool:
    got: list[bool] = []

    def take() -> None:
        try:
            with Installation().lease("graph:app", 1, 0.1):
                got.append(True)
        except NotNow:
            got.append(False)

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return got[0]


def test_the_time_of_a_place_is_longer_than_any_request() -> None:
    assert limits.GRAPH_LEASE_SECONDS > limits.HTTP_TOTAL_SECONDS
