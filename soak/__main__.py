"""`make soak`: run the parts and tell what they found.

    python -m soak [--seconds N] [--seed N] [--broker KIND] [--keep FOLDER] [PART ...]

Parts: chaos, race, killed, start, rollback; all of them by default. With `--seconds` the parts are small and chaos
takes so long, with Redis instead of RabbitMQ: the form that every change is tried with. A whole run that went well
writes its figures into docs/reliability.md. The exit code is 0 when every message is accounted for.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from soak import report
from soak.house import BROKERS, House
from soak.verdict import Verdict
from tests.services.processes import short_folder

_MOST_TOLD = 20
_SHORT = {"race": 600, "killed": 1, "start": 20_000, "rollback": 100}  # messages, rounds, waiting, aborts
PARTS = ("chaos", "race", "killed", "start", "rollback")


def main() -> int:
    """Run what the arguments name; return the exit code."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends what was started, as Ctrl-C does
    print(f"Seed {options.seed}.", flush=True)
    with short_folder() as folder:
        house = House(folder, options.seed, options.broker or ("redis" if options.seconds else "rabbitmq"))
        verdicts: dict[str, Verdict] = {}
        seconds: dict[str, float] = {}
        try:
            house.open()
            for part in options.parts or PARTS:
                started = time.monotonic()
                verdicts[part] = _carry_out(part, house, options.seconds)
                seconds[part] = time.monotonic() - started
                _print(part, verdicts[part], seconds[part])
            if wrong := any(verdict.wrong for verdict in verdicts.values()):
                print(house.logs(), file=sys.stderr)
                if options.keep:
                    house.keep(options.keep)
        finally:
            house.close()
    if not (wrong or options.seconds or options.parts):
        report.write(verdicts, seconds, options.seed)
    print("FAILED" if wrong else "Every message is accounted for.", flush=True)
    return 1 if wrong else 0


def _carry_out(part: str, house: House, seconds: float) -> Verdict:
    """Run one part; an error in it is something wrong."""
    try:
        return _run(part, house, seconds)
    except Exception:
        traceback.print_exc()
        return Verdict(["It ended with an error."])
    finally:
        house.end_workers()


def _print(part: str, verdict: Verdict, seconds: float) -> None:
    print(f"\n{part}: {seconds:.0f} s, {'FAILED' if verdict.wrong else 'well'}")
    for name, figure in verdict.figures.items():
        print(f"  {name}: {report.told(figure)}")
    for sentence in verdict.wrong[:_MOST_TOLD]:
        print(f"  WRONG: {sentence}")
    if len(verdict.wrong) > _MOST_TOLD:
        print(f"  and {len(verdict.wrong) - _MOST_TOLD} more")
    sys.stdout.flush()


def _run(part: str, house: House, seconds: float) -> Verdict:
    # They use the models, so that they can be imported only now that Django is set up.
    from soak import chaos, killed, race, rollback, start

    short = seconds > 0
    counted: dict[str, tuple[Callable[[House, int], Verdict], int]] = {
        "race": (race.run, race.MESSAGES),
        "killed": (killed.run, killed.ROUNDS),
        "start": (start.run, start.PENDING),
        "rollback": (rollback.run, rollback.ABORTS),
    }
    if part == "chaos":
        return chaos.run(house, chaos.plan(seconds) if short else chaos.plan())
    run, count = counted[part]
    return run(house, _SHORT[part] if short else count)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description="Kill what can be killed, and count every message.")
    parser.add_argument("--seconds", type=float, default=0, help="a short form, with so many seconds of chaos")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="what every choice comes from")  # noqa: S311
    parser.add_argument("--broker", choices=sorted(BROKERS), help="RabbitMQ by default, and Redis with --seconds")
    parser.add_argument("--keep", type=Path, help="a folder for the journals and logs, when something is wrong")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=f"of {', '.join(PARTS)}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
