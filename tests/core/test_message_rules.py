"""The rules of a message that need neither Django nor a server: formats, priority, files, metadata."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.body_formats import BodyFormat, body_format
from mailadmin.core.files import file_name, guessed_name, guessed_type, media_type
from mailadmin.core.importance import importance_headers
from mailadmin.core.metadata import metadata
from mailadmin.core.outcome import Priority
from mailadmin.core.wire_addresses import plainly_named


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Text", "text"),
        ("plain", "text"),
        ("text/plain", "text"),
        ("Flowed", "flowed"),
        ("HTML", "html"),
        ("html", "html"),
        ("text/enriched", "enriched"),
    ],
)
def test_s12_the_names_of_formats_in_any_case(name: str, found: str) -> None:
    assert body_format(name) is BodyFormat(found)


@pytest.mark.parametrize(
    "name", ["RichText", "Compressed-Rich-Text", "compressedRichText", "rich_text", "markdown", "amp", ""]
)
def test_s12_what_mail_cannot_carry_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as refused:
        body_format(name)
    assert ("RTF" in str(refused.value) or "Outlook" in str(refused.value)) == ("rich" in name.lower())


def test_s12_priority_is_told_in_three_ways_and_normal_in_none() -> None:
    assert importance_headers(Priority.URGENT) == {"Priority": "urgent", "X-Priority": "1", "Importance": "high"}
    assert importance_headers(Priority.NON_URGENT) == {"Priority": "non-urgent", "X-Priority": "5", "Importance": "low"}
    assert importance_headers(Priority.NORMAL) == {}
    assert importance_headers(Priority.URGENT, ["x-priority"]) == {}  # the application has said it


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.pdf", b"", "application/pdf"),
        ("a.csv", b"x", "text/csv"),
        ("a.csv.gz", b"x", "application/gzip"),
        ("a.tar.bz2", b"", "application/x-bzip2"),
        ("", b"%PDF-1.7", "application/pdf"),
        ("", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("", "text", "text/plain"),
        ("a.unknown", "text", "text/plain"),
        ("a.unknown", b"\x00", "application/octet-stream"),
        ("a.Z", b"", "application/octet-stream"),
    ],
)
def test_s26_a_type_is_guessed(name: str, content: bytes | str, kind: str) -> None:
    assert guessed_type(name, content) == kind


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("application/pdf", "attachment-2.pdf"),
        ("image/jpeg", "attachment-2.jpg"),
        ("text/plain", "attachment-2.txt"),
        ("application/octet-stream", "attachment-2.bin"),
        ("application/x-none", "attachment-2.bin"),
    ],
)
def test_s26_a_name_is_guessed(kind: str, name: str) -> None:
    assert guessed_name(2, kind) == name


def test_names_lose_their_folders_and_hide_nothing() -> None:
    assert file_name("/etc/../x/a b.pdf") == file_name("C:\\x\\a b.pdf") == "a b.pdf"
    for bad in ("a\nb", "exe.\u202efdp", "a\x00", "x" * 256, "\ud800"):
        with pytest.raises(ValueError, match=r"\.$"):
            file_name(bad)


@pytest.mark.parametrize(
    "kind", ["pdf", "text/", "/x", "multipart/mixed", "a/b; c=d", "a b/c", "text/pl\nain", "x" * 200 + "/y"]
)
def test_a_type_that_is_none(kind: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        media_type(kind)


@given(st.text(), st.binary(max_size=20) | st.text(max_size=20))
def test_a_guessed_type_is_one(name: str, content: bytes | str) -> None:
    kind = guessed_type(name, content)
    assert media_type(kind) == kind.lower()
    assert file_name(guessed_name(1, kind))


def test_metadata_are_texts() -> None:
    assert metadata({"order": 4711, "shop": "Bern", "sum": 1.5}) == {"order": "4711", "shop": "Bern", "sum": "1.5"}


@pytest.mark.parametrize(
    "given_",
    [
        "x",
        ["a"],
        {1: "x"},
        {"": "x"},
        {"a\nb": "x"},
        {"a": None},
        {"a": ["x"]},
        {"a": "\0"},
        {"a": "\ud800"},
        {"x" * 61: "y"},
        {"a": "x" * (limits.METADATA_CHARS + 1)},
        {str(number): "x" for number in range(21)},
    ],
    ids=range(12),
)
def test_metadata_that_cannot_be_kept(given_: object) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        metadata(given_)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a@b.org", ["a@b.org"]),
        ("A <A@b.org>, c@d.org", ["a@b.org", "c@d.org"]),
        ('"Doe, J" <j@x.org>', ["j@x.org"]),
        ("=?utf-8?b?w7w=?= =?utf-8?b?w7w=?= <a@b.org>", ["a@b.org"]),
        ("a@b.org,", None),
        ("a@b.org (x)", None),
        ("T: a@b.org;", None),
        ("J. Doe <a@b.org>", None),
        ("ü <a@b.org>", None),
        ('"a b"@c.org', None),
        ("a@b.org> <c@d.org>", None),
        ("", []),
    ],
)
def test_headers_that_everybody_reads_in_the_same_way(value: str, found: list[str] | None) -> None:
    assert plainly_named(value) == found
