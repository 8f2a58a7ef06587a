"""What is known of a route is shared by all processes, and outlives each of them (N3); so is its rate (P7)."""

from __future__ import annotations

from collections import Counter

import pytest

from mailadmin.delivery.send import send_message
from tests.fakes.smtp_server import SmtpServer

from .breaking import dead, deaf_port, end_rest, failing, state, tries
from .conftest import a_message, plain
from .shared_processes import processes

pytestmark = pytest.mark.django_db(transaction=True)


def sent_by(number: int, threads: int, rounds: int) -> Counter[str]:
    """Let so many processes send, and return how often each route took a message, or why none did. They write a line
    about each into their log."""
    with processes(number, "mail", threads, rounds) as started:
        for process in started:
            process.go_on()
        told = [process.hears() for process in started]
        for process in started:
            process.ends()
    return Counter(end for each in told for end, _ in each)


def test_n3_a_dead_host_is_dialled_once_for_four_processes_and_once_more_when_its_rest_is_over() -> None:
    with deaf_port() as port, SmtpServer(features=()) as server:
        row = dead(port)
        plain(server, "Relay B", order=2)
        sent_by(1, 1, 1)  # this process ends, and the others begin after it
        assert tries(row) == 1
        assert sent_by(4, 2, 2) == {"Relay B": 16}
        assert (tries(row), state(row).failures) == (1, 1)
        end_rest(row)
        assert sent_by(4, 2, 2) == {"Relay B": 16}
    assert (tries(row), state(row).failures) == (2, 2)


def test_n3_the_message_that_finds_it_well_lets_other_processes_use_it() -> None:
    with SmtpServer(features=()) as first, SmtpServer(features=()) as second:
        row = plain(first)
        plain(second, "Relay B", order=2)
        failing(row, rests=90)
        assert sent_by(1, 2, 2) == {"Relay B": 4}
        end_rest(row)
        send_message(a_message())
        assert sent_by(1, 2, 2) == {"Relay A": 4}


def test_p7_the_rate_of_a_connection_is_kept_by_all_processes_together() -> None:
    with SmtpServer(features=()) as server:
        plain(server, rate_messages=12, rate_seconds=3600)
        assert sent_by(2, 2, 2) == {"Relay A": 3, "rate-kept": 5}
        assert len(server.messages) == 3
