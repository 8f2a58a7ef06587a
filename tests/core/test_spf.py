"""SPF records: terms, tree, evaluation and what is written into them."""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import limits, spf
from mailadmin.core.spf import Known, Result, evaluate, merged, rows, terms, tree, with_term

NAMES = [f"{letter}.example" for letter in "abcdefg"]


def known(records: dict[str, str | tuple[str, ...]], **more: Any) -> Known:
    return Known({name: (one,) if isinstance(one, str) else one for name, one in records.items()}, **more)


@pytest.mark.parametrize(
    ("record", "address", "result"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.9", Result.PASS),
        ("v=spf1 ip4:192.0.2.0/24 -all", "198.51.100.1", Result.FAIL),
        ("v=spf1 ip4:192.0.2.0/24 ~all", "2001:db8::1", Result.SOFTFAIL),
        ("v=spf1 ip6:2001:db8::/32 ?all", "2001:db8::1", Result.PASS),
        ("v=spf1 -ip4:192.0.2.9 ip4:192.0.2.0/24 -all", "192.0.2.9", Result.FAIL),
        ("v=spf1 ip4:192.0.2.0/24", "198.51.100.1", Result.NEUTRAL),
        ("v=spf1 -all ip4:198.51.100.1", "198.51.100.1", Result.FAIL),
        ("v=spf1 a:host.example -all", "192.0.2.1", Result.PASS),
        ("v=spf1 a:host.example/24 -all", "192.0.2.200", Result.PASS),
        ("v=spf1 a:host.example//64 -all", "2001:db8::99", Result.PASS),
        ("v=spf1 a:host.example -all", "192.0.2.2", Result.FAIL),
        ("v=spf1 mx:host.example -all", "192.0.2.25", Result.PASS),
        ("v=spf1 mx/30 -all", "192.0.2.26", Result.PASS),
        ("v=spf1 include:other.example -all", "203.0.113.5", Result.PASS),
        ("v=spf1 ~include:other.example -all", "203.0.113.5", Result.SOFTFAIL),
        ("v=spf1 include:other.example -all", "198.51.100.1", Result.FAIL),
        ("v=spf1 redirect=other.example", "203.0.113.5", Result.PASS),
        ("v=spf1 redirect=other.example", "198.51.100.1", Result.SOFTFAIL),
        ("v=spf1 redirect=other.example ip4:198.51.100.1", "198.51.100.1", Result.PASS),
        ("v=spf1 redirect=other.example ?all", "203.0.113.5", Result.NEUTRAL),
        ("v=spf1 include:empty.example -all", "203.0.113.5", Result.PERMERROR),
        ("v=spf1 redirect=empty.example", "203.0.113.5", Result.PERMERROR),
        ("v=spf1 include:me.example -all", "203.0.113.5", Result.PERMERROR),
        ("v=spf1 include:%{i}.example -all", "203.0.113.5", Result.UNKNOWN),
        ("v=spf1 exists:here.example -all", "203.0.113.5", Result.UNKNOWN),
        ("v=spf1 ptr ip4:203.0.113.5 -all", "203.0.113.5", Result.PASS),
        ("v=spf1 -ptr ip4:203.0.113.5 -all", "203.0.113.5", Result.UNKNOWN),
        ("v=spf1 include:silent.example -all", "203.0.113.5", Result.UNKNOWN),
        ("v=spf1 a:silent.example -all", "203.0.113.5", Result.UNKNOWN),
        ("v=spf1 ip4:nonsense -all", "203.0.113.5", Result.FAIL),
        ("v=spf1 foo=bar -all", "203.0.113.5", Result.FAIL),
        ("v=spf1", "203.0.113.5", Result.NEUTRAL),
    ],
)
def test_n10_an_address_is_judged_as_receivers_do(record: str, address: str, result: Result) -> None:
    facts = known(
        {"me.example": record, "other.example": "v=spf1 ip4:203.0.113.0/24 ~all", "empty.example": ()},
        addresses={"host.example": ("192.0.2.1", "2001:db8::1"), "mx.example": ("192.0.2.25",)},
        exchangers={"host.example": ("mx.example",), "me.example": ("mx.example",)},
    )
    assert evaluate(address, "me.example", facts) is result


def test_several_records_are_an_error_and_none_says_nothing() -> None:
    assert (
        evaluate("192.0.2.1", "me.example", known({"me.example": ("v=spf1 -all", "v=spf1 +all")})) is Result.PERMERROR
    )
    assert evaluate("192.0.2.1", "me.example", known({"me.example": ()})) is Result.NONE


def test_n10_the_tree_counts_what_rfc_7208_counts() -> None:
    facts = known(
        {
            "me.example": "v=spf1 a mx ip4:192.0.2.1 include:b.example include:b.example exists:%{i}.x.example -all",
            "b.example": "v=spf1 a:gone.example ptr ~all",
        },
        addresses={"me.example": ("192.0.2.1",), "gone.example": ()},
    )
    top = tree("me.example", facts)
    assert top.lookups == 9
    assert top.voids == 2
    assert [(depth, node.term) for depth, node in rows(top)][:6] == [
        (0, "v=spf1"),
        (1, "a"),
        (1, "mx"),
        (1, "include:b.example"),
        (2, "a:gone.example"),
        (2, "ptr"),
    ]
    assert spf.includes(top) == {"b.example"}
    assert spf.broken(top) == []


def test_what_breaks_the_whole_is_said_once() -> None:
    facts = known({"a.example": "v=spf1 include:b.example include:c.example -all", "b.example": (),
                   "c.example": "v=spf1 include:a.example include:b.example"})  # fmt: skip
    problems = spf.broken(tree("a.example", facts))
    assert len(problems) == 2
    assert problems[0].startswith("b.example has no SPF record")
    assert problems[1].startswith("a.example includes itself")


def test_a_record_made_to_branch_without_end_takes_no_time() -> None:
    """Each name includes the next one twice: 2^40 branches."""
    names = [f"n{place}.example" for place in range(limits.SPF_NAMES)]
    facts = known(
        {name: f"v=spf1 include:{after} include:{after} ~all" for name, after in pairwise(names)}
        | {names[-1]: "v=spf1 include:gone.example -all", "gone.example": ()}
    )
    top = tree(names[0], facts)
    assert top.lookups > 2**38
    assert len(list(rows(top))) == limits.SPF_TREE_ROWS
    assert spf.broken(top) == [problem for problem in spf.broken(top) if "gone.example" in problem]
    assert evaluate("192.0.2.1", names[0], facts) is Result.PERMERROR


def test_a_term_is_added_where_it_is_reached() -> None:
    assert with_term("v=spf1 mx ~all", "a:x.example") == "v=spf1 mx a:x.example ~all"
    assert with_term("v=spf1 redirect=y.example", "a:x.example") == "v=spf1 a:x.example redirect=y.example"
    assert with_term("v=spf1", "~all") == "v=spf1 ~all"


def test_several_records_become_one() -> None:
    assert merged(["v=spf1 mx include:a.example ~all", "v=spf1 mx ip4:192.0.2.1 -all"]) == (
        "v=spf1 mx include:a.example ip4:192.0.2.1 -all"
    )
    assert merged(["v=spf1 mx", "v=spf1 a"]) == "v=spf1 mx a ~all"


@given(st.text(max_size=200), st.ip_addresses())
def test_any_text_is_read_without_failing(text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    facts = known({"me.example": f"v=spf1 {text}"})
    assert evaluate(str(address), "me.example", facts) in Result
    assert list(rows(tree("me.example", facts)))
    assert with_term(f"v=spf1 {text}", "mx").split().count("mx") >= 1


RECORDS = st.lists(
    st.sampled_from([f"include:{name}" for name in NAMES] + ["a:h.example", "mx:h.example", "ip4:192.0.2.1", "ptr"]),
    max_size=5,
).map(lambda words: " ".join(("v=spf1", *words, "~all")))


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, RECORDS)))
def test_an_added_term_of_a_sound_tree_lets_its_address_pass(records: dict[str, str]) -> None:
    """What is proposed as the cure is one: with the address of the server added, SPF passes for it."""
    address = "198.51.100.77"
    records["a.example"] = with_term(records["a.example"], f"ip4:{address}")
    facts = known(records, addresses={"h.example": ("192.0.2.2",)}, exchangers={"h.example": ("h.example",)})
    if not spf.broken(tree("a.example", facts)):
        assert evaluate(address, "a.example", facts) is Result.PASS
    assert terms(records["a.example"])[-1].name == "all"
