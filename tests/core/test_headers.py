"""Editing a header block changes the named fields and not one byte more."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import headers

few = settings(max_examples=60, deadline=None)
HEAD = b"From: shop@example.org\r\nSubject: a long\r\n subject\r\nX-A: 1\r\nTo: ann@example.org\r\nX-A: 2\r\n\r\n"


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_line_end_becomes_crlf(end: bytes) -> None:
    assert headers.canonical(b"a" + end + b"b" + end + end + b"c") == b"a\r\nb\r\n\r\nc"


def test_a_dot_between_bare_line_ends_cannot_end_the_data_early() -> None:
    smuggled = headers.canonical(b"a\n.\nMAIL FROM:<eve@example.org>\r.\r\nb")
    assert b"\n" not in smuggled.replace(b"\r\n", b"")
    assert b"\r" not in smuggled.replace(b"\r\n", b"")


@given(st.binary(max_size=60).map(lambda text: text.replace(b"x", b"\r\n").replace(b"y", b"\n").replace(b"z", b"\r")))
@few
def test_canonical_twice_is_canonical_once(text: bytes) -> None:
    once = headers.canonical(text)
    assert headers.canonical(once) == once


def test_fields_come_in_order_with_their_folded_lines() -> None:
    fields = headers.fields(HEAD)
    assert [name for name, _ in fields] == ["from", "subject", "x-a", "to", "x-a"]
    assert fields[1][1] == b"Subject: a long\r\n subject\r\n"


def test_a_field_is_replaced_where_it_stands() -> None:
    assert headers.replace(HEAD, {"subject": b"Subject: new\r\n"}) == HEAD.replace(
        b"Subject: a long\r\n subject\r\n", b"Subject: new\r\n"
    )


def test_a_field_that_is_missing_is_added_at_the_end_of_the_block() -> None:
    changed = headers.replace(HEAD, {"reply-to": b"Reply-To: ann@example.org\r\n"})
    assert changed == HEAD.replace(b"X-A: 2\r\n", b"X-A: 2\r\nReply-To: ann@example.org\r\n")


def test_a_field_is_removed_wherever_it_stands() -> None:
    assert headers.replace(HEAD, {"x-a": None, "bcc": None}) == HEAD.replace(b"X-A: 1\r\n", b"").replace(
        b"X-A: 2\r\n", b""
    )


def test_a_field_that_stands_twice_is_replaced_by_one() -> None:
    assert headers.replace(HEAD, {"x-a": b"X-A: 3\r\n"}).count(b"X-A") == 1


def test_the_value_is_unfolded_and_the_first_one_counts() -> None:
    assert headers.value(HEAD, "subject") == "a long subject"
    assert headers.value(HEAD, "x-a") == "1"
    assert headers.value(HEAD, "bcc") == ""


def test_a_head_without_its_empty_line_or_with_a_spaced_colon_is_read() -> None:
    assert headers.fields(b"A: 1\r\nB : 2") == [("a", b"A: 1\r\n"), ("b", b"B : 2\r\n")]
    assert headers.value(b"A: 1\r\nB : 2", "b") == "2"
    assert headers.fields(b"\r\n") == []


def test_a_name_is_found_in_any_letters_but_not_inside_another() -> None:
    head = b"X-Subject: no\r\nSUBJECT:\r\n yes\r\nReply-Subject: no\r\n\r\n"
    assert headers.values(head, "subject") == ["yes"]


names = st.text(alphabet="ABCabc-", min_size=1, max_size=8)
values = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(st.lists(st.tuples(names, values), min_size=1, max_size=6))
@few
def test_nothing_changes_when_nothing_is_to_be_changed(fields: list[tuple[str, str]]) -> None:
    head = b"".join(f"{name}: {value}\r\n".encode() for name, value in fields) + b"\r\n"
    assert headers.replace(head, {}) == head
    assert headers.value(head, fields[0][0].lower()) == fields[0][1]


@given(st.text(max_size=80).filter(lambda text: text.isprintable()))
@few
def test_a_folded_subject_is_read_back_as_the_same(text: str) -> None:
    folded = headers.fold("Subject", text)
    assert folded.startswith(b"Subject:")
    assert folded.endswith(b"\r\n")
    assert b"\n" not in folded.replace(b"\r\n ", b"").removesuffix(b"\r\n")
    found = message_from_bytes(folded + b"\r\nbody", policy=policy.default)["Subject"]
    assert " ".join(str(found).split()) == " ".join(text.split())
