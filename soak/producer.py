"""The application of the soak: it queues messages within transactions, some of which it aborts, and writes down which
are committed.

Run as `python -m soak.producer JOURNAL PREFIX SEED MESSAGES SECONDS ABORTS`: about MESSAGES messages, evenly over
SECONDS (0: as fast as may be), with ABORTS of 1,000 transactions and savepoints aborted. A database that is away is
waited for.
"""

from __future__ import annotations

import importlib
import random
import sys
import time
from pathlib import Path

import django

from soak.ledger import SENDER, Journal

_MOST_RECIPIENTS, _MOST_IN_ONE = 3, 4
_LONG_SHARE, _LONG_BYTES = 0.01, 1_500_000  # some are stored in several parts, and leave in many pieces
_AWAY_SECONDS = 0.2


class Abort(Exception):
    """The application changes its mind."""


class Producer:
    """Queues messages whose Message-IDs begin with `prefix`; of 1,000 transactions and of 1,000 savepoints `aborts`
    are rolled back."""

    def __init__(self, journal: Journal, prefix: str, seed: int, aborts: int) -> None:
        self.journal, self.prefix, self.aborts = journal, prefix, aborts
        self.dice = random.Random(seed)  # noqa: S311 -- no secret
        self.number = 0
        self.aborted = 0

    def transaction(self) -> None:
        """Queue some messages in one transaction, and write down what became of it."""
        from django.db import Error, connection, transaction

        from mailadmin import MailError

        began, self.aborted = self.number, 0
        kept: list[str] = []
        committing = committed = False
        try:
            with transaction.atomic():
                for _ in range(self.dice.randint(1, _MOST_IN_ONE)):
                    kept += self._message_or_abort()
                if self._changes_its_mind():
                    raise Abort
                committing = True
            committed = True
        except Abort:
            pass
        except (Error, MailError) as error:
            self.journal.write("error", name=type(error).__name__)
            connection.close()
            time.sleep(_AWAY_SECONDS)
        begun = [self._id(number) for number in range(began, self.number)]
        if committed:
            self.journal.write("committed", ids=kept)
        if committed or not committing:  # else the answer to the COMMIT is missing, and it may be either
            gone = [one for one in begun if not (committed and one in kept)]
            self.journal.write("rolled back", ids=gone, aborts=self.aborted)

    def _message_or_abort(self) -> list[str]:
        """Queue a message, perhaps in a savepoint that is rolled back; return the ids that are to stay."""
        from django.db import transaction

        if self.dice.random() < 0.5:
            return [self._queue()]
        try:
            with transaction.atomic():
                kept = [self._queue()]
                if self._changes_its_mind():
                    raise Abort
                return kept
        except Abort:
            return []

    def _changes_its_mind(self) -> bool:
        changes = self.dice.random() * 1000 < self.aborts
        self.aborted += changes
        return changes

    def _queue(self) -> str:
        from django.core.mail import EmailMessage

        message_id, number = self._id(self.number), self.number
        self.number += 1
        to = [f"{self.prefix}-{number}-{place}@example.net" for place in range(self.dice.randint(1, _MOST_RECIPIENTS))]
        self.journal.write("begin", id=message_id, to=to)
        message = EmailMessage(f"Soak {number}", "A line.\n" * 20, SENDER, to, headers={"Message-ID": message_id})
        if self.dice.random() < _LONG_SHARE:
            message.attach("long.bin", self.dice.randbytes(_LONG_BYTES), "application/octet-stream")
        message.mailadmin_priority = self.dice.choice(("urgent", "normal", "normal", "non-urgent"))  # type: ignore[attr-defined]  # an option travels on the message
        message.send()
        return message_id

    def _id(self, number: int) -> str:
        return f"<{self.prefix}-{number}@soak.example>"


def main(journal: Path, prefix: str, seed: int, messages: int, seconds: float, aborts: int) -> None:
    """Queue the messages, and write down that this is all."""
    importlib.import_module("soak.celery_app")  # as a project's own package does
    django.setup()
    producer = Producer(Journal(journal), prefix, seed, aborts)
    started = time.monotonic()
    while producer.number < messages:
        due = started + seconds * producer.number / messages
        time.sleep(max(due - time.monotonic(), 0))
        producer.transaction()
    producer.journal.write("end", seconds=time.monotonic() - started)


if __name__ == "__main__":
    path, prefix, *numbers = sys.argv[1:]
    seed, messages, seconds, aborts = numbers
    main(Path(path), prefix, int(seed), int(messages), float(seconds), int(aborts))
