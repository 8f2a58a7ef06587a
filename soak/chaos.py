"""The part that gives the soak its name: workers, database and broker end at random while messages are queued and sent
by a server with faults; a supervisor starts them again."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

from soak import accounts, clock
from soak.house import BEAT, CELERY, MAILWORKER, House, MailServer
from soak.ledger import MANY_FAULTS, NO_FAULTS, read_queued
from soak.verdict import Verdict

_TICK_SECONDS = 0.5
_FULL_SECONDS, _FULL_MESSAGES, _FULL_KILLS, _FULL_RESTARTS = 400, 10_000, 50, 5
_BROKER_AWAY_SECONDS = 1.0
_MILLISECONDS = 30  # that a server takes for a message


@dataclass(frozen=True)
class Plan:
    """How many messages over how many seconds, and how often a worker is killed, the database restarted, and the broker
    emptied; `patience` is how long everything may take to be sent afterwards (seconds)."""

    messages: int
    seconds: float
    kills: int
    restarts: int
    patience: float = 300


def plan(seconds: float = _FULL_SECONDS) -> Plan:
    """Return the plan for a soak of so many seconds: the full one, or a part of it."""
    share = seconds / _FULL_SECONDS
    return Plan(
        messages=max(round(_FULL_MESSAGES * share), 10),
        seconds=seconds,
        kills=max(round(_FULL_KILLS * share), 1),
        restarts=max(round(_FULL_RESTARTS * share), 1),
    )


def run(house: House, plan: Plan) -> Verdict:
    """Carry out the plan and account for every message."""
    with house.mail_server("chaos", MANY_FAULTS, _MILLISECONDS) as mail:
        for kind in (MAILWORKER, MAILWORKER, CELERY, CELERY, BEAT):
            house.start_worker(kind)
        producer = house.produce("chaos", plan.messages, plan.seconds)
        try:
            _conduct(house, plan)
            code = producer.wait(plan.patience)
            mail.set(NO_FAULTS)
            verdict, released = _drain(house, mail, plan.patience)
        finally:
            producer.kill()
            producer.wait()
        verdict.wrong += house.fallen()
        house.end_workers()
        if code or not read_queued(house.queued("chaos")).ended:
            verdict.wrong.append("The application did not come to its end.")
        verdict.add(accounts.settle(house, "chaos", mail.journal, released))
    verdict.figures |= {"workers killed": plan.kills, "database restarts": plan.restarts, "brokers": plan.restarts}
    verdict.figures |= {"processes of Celery that ended with the broker": house.restarted}
    return verdict


def _conduct(house: House, plan: Plan) -> None:
    """Let things happen at their times, and time pass faster for what waits."""
    started = time.monotonic()
    for moment, event in _events(house, plan):
        while time.monotonic() < started + moment:
            time.sleep(_TICK_SECONDS)
            house.ask(clock.advance)
        house.supervise()
        match event:
            case "kill":
                workers = [worker for worker in house.workers if worker.kind != BEAT]
                house.replace(house.random.choice(workers))
            case "broker":
                house.broker.stop()
                time.sleep(_BROKER_AWAY_SECONDS)
                house.broker.start()
            case _:
                house.database.stop(signal.SIGQUIT if event == "crash" else signal.SIGINT)
                house.database.start()


def _events(house: House, plan: Plan) -> Iterator[tuple[float, str]]:
    """Yield what happens and when (seconds from the beginning), in order."""
    databases = ["crash" if number % 2 == 0 else "restart" for number in range(plan.restarts)]
    names = ["kill"] * plan.kills + databases + ["broker"] * plan.restarts
    house.random.shuffle(names)
    moments = sorted(house.random.uniform(0.05, 1) * plan.seconds for _ in names)
    yield from zip(moments, names, strict=True)


def _drain(house: House, mail: MailServer, patience: float) -> tuple[Verdict, dict[str, int]]:
    """Wait until nothing is in the outbox, deciding as a person would what the workers leave to one; return what went
    wrong, and how often each message was sent again by a person."""
    started, released = time.monotonic(), dict[str, int]()
    while waiting := house.ask(accounts.waiting):
        if time.monotonic() - started > patience:
            return Verdict([f"{waiting} messages still wait after {patience:g} s."]), released
        for message_id in house.ask(lambda: accounts.decide(mail.journal)):
            released[message_id] = released.get(message_id, 0) + 1
        time.sleep(_TICK_SECONDS)
        house.ask(clock.advance)
        house.supervise()
    return Verdict(figures={"seconds to send the rest": time.monotonic() - started}), released
