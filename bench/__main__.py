"""`make bench`: run the scenarios beside the peers and write docs/performance.md.

    python -m bench [--short] [--rounds N] [SCENARIO ...]

A scenario is named by the beginning of its id ("G4" means all of G4, "Q" the outbox by itself). `--short` proves in
a few minutes that everything runs and that the servers count what was sent. Only a whole run is written down.
Timings never fail a run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import api, log_pages, queue, report, runner
from bench.scenarios import SCENARIOS

PARTS = (("G8", log_pages.run), ("Q", queue.run), ("A", api.run))  # what is measured in ways of its own
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
_BEGIN, _END = "<!-- {0} -->", "<!-- end of {0} -->"
_ROUNDS = 5
_SHORT_SHARE = 0.1
_COMMAND = f"make bench PYTHON=python{sys.version_info.major}.{sys.version_info.minor}"
_NOTE = (
    "The distance is made by a relay on loopback that holds every byte back for half a round trip, and the beginning "
    "of a connection for a whole one. Absolute figures are of one machine on one day; compare ratios."
)


def main() -> int:
    """Run what the arguments name; return the exit code: 1 when a server did not count what was sent."""
    options = _options()
    chosen = [one for one in SCENARIOS if not options.scenarios or one.id.startswith(tuple(options.scenarios))]
    rounds = 1 if options.short else options.rounds
    tables: list[str] = []
    lost: list[str] = []
    for scenario in chosen:
        results = runner.run(scenario, rounds, _SHORT_SHARE if options.short else 1.0)
        lost += report.missing(results)
        _tell(tables, report.table(scenario, results))
    for name, measure in PARTS:
        if not options.scenarios or name.startswith(tuple(options.scenarios)):
            measure(lambda table: _tell(tables, table), options.short)
    if not options.short and not options.scenarios:
        _write(report.page(tables, _COMMAND, rounds, _NOTE))
    for sentence in lost:
        print(f"LOST: {sentence}", file=sys.stderr)
    return 1 if lost else 0


def _tell(tables: list[str], table: str) -> None:
    """Keep a table for the page, and print it."""
    tables.append(table)
    print(table, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="mailadmin beside its peers, as ratios.")
    parser.add_argument("--short", action="store_true", help="one round with few messages; writes nothing")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help=f"rounds to take the median of (default {_ROUNDS})")
    parser.add_argument("scenarios", nargs="*", help="the beginnings of scenario ids; all by default")
    return parser.parse_args()


def _write(section: str) -> None:
    """Put the section into the page, in the place of the one that the same Python made before."""
    name = f"measured with Python {sys.version_info.major}.{sys.version_info.minor}"
    begin, end = _BEGIN.format(name), _END.format(name)
    whole = PAGE.read_text("utf-8")
    before, found, rest = whole.partition(begin)
    after = rest.partition(end)[2] if found else "\n"
    PAGE.write_text(f"{before.rstrip()}\n\n{begin}\n{section.rstrip()}\n{end}{after}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
