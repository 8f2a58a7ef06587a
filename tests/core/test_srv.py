"""The order of service records (RFC 2782)."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core.srv import NOT_OFFERED, Srv, in_order, not_offered

RECORDS = st.builds(
    Srv,
    st.integers(0, 3),
    st.integers(0, 100),
    st.integers(1, 65535),
    st.sampled_from(["a.example", "b.example", "c.example"]),
)


def least(most: int) -> int:
    return 0


@given(records=st.lists(RECORDS, max_size=12), data=st.data())
def test_every_record_is_used_once_the_lowest_priority_first(records: list[Srv], data: st.DataObject) -> None:
    ordered = in_order(records, lambda most: data.draw(st.integers(0, most)))
    assert Counter(ordered) == Counter(records)
    assert [record.priority for record in ordered] == sorted(record.priority for record in records)


@given(records=st.lists(RECORDS, min_size=1, max_size=6))
def test_the_lowest_lot_takes_a_record_without_weight_first(records: list[Srv]) -> None:
    first = in_order(records, least)[0]
    best = [record for record in records if record.priority == first.priority]
    assert first.weight == 0 or all(record.weight for record in best)


def test_a_record_has_as_many_lots_as_its_weight() -> None:
    light, heavy = Srv(0, 1, 465, "light"), Srv(0, 3, 465, "heavy")
    firsts = [in_order([light, heavy], lambda most, lot=lot: min(lot, most))[0].host for lot in range(5)]  # type: ignore[misc]
    assert firsts == ["light", "light", "heavy", "heavy", "heavy"]


def test_a_target_of_a_dot_alone_says_that_there_is_no_such_service() -> None:
    nowhere, somewhere = Srv(0, 0, 0, NOT_OFFERED), Srv(0, 0, 465, "smtp.example.org")
    assert not_offered([nowhere])
    assert not not_offered([nowhere, somewhere])
    assert not not_offered([])
