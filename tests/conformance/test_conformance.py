"""N6: every kind of Django message through Graph as by SMTP, or a clear refusal; docs/conformance.md says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.core.mail import EmailMessage

from mailadmin.delivery.convert import convert

from .building import PNG, attached, both, image, text
from .kinds import KINDS, Kind
from .meaning import Meaning, difference, meaning
from .page import PAGE, page, row, ways
from .ways import ALTERED, BY_UPLOAD, IN_ONE, REFUSED, SAME, Outcome

Row = tuple[Outcome, ...]


@pytest.fixture(scope="module")
def row_of() -> Iterator[Callable[[Kind], Row]]:
    """Return what sends a kind by every way, once."""
    known: dict[str, Row] = {}
    with ways() as to:
        yield lambda kind: known.setdefault(kind.title, known.get(kind.title) or row(kind, to))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)
def test_n6_a_message_arrives_by_graph_as_by_smtp_or_is_refused_with_a_reason(
    kind: Kind, row_of: Callable[[Kind], Row]
) -> None:
    smtp, *graph = row_of(kind)
    assert smtp == Outcome(SAME)
    for outcome in graph:
        assert outcome.word != ALTERED, outcome.reason
        assert outcome.word in (SAME, IN_ONE, BY_UPLOAD) or outcome.reason


def test_n6_the_page_says_what_was_found(row_of: Callable[[Kind], Row]) -> None:
    """`make conformance` writes it."""
    assert PAGE.read_text("utf-8") == page({kind.title: row_of(kind) for kind in KINDS})


def test_n6_at_least_twenty_kinds_lose_nothing_by_any_way(row_of: Callable[[Kind], Row]) -> None:
    rows = [row_of(kind) for kind in KINDS]
    whole = [one for one in rows if {outcome.word for outcome in one} <= {SAME, "by MIME", BY_UPLOAD, IN_ONE}]
    assert len(whole) >= 24
    assert all(mime.word in (SAME, BY_UPLOAD, REFUSED) for _, mime, _, _ in rows)
    assert sum(json.word == SAME for _, _, json, _ in rows) >= 15
    assert sum(upload.word == SAME for *_, upload in rows) >= 15


def meaning_of(message: EmailMessage) -> Meaning:
    message.extra_headers |= {"Message-ID": "<1@example.org>", "Date": "Mon, 02 Nov 2026 10:00:00 +0000"}
    return meaning(bytes(convert(message).content))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: text("a"), lambda: text("b")),
        (lambda: text(subject="a"), lambda: text(subject="b")),
        (lambda: text(to=["Ann <a@example.net>"]), lambda: text(to=["Anna <a@example.net>"])),
        (both, lambda: text("Hello Ann,\n\nyour order has left.\n")),
        (lambda: text(headers={"X-A": "1"}), text),
        (lambda: text(headers={"Importance": "high"}), text),
        (lambda: attached("a.txt", "x", "text/plain"), lambda: attached("b.txt", "x", "text/plain")),
        (lambda: attached("a.bin", b"x"), lambda: attached("a.bin", b"y")),
        (lambda: attached("a.bin", b"x", "a/b"), lambda: attached("a.bin", b"x", "a/c")),
        (lambda: _with(image("a@b")), lambda: _with(image("c@d"))),
        (lambda: _with(image()), lambda: attached("logo.png", PNG, "image/png")),
        (
            lambda: attached("a.eml", text("one"), "message/rfc822"),
            lambda: attached("a.eml", text("two"), "message/rfc822"),
        ),
    ],
)
def test_the_comparison_sees_what_differs(one: Callable[[], EmailMessage], other: Callable[[], EmailMessage]) -> None:
    assert difference(meaning_of(one()), meaning_of(other()))
    assert not difference(meaning_of(text()), meaning_of(text()))


def _with(part: object) -> EmailMessage:
    made = text()
    made.attachments.append(part)  # type: ignore[arg-type] # a part as each Django has it
    return made
