"""A worker is killed in the middle of its messages: how long until another one has claimed them again, and whether each
is classified by how far it had come."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from mailadmin.models import Delivery, OutboxEntry
from soak import accounts, clock
from soak.house import MAILWORKER, THREADS, House
from soak.ledger import NO_FAULTS, Faults
from soak.verdict import Verdict

ROUNDS = 5
_SLOW = Faults(slow=1.0)  # every answer takes a while, so that messages are caught at every step
_MESSAGES = 300  # for each round: more than are sent until the killed worker's claims lapse
_MOST_SECONDS = 60
_PATIENCE = 120
_JUDGED = 5  # from the claim to the word about it


@dataclass(frozen=True)
class Held:
    """What a killed worker had in hand, by id: the tokens of its claims, and those of which the end was leaving."""

    tokens: dict[UUID, UUID | None]
    leaving: set[UUID]

    @classmethod
    def read(cls) -> Held:
        """Return what is claimed now."""
        entries = list(OutboxEntry.objects.exclude(claim=None))
        return cls({one.pk: one.claim for one in entries}, {one.pk for one in entries if one.leaving})

    def claimed_again(self) -> bool:
        """Tell whether somebody else has them all, or has settled them."""
        return not OutboxEntry.objects.filter(claim__in=self.tokens.values()).exists()

    def misjudged(self) -> list[str]:
        """Tell of messages that were leaving and are not unsure, and the other way round."""
        unclear = Delivery.objects.filter(pk__in=self.tokens, attempts__unsure=True)
        unsure = set(unclear.values_list("pk", flat=True))
        return [f"{pk} was leaving, and is not unsure" for pk in self.leaving - unsure] + [
            f"{pk} was not leaving, and is unsure" for pk in unsure - self.leaving
        ]


def run(house: House, rounds: int) -> Verdict:
    """Kill a worker in `rounds` rounds, each at another moment."""
    verdict, slowest, leaving, others = Verdict(), 0.0, 0, 0
    with house.mail_server("killed", _SLOW) as mail:
        house.produce("killed", rounds * _MESSAGES, aborts=0).wait(_PATIENCE)
        for _ in range(rounds):
            held, seconds = _round(house)
            slowest = max(slowest, seconds)
            leaving, others = leaving + len(held.leaving), others + len(held.tokens) - len(held.leaving)
            _wait(house, lambda one=held: not one.misjudged(), _JUDGED)  # claimed first, then judged
            verdict.wrong += house.ask(held.misjudged)
        mail.set(NO_FAULTS)
        _wait(house, _empty)
        house.end_workers()
        verdict.add(accounts.settle(house, "killed", mail.journal))
    verdict.wrong += [f"It took {slowest:.1f} s until the last one was claimed again."] * (slowest > _MOST_SECONDS)
    verdict.wrong += ["No message was caught."] * (leaving + others == 0)
    verdict.figures |= {"slowest second claim (seconds)": slowest, "caught leaving": leaving, "caught before": others}
    return verdict


def _round(house: House) -> tuple[Held, float]:
    """Kill a worker, and return what it held and how long it took until another one had all of that (seconds)."""
    worker = house.workers[0] if house.workers else house.start_worker(MAILWORKER)
    _wait(house, lambda: OutboxEntry.objects.exclude(claim=None).count() >= THREADS)
    time.sleep(house.random.uniform(0, 1.5))
    worker.end()
    killed = time.monotonic()
    held = house.ask(Held.read)
    house.workers.remove(worker)
    house.start_worker(MAILWORKER)
    _wait(house, held.claimed_again)
    return held, time.monotonic() - killed


def _empty() -> bool:
    clock.advance()
    return not accounts.waiting()


def _wait(house: House, done: Callable[[], bool], seconds: float = _PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not house.ask(done) and time.monotonic() < until:
        time.sleep(0.1)
