"""One case: its number, its own random numbers, and a note of what was fed, for the report of a failure."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Case:
    """`rng` makes everything of the case; `replies` counts what was generated, `fed` keeps it for a report, and
    `tally` counts how things ended."""

    rng: random.Random
    replies: int = 0
    fed: list[bytes] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)


Feed = Callable[[Case], None]
"""Makes one case, and raises whatever is wrong."""
