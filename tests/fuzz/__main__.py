"""`python -m tests.fuzz`: run all of it, a share of it, or a single case again."""

from __future__ import annotations

import argparse
import secrets
import sys

from .run import KINDS, Order, again, everything


def main() -> int:
    """Run; the exit code tells whether everything held."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument(
        "--share",
        type=float,
        default=100,
        help="per cent of 1,000,000 replies, 10,000 messages by SMTP and 5,000 by Graph",
    )
    parser.add_argument("--seed", default=secrets.token_hex(4), help="the same seed makes the same cases")
    parser.add_argument("--only", choices=KINDS, help="one kind of cases")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1800, help="end after this long, done or not")
    parser.add_argument("--case", help="run one case again, named as in a report: kind/batch/number")
    asked = parser.parse_args()
    if asked.case:
        again(asked.seed, asked.case)
        print("The case passes.")
        return 0
    kinds = [asked.only] if asked.only else list(KINDS)
    return 0 if everything(Order(asked.seed, asked.share, kinds, asked.processes, asked.seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())
