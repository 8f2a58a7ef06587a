"""The end of a worker at any moment, a claim that is lost, a database that is away: nothing is lost, and nothing is
doubled that is not marked so (rows 19, 20 and 32 of the failure table; N9, P7)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connection, connections, transaction

from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState, RecipientState
from mailadmin.core.settings import Route
from mailadmin.delivery.attempts import Sessions
from mailadmin.delivery.outbox import claims, waiting
from mailadmin.delivery.outbox.deliver import deliver
from mailadmin.models import DeliveryAttempt, OutboxEntry, SmtpConnection
from mailadmin.transports.base import Accepted, Mail, one_by_one
from tests.fakes.smtp_actions import Action, close, silent
from tests.fakes.smtp_server import Connection, SmtpServer

from .conftest import plain
from .outbox_child import kill, worker
from .outbox_rows import claimed, delivery, entry, in_seconds, let_pass, queue, send
from .test_outbox_sending import ANN, BOB, attempts, over, states

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "canary-4711"


class Moment:
    """A moment of the conversation at which the server waits, for a test to do something."""

    def __init__(self) -> None:
        self._reached = threading.Event()

    def __call__(self, connection: Connection) -> bool:
        self._reached.set()
        return silent(connection)

    def wait(self) -> None:
        assert self._reached.wait(30)


def doing(work: Callable[[], object], answer: str) -> Action:
    """Return what the server does: `work`, on a database connection of its own, and then it gives its answer."""

    def action(peer: Connection) -> bool:
        try:
            work()
        finally:
            connections.close_all()
        peer.say(answer)
        return True

    return action


def killed_at(moment: str, before: int = 0, **message: Any) -> tuple[UUID, SmtpServer]:
    """Let a worker be killed at a moment of the conversation, after that has come `before` times; return the message,
    its claim lapsed, and the server, which behaves from now on."""
    here = Moment()
    script: dict[str, list[Any]] = {moment: [*([None] * before), here]}
    if before:
        script["RCPT"] = [None, "452 4.5.3 too many recipients"]
    server = SmtpServer(script)
    with server:
        plain(server)
        key = queue(**message)
        with worker(key) as child:
            here.wait()
            kill(child)
    let_pass(key, limits.CLAIM_SECONDS + 1)
    return key, server


@contextmanager
def another_server(**script: Any) -> Iterator[SmtpServer]:
    """Let the route lead to another server, as if the old one had been started again."""
    with SmtpServer(script) as server:
        row = SmtpConnection.objects.get()
        row.port = server.port
        row.save()
        yield server


def killed_leaving(key: UUID, *recipients: str) -> None:
    """Let a worker have ended when the message was leaving for some of its recipients."""
    claims.note_leaving(claimed(key).claim, list(recipients), str(route_key()), "Relay A")
    let_pass(key, limits.CLAIM_SECONDS + 1)


class TestKilledWorker:
    def test_p7_row_32_before_the_end_leaves_the_message_is_sent_by_the_next_worker(self) -> None:
        key, first = killed_at("RCPT")
        assert first.messages == []
        with another_server() as second:
            assert send(key, "worker B") is DeliveryState.SENT
        assert len(second.messages) == 1
        assert (delivery(key).possible_duplicate, over(key)) == (False, True)

    def test_p7_row_32_once_the_end_may_have_left_it_is_unsure_and_sent_once_more_after_minutes(self) -> None:
        key, first = killed_at("DOT", to=[ANN, BOB])
        with another_server() as second:
            assert send(key, "worker B") is DeliveryState.UNSURE
            assert second.sessions == []
            assert states(key) == {ANN: "unsure", BOB: "unsure"}
            assert attempts(key) == [(1, "Relay A", False, True)]
            row = DeliveryAttempt.objects.get()
            assert (row.code, row.problem[:21]) == ("worker-ended", "The worker ended befo")
            assert 290 <= in_seconds(key) <= 900
            let_pass(key, 901)
            assert send(key, "worker B") is DeliveryState.SENT
        assert len(first.messages) + len(second.messages) == 2
        assert delivery(key).possible_duplicate

    def test_row_20_who_was_served_by_an_earlier_transaction_is_never_served_again(self) -> None:
        key, first = killed_at("MAIL", before=1, to=[ANN, BOB])
        assert [one.recipients for one in first.deliveries] == [(ANN,)]
        assert states(key) == {ANN: "sent", BOB: "pending"}
        with another_server() as second:
            assert send(key, "worker B") is DeliveryState.SENT
        assert [one.recipients for one in second.deliveries] == [(BOB,)]
        assert not delivery(key).possible_duplicate

    def test_row_20_only_those_of_the_last_transaction_are_unsure(self) -> None:
        key, _ = killed_at("DOT", before=1, to=[ANN, BOB])
        with another_server() as second:
            assert send(key, "worker B") is DeliveryState.UNSURE
            assert states(key) == {ANN: "sent", BOB: "unsure"}
            let_pass(key, 901)
            assert send(key, "worker B") is DeliveryState.SENT
        assert [one.recipients for one in second.deliveries] == [(BOB,)]

    def test_who_surely_did_not_get_it_is_served_while_the_others_are_unsure(self) -> None:
        with SmtpServer() as server:
            plain(server)
            key = queue(to=[ANN, BOB])
            killed_leaving(key, ANN)
            assert send(key, "worker B") is DeliveryState.UNSURE
            assert states(key) == {ANN: "unsure", BOB: "sent"}
            let_pass(key, 901)
            assert send(key, "worker B") is DeliveryState.SENT
        assert [one.recipients for one in server.deliveries] == [(BOB,), (ANN,)]

    def test_a_second_copy_never_follows_right_after_an_unclear_first_one(self) -> None:
        with SmtpServer({"RCPT": ["450 4.2.0 greylisted"], "DOT": [close]}) as server:
            plain(server)
            key = queue(to=[ANN, BOB])
            killed_leaving(key, ANN)
            assert send(key, "worker B") is DeliveryState.QUEUED
            assert states(key) == {ANN: "unsure", BOB: "pending"}
            let_pass(key, in_seconds(key, "unsure_at") + 1)
            assert send(key, "worker B") is DeliveryState.UNSURE
            assert states(key) == {ANN: "unsure", BOB: "unsure"}
            assert len(attempts(key)) == 3
            assert 290 <= in_seconds(key) <= 900
            assert not delivery(key).possible_duplicate

    def test_a_resend_during_which_the_worker_dies_is_not_made_again(self) -> None:
        key, _ = killed_at("DOT")
        here = Moment()
        with another_server(DOT=[here]) as second:
            assert send(key, "worker B") is DeliveryState.UNSURE
            let_pass(key, 901)
            with worker(key) as child:
                here.wait()
                kill(child)
            let_pass(key, limits.CLAIM_SECONDS + 1)
            assert send(key, "worker C") is DeliveryState.UNSURE
            assert (entry(key).shelf, entry(key).unsure_resends) == ("unsure", limits.UNSURE_RESENDS)
        assert len(second.messages) == 1

    def test_when_the_route_is_gone_a_person_decides(self) -> None:
        key, _ = killed_at("DOT")
        SmtpConnection.objects.all().delete()
        assert send(key, "worker B") is DeliveryState.UNSURE
        assert entry(key).shelf == "unsure"


def route_key() -> object:
    return SmtpConnection.objects.get().key


class TestPoison:
    def test_n9_a_message_that_is_the_end_of_three_workers_is_held(self) -> None:
        with SmtpServer() as server:
            plain(server)
            key = queue()
            for _ in range(limits.CRASHES):
                claimed(key)
                let_pass(key, limits.CLAIM_SECONDS + 1)
            # The last claim lapsed twice before; what is claimed now counts the third one.
            found = claimed(key)
            OutboxEntry.objects.update(crashes=limits.CRASHES - 1)
            found.entry.crashes = limits.CRASHES - 1
            with closing(Sessions()) as sessions:
                assert deliver(found, sessions) is DeliveryState.HELD
            row = entry(key)
            assert (row.shelf, row.claim, row.crashes) == ("crashed", None, limits.CRASHES)
            assert "worker A" in row.crash_report
            assert (delivery(key).state, server.sessions) == ("held", [])
            assert waiting.release([key]) == 1
            assert send(key) is DeliveryState.SENT

    def test_an_orderly_end_forgets_earlier_crashes(self) -> None:
        with SmtpServer({"RCPT": ["450 4.2.0 later"]}) as server:
            plain(server)
            key = queue()
            claimed(key)
            let_pass(key, limits.CLAIM_SECONDS + 1)
            assert send(key) is DeliveryState.QUEUED
        assert (entry(key).crashes, entry(key).crash_report) == (0, "")

    def test_n12_an_error_of_our_own_is_kept_as_a_traceback_without_content(self) -> None:
        with SmtpServer() as server:
            plain(server)
            key = queue(body=CANARY)
            for number in range(1, limits.CRASHES + 1):
                found = claimed(key)
                state = deliver(found, Broken(leaves=False))
                assert state is (DeliveryState.HELD if number == limits.CRASHES else DeliveryState.QUEUED)
                assert in_seconds(key) <= limits.CRASH_PAUSE_SECONDS
                let_pass(key, limits.CRASH_PAUSE_SECONDS + 1)
        row = entry(key)
        assert "ZeroDivisionError" in row.crash_report and "in send" in row.crash_report
        assert CANARY not in f"{row.crash_report} {row.waits_because} {delivery(key).reason}"
        assert (row.shelf, states(key)) == ("crashed", {ANN: "pending"})

    def test_an_error_after_the_end_has_left_makes_it_unsure(self) -> None:
        with SmtpServer() as server:
            plain(server)
            key = queue()
            assert deliver(claimed(key), Broken(leaves=True)) is DeliveryState.QUEUED
            assert states(key) == {ANN: "unsure"}
            let_pass(key, limits.CRASH_PAUSE_SECONDS + 1)
            assert send(key) is DeliveryState.UNSURE
            assert (server.sessions, entry(key).crashes) == ([], 0)
            let_pass(key, 901)
            assert send(key) is DeliveryState.SENT
            assert delivery(key).possible_duplicate


class Broken(Sessions):
    """A transport with an error in its code."""

    def __init__(self, *, leaves: bool) -> None:
        super().__init__()
        self._leaves = leaves

    def transport(self, route: Route, version: str) -> Any:
        return self

    send_many = one_by_one

    def send(self, mail: Mail) -> Accepted:
        if self._leaves:
            mail.watch.leaving(mail.recipients)
        raise ZeroDivisionError(CANARY)


def steal() -> None:
    """Let another worker have every message."""
    OutboxEntry.objects.update(claim=uuid4(), worker="worker B")


class TestLostClaim:
    def test_p7_a_message_whose_claim_is_lost_does_not_leave(self) -> None:
        with SmtpServer({"RCPT": [doing(steal, "250 2.1.5 Ok")]}) as server:
            plain(server)
            key = queue()
            assert send(key) is DeliveryState.QUEUED
            assert server.messages == []
        assert (entry(key).worker, entry(key).leaving, attempts(key)) == ("worker B", [], [])

    def test_p7_who_lost_its_claim_writes_nothing_about_what_it_sent(self) -> None:
        with SmtpServer({"DOT": [doing(steal, "250 2.0.0 Ok")]}) as server:
            plain(server)
            key = queue()
            assert send(key) is DeliveryState.QUEUED
        assert (states(key), attempts(key), delivery(key).state) == ({ANN: "pending"}, [], "queued")
        assert (entry(key).worker, entry(key).leaving) == ("worker B", [ANN])

    def test_between_two_routes_it_is_found_out_as_well(self) -> None:
        with SmtpServer({"MAIL": [doing(steal, "421 4.3.2 busy")]}) as first, SmtpServer() as second:
            plain(first)
            plain(second, "Relay B", order=2)
            key = queue()
            assert send(key) is DeliveryState.QUEUED
        assert (second.sessions, attempts(key)) == ([], [])


def break_database() -> None:
    """Let the next statement of every other connection fail, and the database be back half a second later."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        elif connection.vendor == "mysql":
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = DATABASE()")
            found = [number for (number,) in cursor.fetchall()]
            cursor.execute("SELECT CONNECTION_ID()")
            own = cursor.fetchone()[0]
            for number in found:
                if number != own:
                    cursor.execute(f"KILL {int(number)}")
        else:
            _lock_for_half_a_second()


def _lock_for_half_a_second() -> None:
    locked = threading.Event()

    def lock() -> None:
        try:
            with transaction.atomic():
                OutboxEntry.objects.update(size=1)
                locked.set()
                threading.Event().wait(0.5)
        finally:
            connections.close_all()

    threading.Thread(target=lock).start()
    assert locked.wait(5)


@pytest.fixture
def impatient() -> None:
    """Let SQLite say at once that it is locked."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 50")


@pytest.mark.usefixtures("impatient")
class TestDatabaseAway:
    def test_p7_what_the_server_answered_is_written_when_the_database_is_back(self) -> None:
        with SmtpServer({"DOT": [doing(break_database, "250 2.0.0 Ok")]}) as server:
            plain(server)
            key = queue()
            assert send(key) is DeliveryState.SENT
        assert (states(key), over(key), len(server.messages)) == ({ANN: "sent"}, True, 1)
        assert attempts(key) == [(1, "Relay A", True, False)]

    def test_a_message_does_not_leave_before_that_is_written_down(self) -> None:
        with SmtpServer({"RCPT": [doing(break_database, "250 2.1.5 Ok")]}) as server:
            plain(server)
            key = queue()
            assert send(key) is DeliveryState.SENT
        assert len(server.messages) == 1

    @pytest.mark.parametrize("statement", ["DELETE", "UPDATE"])
    def test_a_commit_whose_answer_is_lost_is_not_done_twice(self, statement: str) -> None:
        """The last word (DELETE of the entry), and a message that waits (its UPDATE)."""
        table = OutboxEntry._meta.db_table

        cut = []

        def lose() -> None:
            raise OperationalError("the answer to COMMIT was lost")

        def watching(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            found = execute(sql, params, many, context)
            last = sql.startswith("DELETE") or (sql.startswith("UPDATE") and "waits_because" in sql)
            if not cut and last and table in sql:
                cut.append(sql)
                transaction.on_commit(lose)
            return found

        script = {} if statement == "DELETE" else {"RCPT": ["450 4.2.0 later"]}
        with SmtpServer(script) as server:
            plain(server)
            key = queue()
            with connection.execute_wrapper(watching):
                state = send(key)
        assert len(cut) == 1
        assert state is (DeliveryState.SENT if statement == "DELETE" else DeliveryState.QUEUED)
        assert len(attempts(key)) == 1
        expected = RecipientState.SENT if statement == "DELETE" else RecipientState.PENDING
        assert states(key) == {ANN: expected.value}
