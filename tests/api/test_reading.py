"""The readers of bodies: whatever comes, parts or a clear sentence (property tests)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import encode_multipart_formdata
from urllib3.fields import RequestField

from mailadmin.api.fields import message_of
from mailadmin.api.multipart import MultipartError, Part, parts
from mailadmin.api.problems import Problem
from mailadmin.api.reading import fields_of
from mailadmin.api.schemas import EVENT_NAMES, MessageIn
from mailadmin.core import limits

BOUNDARY = "b0undary"
NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters='"\\%=?'), min_size=1, max_size=20)
DATA = st.one_of(st.binary(max_size=300), st.sampled_from([b"--b0undary", b"\r\n", b"\r\n--b0undar", b"--", b"\n"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=10), some, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from([*MessageIn.model_json_schema()["properties"], *EVENT_NAMES, "path"])


@given(st.lists(st.tuples(NAMES, st.none() | NAMES, DATA), max_size=6))
def test_what_another_program_writes_is_read_as_it_was(given_parts: list[tuple[str, str | None, bytes]]) -> None:
    """urllib3, by which most programs in Python send their forms, writes; we read."""
    given_parts = [one for one in given_parts if b"--" + BOUNDARY.encode() not in one[2]]
    fields = []
    for name, filename, data in given_parts:
        field = RequestField(name, data, filename)
        field.make_multipart(content_type="text/plain" if filename else None)
        fields.append(field)
    body, _kind = encode_multipart_formdata(fields, BOUNDARY)
    found = parts(body, BOUNDARY, 100) if fields else []
    assert [(one.name, one.data) for one in found] == [(name, data) for name, _filename, data in given_parts]
    for one, (_name, filename, _data) in zip(found, given_parts, strict=True):
        assert one.filename == (filename.rpartition("/")[2] if filename else None)


@given(st.binary(max_size=400), st.text(max_size=80))
def test_no_bytes_make_the_reader_fail(body: bytes, boundary: str) -> None:
    for data in (body, b"--b\r\n" + body + b"\r\n--b--", b"--b" + body):
        for mark in (boundary, "b"):
            try:
                assert all(isinstance(one, Part) for one in parts(data, mark, 100))
            except MultipartError as error:
                assert str(error).endswith(".")


@pytest.mark.parametrize(
    ("name", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\Temp\\a.pdf", "a.pdf"), ("a.pdf", "a.pdf"), ("..", ".."), ("x/", "")],
)
def test_folders_of_a_name_are_dropped(name: str, kept: str) -> None:
    body = f'--b\r\nContent-Disposition: form-data; name="attachments"; filename="{name}"\r\n\r\nx\r\n--b--'
    quoted = body.replace("\\", "\\\\")
    assert parts(quoted.encode(), "b", 5)[0].filename == kept


def test_a_text_before_the_first_boundary_and_after_the_last_is_no_part() -> None:
    body = b'a preamble\r\n--b \r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\nan epilogue'
    assert [(one.name, one.data) for one in parts(body, "b", 5)] == [("a", b"1")]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("Content-Disposition: attachment; filename=x", "no name"),
        ("Content-Disposition: form-data", "no name"),
        ("Content-Type: text/plain", "no name"),
        ('Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64', "“base64”"),
        ('Content-Disposition: form-data; name="a"\r\nX-A: ' + "x" * 9000, "too many"),
    ],
)
def test_a_bad_part_is_named(head: str, words: str) -> None:
    with pytest.raises(MultipartError, match=words):
        parts(f"--b\r\n{head}\r\n\r\nx\r\n--b--".encode(), "b", 5)


def test_too_many_parts() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 6 + b"--b--"
    with pytest.raises(MultipartError, match="more than 5 parts"):
        parts(body, "b", 5)


def read(body: bytes, kind: str = "application/json") -> Any:
    """Return what the API makes of a request; a problem must be one of the caller's, with a sentence."""
    request = RequestFactory().generic("POST", "/", body, content_type=kind)
    try:
        fields, _files = fields_of(request)
        return message_of(fields)[0]
    except Problem as problem:
        assert 400 <= problem.status < 500
        assert problem.detail
        json.dumps(problem.body())
        return problem


@given(st.binary(min_size=1, max_size=200))
def test_no_bytes_are_too_much_for_json(body: bytes) -> None:
    assert isinstance(read(body), Problem) or json.loads(body) is not None


@given(st.dictionaries(FIELDS | st.text(max_size=10), JSON, max_size=6))
def test_no_object_is_too_much(value: dict[str, Any]) -> None:
    """Any JSON under any name: a message, or a problem that names the field."""
    found = read(json.dumps(value).encode())
    if isinstance(found, Problem) and found.status == 422:
        assert found.errors
        assert all(one.message and one.code for one in found.errors)


@given(JSON)
def test_nothing_but_an_object_is_a_message(value: Any) -> None:
    if not isinstance(value, dict):
        found = read(json.dumps(value).encode())
        assert (found.status, found.code) == (400, "bad-json")


@pytest.mark.parametrize(
    "line",
    [
        'Content-Disposition: form-data; name="to"' + ";" * 4000,
        'Content-Disposition: form-data; name="to"\r\nContent-Transfer-Encoding: ' + "(" * 4000,
        'Content-Disposition: form-data; name="to"; x=' + "(" * 4000,
    ],
)
def test_header_lines_made_to_be_hard_to_read_are_read_or_refused(line: str) -> None:
    """Python's newer parser ends with a RecursionError for some, and takes a second a part for others."""
    try:
        assert parts(f"--b\r\n{line[:4090]}\r\n\r\nx\r\n--b--".encode(), "b", 10)[0].name == "to"
    except MultipartError as error:
        assert str(error).endswith(".")


def test_a_header_is_no_longer_than_python_folds_in_a_moment() -> None:
    """A header of 400,000 characters in words takes Python a minute and a half to fold."""
    long = "a " * limits.API_HEADER_CHARS
    name = "ä " * limits.API_ADDRESSES_CHARS + "<a@example.org>"
    named: list[dict[str, Any]] = [{"to": name}, {"reply_to": [name]}]
    many = {f"X-{number}": "a" for number in range(limits.API_HEADERS + 1)}
    for fields in ({"subject": long}, {"subject_prefix": long}, {"headers": {"X-A": long}}, {"headers": many}, *named):
        with pytest.raises(Problem) as raised:
            message_of(fields)
        assert [one.code for one in raised.value.errors] == ["too-long"]
