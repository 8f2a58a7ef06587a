"""Service records of the DNS (RFC 2782): what one says, and in which order they are used (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

NOT_OFFERED = "."  # the target of a service that the domain says it does not have (RFC 6186 section 3.4)


class Srv(NamedTuple):
    """One record. `host` is in lower case, `NOT_OFFERED` where the domain says that it has no such service."""

    priority: int
    weight: int
    port: int
    host: str


def in_order(records: Iterable[Srv], draw: Callable[[int], int]) -> list[Srv]:
    """Return `records` in their order of use: by priority, and within one by lots, of which a record has as many as its
    weight says (RFC 2782, "Usage rules"). `draw(n)` returns a number from 0 to n."""
    waiting = sorted(records, key=lambda record: (record.priority, record.weight != 0))
    ordered: list[Srv] = []
    while waiting:
        group = [record for record in waiting if record.priority == waiting[0].priority]
        left = draw(sum(record.weight for record in group))
        for chosen in group:
            left -= chosen.weight
            if left <= 0:
                break
        ordered.append(chosen)
        waiting.remove(chosen)
    return ordered


def not_offered(records: Iterable[Srv]) -> bool:
    """Tell whether `records` say that there is no such service; none at all say nothing."""
    targets = {record.host for record in records}
    return targets == {NOT_OFFERED}
