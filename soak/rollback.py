"""Transactions and savepoints that are aborted, while a worker looks for messages all the time: nothing of them is
sent, and everything else is."""

from __future__ import annotations

import time

from soak import accounts, clock
from soak.house import MAILWORKER, House
from soak.ledger import read_queued
from soak.verdict import Verdict

ABORTS = 1000
_OF_1000 = 400  # transactions and savepoints that are aborted
_ABORTS_A_MESSAGE = 0.3  # about as many come of that
_SECONDS = 300


def run(house: House, aborts: int) -> Verdict:
    """Queue messages with at least so many aborts."""
    with house.mail_server("rollback") as mail:
        house.start_worker(MAILWORKER)
        producer = house.produce("rollback", round(aborts / _ABORTS_A_MESSAGE), aborts=_OF_1000)
        code, until = producer.wait(_SECONDS), time.monotonic() + _SECONDS
        while house.ask(accounts.waiting) and time.monotonic() < until and not house.fallen():
            house.ask(clock.advance)
            time.sleep(0.2)
        wrong = house.fallen()
        house.end_workers()
        verdict = accounts.settle(house, "rollback", mail.journal)
    reached = read_queued(house.queued("rollback")).aborts
    verdict.wrong += wrong + ["The application did not come to its end."] * bool(code)
    verdict.wrong += [f"Only {reached} of {aborts} aborts happened."] * (reached < aborts)
    return verdict
