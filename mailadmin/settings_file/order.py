"""The order of routes: that of the file among its own, as little else as possible (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Row = TypeVar("Row")


def new_order(now: Sequence[Row], wanted: Sequence[Row]) -> list[Row]:
    """Return the rows, each the same object, in their new order.

    `now` are those that exist, as they stand; `wanted` are those of the file, new ones among them, as it names them.
    Rows of the file share the places that they have now; a new one comes behind the one before it in the file, the
    first one before all others of the file. Others stay where they are.
    """
    known, named = {id(row) for row in now}, {id(row) for row in wanted}
    existing = [row for row in wanted if id(row) in known]
    ours = iter(existing)
    order = [next(ours) if id(row) in named else row for row in now]
    before: Row | None = None
    for row in wanted:
        if id(row) not in known:
            anchor = existing[0] if before is None and existing else before
            place = len(order) if anchor is None else _place(order, anchor) + (before is not None)
            order.insert(place, row)
        before = row
    return order


def _place(rows: Sequence[Row], wanted: Row) -> int:
    return next(place for place, row in enumerate(rows) if row is wanted)
