"""What the guard and the switch for all mail do to messages that wait in the outbox (N9)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery import confirmation, generation, guard
from mailadmin.delivery.outbox import waiting
from mailadmin.delivery.resend import resend
from mailadmin.models import OutboxEntry, Settings
from tests.fakes.smtp_server import SmtpServer

from .conftest import plain
from .outbox_rows import delivery, entry, in_seconds, let_pass, queue, send

pytestmark = pytest.mark.django_db(transaction=True)

ANN, STAFF, QA = "ann@example.org", "staff@ours.example", "qa@test.example"


def switch(sending: str, **values: Any) -> None:
    Settings.load()
    Settings.objects.update(sending=sending, **({"redirect_to": QA, "spared": "ours.example"} | values))
    Settings.bump()


def recipients(server: SmtpServer) -> list[list[str]]:
    return [list(one.recipients) for one in server.deliveries]


@pytest.fixture
def copied(settings: Any, tmp_path: Path) -> None:
    """A message waits in the database of “production”; this is “staging”, and its worker starts."""
    settings.MAILADMIN = settings.MAILADMIN | {"GENERATION_FILE": tmp_path / "a", "ENVIRONMENT": "production"}
    Settings.load()
    guard.advance()
    settings.MAILADMIN = settings.MAILADMIN | {"GENERATION_FILE": tmp_path / "b", "ENVIRONMENT": "staging"}
    Settings.bump()


class TestHeld:
    def test_n9_what_waits_when_mail_is_held_waits_on_and_leaves_when_it_is_switched_on(self) -> None:
        with SmtpServer() as server:
            plain(server)
            key = queue(to=[ANN])
            switch("held")
            assert send(key) is DeliveryState.QUEUED
            assert "All mail is held" in entry(key).waits_because
            assert entry(key).tries == 0
            assert in_seconds(key) > 20  # not asked again and again
            switch("on")
            assert waiting.retry_waiting() == 1
            assert send(key) is DeliveryState.SENT
        assert recipients(server) == [[ANN]]

    def test_n9_those_who_are_spared_get_theirs(self) -> None:
        with SmtpServer() as server:
            plain(server)
            switch("held")
            assert send(queue(to=[STAFF])) is DeliveryState.SENT
        assert recipients(server) == [[STAFF]]


class TestRedirected:
    def test_n9_it_is_redirected_when_it_leaves_and_the_log_knows_both(self) -> None:
        """Queued before the switch was turned."""
        with SmtpServer() as server:
            plain(server)
            key = queue(to=[ANN, STAFF], bcc=["blind@example.org"])
            switch("redirected")
            assert send(key) is DeliveryState.SENT
        assert [sorted(one) for one in recipients(server)] == [[QA, STAFF]]
        row = delivery(key)
        assert row.redirected_to == QA
        assert dict(row.recipients.values_list("address", "state")) == {
            ANN: "sent",
            STAFF: "sent",
            "blind@example.org": "sent",
        }

    def test_n9_a_refusal_of_the_one_address_is_that_of_all_whom_it_stands_for(self) -> None:
        with SmtpServer({"RCPT": ["550 5.1.1 nobody here"]}) as server:
            plain(server)
            key = queue(to=[ANN, "bob@example.org", STAFF])
            switch("redirected")
            send(key)
        states = dict(delivery(key).recipients.values_list("address", "state"))
        assert states[ANN] == states["bob@example.org"]
        assert states[ANN] != states[STAFF]

    def test_n9_sent_again_without_redirection_it_goes_to_its_own_recipients(self) -> None:
        with SmtpServer() as server:
            plain(server)
            key = queue(to=[ANN])
            switch("redirected", keep_content="all")
            send(key)
            switch("on")
            again = resend(delivery(key), to=None, asked_by=None, queued=True)
            assert again
            assert send(again) is DeliveryState.SENT
        assert recipients(server) == [[QA], [ANN]]
        assert b"X-Original-To" in server.messages[0]
        assert b"X-Original-To" not in server.messages[1]


@pytest.mark.usefixtures("copied")
class TestCopied:
    def test_n9_a_worker_on_a_copied_database_sends_nothing_not_even_to_those_who_are_spared(self) -> None:
        with SmtpServer() as server:
            plain(server)
            switch("on")
            for to in (ANN, STAFF):
                key = queue(to=[to])
                assert send(key) is DeliveryState.QUEUED
                assert "“production”" in entry(key).waits_because
        assert server.messages == []

    def test_n9_one_confirmation_sends_what_waits(self) -> None:
        with SmtpServer() as server:
            plain(server)
            key = queue(to=[ANN])
            send(key)
            assert confirmation.backlog().count == 1
            done = confirmation.confirm(cancel=False)
            assert "“production”" in done.objection
            assert in_seconds(key) <= 0
            assert send(key) is DeliveryState.SENT
        assert recipients(server) == [[ANN]]

    def test_n9_or_cancels_it(self) -> None:
        with SmtpServer() as server:
            plain(server)
            key = queue(to=[ANN])
            send(key)
            assert confirmation.confirm(cancel=True).cancelled == 1
            assert delivery(key).state == DeliveryState.CANCELLED
            assert not OutboxEntry.objects.exists()
            assert send(queue(to=[ANN])) is DeliveryState.SENT
        assert recipients(server) == [[ANN]]


def test_n9_a_database_that_is_put_back_under_a_running_worker_is_held_at_the_next_message(
    settings: Any, tmp_path: Path
) -> None:
    """The backup of the hour before: what it shows as waiting was sent since."""
    settings.MAILADMIN = settings.MAILADMIN | {"GENERATION_FILE": tmp_path / "generation"}
    with SmtpServer() as server:
        plain(server)
        Settings.load()
        guard.advance()
        first = queue(to=[ANN])
        assert send(first) is DeliveryState.SENT
        path = generation.file()
        assert path
        number = generation.read(path)
        assert number
        generation.write(path, number + 1)  # counted on, and then the database was put back
        Settings.bump()
        second = queue(to=[ANN])
        assert send(second) is DeliveryState.QUEUED
        let_pass(second, in_seconds(second) + 1)
        assert send(second) is DeliveryState.QUEUED
    assert len(server.messages) == 1
    assert "backup" in entry(second).waits_because
