"""N1: what a server offers, in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core.extensions import rows


def told(name: str, parameters: str = "", **used: str) -> str:
    [[_, text]] = rows({name: parameters}, used)
    return text


def test_each_extension_says_what_it_means_and_whether_it_is_used() -> None:
    assert rows({"pipelining": "", "8bitmime": ""}, {"PIPELINING": "used"}) == [
        ["8BITMIME", "Letters beyond ASCII may stand in a message as they are (RFC 6152). Not used."],
        ["PIPELINING", "Commands may leave in groups, which saves waiting (RFC 2920). Used."],
    ]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("35000000", "Up to 35 MB. Not used."),
        ("0", "The server says how large a message may be (RFC 1870). Not used."),
        ("", "The server says how large a message may be (RFC 1870). Not used."),
        ("much", "The server says how large a message may be (RFC 1870). Not used."),
        ("9" * 30, "The server says how large a message may be (RFC 1870). Not used."),
    ],
)
def test_the_size_is_said_in_words(said: str, words: str) -> None:
    assert told("size", said) == words


def test_what_it_says_of_itself_is_repeated_and_an_unknown_one_is_not_explained() -> None:
    assert told("AUTH", " PLAIN LOGIN", AUTH="used to sign in") == (
        "PLAIN LOGIN. Methods to sign in (RFC 4954). Used to sign in."
    )
    assert told("x-new", "one") == "one. Nothing is known of it here."


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_whatever_a_server_offers_there_is_one_short_printable_line_for_each(offer: dict[str, str]) -> None:
    found = rows(offer, {})
    assert len(found) == len(offer)
    assert all(len(name) <= 200 and len(text) < 500 for name, text in found)
    assert not any("\n" in part or "\r" in part for row in found for part in row)
