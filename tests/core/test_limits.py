"""The limits in one place, each with one meaning."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from mailadmin.core import limits


def test_no_limit_is_written_twice() -> None:
    """The second one would silently be the only one: a press of Stop once took three seconds because of that."""
    lines = ast.parse(Path(limits.__file__).read_text()).body
    names = Counter(line.targets[0].id for line in lines if isinstance(line, ast.Assign))  # type: ignore[attr-defined]  # plain names
    assert [name for name, times in names.items() if times > 1] == []


def test_n1_a_stop_takes_effect_within_a_second() -> None:
    """N1."""
    assert limits.TEST_STOP_SECONDS <= 0.5
