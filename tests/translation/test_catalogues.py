"""Each catalogue is current, complete and compiled, and fits the texts of the code; `make messages` brings them in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from string import Formatter

import polib
import pytest
from django.utils import translation

from mailadmin.core.texts import ngettext
from tests.translation.catalogue import key_of, languages, path_of, plural_forms
from tests.translation.extract import Text, texts

_PERCENT = re.compile(r"%\(\w+\)[sd]|%%")
_TAG = re.compile(r"</?(?:a|b|br|code|em|h\d|i|kbd|li|ol|p|small|span|strong|time|ul)\b[^>]*>")
_END = re.compile(r"[.:?!…]?[”“\"»)]*$")
_CLOSING = str.maketrans("", "", '”“"»)')


@cache
def catalogue(language: str) -> polib.POFile:
    return polib.pofile(str(path_of(language)))


def said(language: str) -> Iterator[tuple[str, str]]:
    """Yield each text with its translation; the forms of a plural each with that text which it stands for: in the
    singular the number may be a word ("one message"), in one language and not in the other."""
    for entry in catalogue(language):
        if not entry.msgid_plural:
            yield entry.msgid, entry.msgstr
            continue
        for number, form in entry.msgstr_plural.items():
            alone = number == 0 and placeholders(form) != placeholders(entry.msgid_plural)
            yield entry.msgid if alone else entry.msgid_plural, form


def placeholders(text: str) -> Counter[str]:
    """Count what is filled in, and the tags (with all their attributes but those that are read out)."""
    names = Counter(re.findall(r"\{\w*\}", text))
    return names + Counter(_PERCENT.findall(text))


def tags(text: str) -> Counter[str]:
    return Counter(re.sub(r'(title|aria-label)="[^"]*"', r"\1", tag) for tag in _TAG.findall(text))


def end(text: str) -> str:
    """Return the mark at the end of a sentence; a short word may be cut short by a full stop ("Jan.")."""
    if re.fullmatch(r"\w{1,5}\.?", text):
        return ""
    return _END.search(text.rstrip())[0].translate(_CLOSING)  # type: ignore[index]  # it fits the empty end, too


EVERY = pytest.mark.parametrize("language", languages())


@EVERY
def test_the_catalogue_is_that_of_the_code(language: str) -> None:
    wanted = {(text.context, text.one): text.many for text in texts()}
    there = {key_of(entry): entry.msgid_plural for entry in catalogue(language)}
    assert not wanted.keys() - there.keys(), "texts are missing: make messages"
    assert not there.keys() - wanted.keys(), "texts that nobody asks for any more: make messages"
    assert there == wanted


@EVERY
def test_every_text_is_translated(language: str) -> None:
    found = catalogue(language)
    assert [entry.msgid for entry in found.untranslated_entries()] == []
    assert [entry.msgid for entry in found.fuzzy_entries()] == []
    assert {len(entry.msgstr_plural) for entry in found if entry.msgid_plural} <= {plural_forms(found)}


@EVERY
def test_it_is_compiled(language: str) -> None:
    assert path_of(language).with_suffix(".mo").read_bytes() == catalogue(language).to_binary()


@EVERY
def test_what_is_filled_in_is_filled_into_the_translation(language: str) -> None:
    wrong = []
    for text, form in said(language):
        if placeholders(text) != placeholders(form):
            wrong.append((text, form))
        elif "{" in text:
            list(Formatter().parse(form))  # raises ValueError for a brace alone
    assert wrong == []


@EVERY
def test_the_tags_of_a_text_are_those_of_its_translation(language: str) -> None:
    assert [(text, form) for text, form in said(language) if tags(text) != tags(form)] == []


@EVERY
def test_a_translation_ends_as_its_text(language: str) -> None:
    assert [(text, form) for text, form in said(language) if end(text) != end(form)] == []
    spaces = [(text, form) for text, form in said(language) if text.strip() == text and form.strip() != form]
    assert spaces == []


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 Nachrichten warten"), (1, "1 Nachricht wartet"), (2, "2 Nachrichten warten")]
)
def test_german_counts(number: int, said: str) -> None:
    with translation.override("de"):
        assert ngettext("{number} message waits", "{number} messages wait", number).format(number=number) == said


def test_a_text_of_the_core_is_told_in_german() -> None:
    with translation.override("de"):
        assert (
            translation.gettext("No connection can send this message.")
            == "Keine Verbindung kann diese Nachricht senden."
        )


def test_texts_are_found_in_both_ways_of_writing() -> None:
    """What a template and a module say is in the same catalogue."""
    found = set(texts())
    assert Text("Dashboard") in found
    assert Text("No connection can send this message.") in found
