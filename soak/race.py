"""Two hosts at one outbox: the workers of both race for its messages, and each message leaves once."""

from __future__ import annotations

import json
import time

from soak import accounts
from soak.house import MAILWORKER, House
from soak.verdict import Verdict

MESSAGES = 10_000
_HOSTS = ("soak-a", "soak-b")
_WORKERS = 2  # on each host
_SECONDS_A_MESSAGE = 0.1  # far more than it needs


def run(house: House, messages: int) -> Verdict:
    """Queue the messages first, then let the workers of both hosts begin at once."""
    with house.mail_server("race") as mail:
        producer = house.produce("race", messages, aborts=0)
        if producer.wait(60 + messages * _SECONDS_A_MESSAGE):
            return Verdict(["The application did not come to its end."])
        health = [house.folder / f"race-{place}.json" for place in range(len(_HOSTS) * _WORKERS)]
        started = time.monotonic()
        for place, file in enumerate(health):
            house.start_worker(MAILWORKER, _HOSTS[place % 2], "--once", "--health-file", str(file))
        wrong = []
        for worker in house.workers:
            if worker.process.wait(60 + messages * _SECONDS_A_MESSAGE):
                wrong.append(f"A worker ended with {worker.process.returncode}.")
        seconds = time.monotonic() - started
        house.workers.clear()
        verdict = accounts.settle(house, "race", mail.journal)
    verdict.wrong += wrong
    shares = [json.loads(file.read_text())["handled"] for file in health]
    verdict.wrong += ["A host sent nothing."] * (not all(sum(shares[place::2]) for place in range(len(_HOSTS))))
    verdict.figures |= {"messages a second": messages / seconds}
    verdict.figures |= {f"sent by {host}": sum(shares[place::2]) for place, host in enumerate(_HOSTS)}
    return verdict
