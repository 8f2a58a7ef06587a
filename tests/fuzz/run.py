"""The plan, its batches on several processes, and the report."""

from __future__ import annotations

import faulthandler
import importlib
import math
import multiprocessing
import os
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from .case import Case, Feed


class Kind(NamedTuple):
    """`module` has `feed`; `whole` is how many replies (messages for `dispatch` and `graph`) make 100 %, `batch`
    how many of them go to a process at once."""

    module: str
    whole: int
    batch: int


# Most replies meet the reader alone; enough meet whole sessions in memory, where a silence costs no time. Real
# connections add what memory cannot show: threads, the pool, time-outs.
KINDS = {
    "reader": Kind("reader", 360_000, 10_000),
    "sessions": Kind("sessions", 500_000, 5_000),
    "sign-in": Kind("sign_in", 40_000, 1_000),
    "tunnels": Kind("tunnels", 20_000, 1_000),
    "loopback": Kind("loopback", 80_000, 1_000),
    "messages": Kind("dispatch", 10_000, 250),
    "graph": Kind("graph", 5_000, 250),
}
_BATCH_SECONDS = 300  # a batch takes seconds; a process that needs this long hangs, and says where
_SHOWN = 10  # failures told in full
_FED_BYTES = 400  # shown of each thing that was fed


@dataclass(frozen=True)
class Order:
    """What to run: `share` in per cent, `seconds` in all."""

    seed: str
    share: float
    kinds: Sequence[str]
    processes: int
    seconds: float


@dataclass(frozen=True)
class Batch:
    """Cases of one kind until `quota` replies (or messages) were made; `until` is when to stop, in time.time()."""

    seed: str
    kind: str
    number: int
    quota: int
    until: float


@dataclass
class Result:
    """What a batch brought; each of `failures` is a text with the name of its case."""

    kind: str
    made: int = 0
    cases: int = 0
    tally: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def everything(order: Order) -> bool:
    """Run the order, tell about it, and return whether all of it was run and held."""
    started = time.time()
    batches = list(_planned(order, started + order.seconds))
    wanted = sum(batch.quota for batch in batches)
    print(f"{wanted} replies and messages, --seed {order.seed}, on {order.processes} processes", flush=True)
    results: list[Result] = []
    told = 0
    try:
        for result in _run(batches, order.processes):
            results.append(result)
            made = sum(each.made for each in results)
            if made * 10 // wanted > told:
                told = made * 10 // wanted
                print(f"{min(told * 10, 100):3} %, {time.time() - started:.0f} s", flush=True)
    except BrokenProcessPool:
        print("A process ended: it hung in what is shown above, or was killed.")
        return False
    return _reported(order, results, wanted, time.time() - started)


def again(seed: str, name: str) -> None:
    """Run the case `kind/batch/number` again, and raise what it raises."""
    _set_up()
    kind, batch, number = name.split("/")
    case = case_of(seed, kind, int(batch), int(number))
    try:
        feed_of(kind)(case)
    finally:
        for fed in case.fed:
            print(fed)


def run_batch(batch: Batch) -> Result:
    """Run one batch, in this process."""
    feed, result = feed_of(batch.kind), Result(batch.kind)
    while result.made < batch.quota and time.time() < batch.until:
        case = case_of(batch.seed, batch.kind, batch.number, result.cases)
        try:
            feed(case)
        except Exception:
            name = f"{batch.kind}/{batch.number}/{result.cases}"
            fed = "\n".join(f"  {piece[:_FED_BYTES]!r}" for piece in case.fed)
            result.failures.append(f'make fuzz ARGS="--seed {batch.seed} --case {name}"\n{traceback.format_exc()}{fed}')
        result.cases += 1
        result.made += max(case.replies, 1)
        result.tally += case.tally
    return result


def _planned(order: Order, until: float) -> Iterator[Batch]:
    """Yield the batches, those of all kinds mixed, so that a run that is cut short has seen some of each."""
    plan = []
    for name in order.kinds:
        kind = KINDS[name]
        left = math.ceil(kind.whole * order.share / 100)
        count = math.ceil(left / kind.batch)
        for number in range(count):
            quota = min(kind.batch, left - number * kind.batch)
            plan.append(((number + 0.5) / count, Batch(order.seed, name, number, quota, until)))
    return (batch for _, batch in sorted(plan, key=lambda planned: planned[0]))


def _run(batches: list[Batch], processes: int) -> Iterator[Result]:
    """Yield the results as they come."""
    # Fresh processes: a forked one would share what the parent has open.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _set_up) as pool:
        running: set[Future[Result]] = {pool.submit(_watched, batch) for batch in batches}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def _watched(batch: Batch) -> Result:
    """Run a batch; should it hang, show where, and end the process."""
    faulthandler.dump_traceback_later(_BATCH_SECONDS, exit=True)
    try:
        return run_batch(batch)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _set_up() -> None:
    """Make Django ready, whose messages and settings are used."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()


def feed_of(kind: str) -> Feed:
    return cast("Feed", importlib.import_module(f".{KINDS[kind].module}", __package__).feed)


def case_of(seed: str, kind: str, batch: int, number: int) -> Case:
    name = f"{seed}/{kind}/{batch}/{number}"
    random.seed(name)  # for boundaries and message ids, which others make
    return Case(random.Random(name))


def _reported(order: Order, results: list[Result], wanted: int, seconds: float) -> bool:
    """Print what came of it, and return whether it is good."""
    for kind in order.kinds:
        mine = [result for result in results if result.kind == kind]
        tally = sum((result.tally for result in mine), Counter[str]())
        ends = ", ".join(f"{count} {what}" for what, count in tally.most_common())
        print(f"{kind}: {sum(r.made for r in mine)} in {sum(r.cases for r in mine)} cases: {ends}")
    failures = [failure for result in results for failure in result.failures]
    for failure in failures[:_SHOWN]:
        print(f"\n{failure}", file=sys.stderr)
    made = sum(result.made for result in results)
    whole = made >= wanted
    print(f"{len(failures)} failures in {made} of {wanted} replies and messages, {seconds:.0f} s, --seed {order.seed}")
    if not whole:
        print("Time was up before all of it was run.")
    return whole and not failures
