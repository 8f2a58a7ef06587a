"""A language in which every text of ours stands in brackets, and what a page says outside them.

The brackets go through views, forms, templates and the log as a translation would: what is left outside was never
looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import polib
from django import conf
from django.contrib import auth

from .catalogue import plural_forms
from .extract import Text

LANGUAGE = "eo"  # one that Django knows, and nobody has translated these texts into
OPEN, CLOSE = "⟦", "⟧"
_SILENT = {"script", "style", "code", "pre", "kbd", "samp", "textarea"}  # nothing for people, or their own words
_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
_SPOKEN = ("title", "aria-label", "placeholder", "alt", "data-confirm", "data-copied", "data-label")
# Attributes that programs read: a number in them is written as in every language.
_FIGURES = {
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "width",
    "height",
    "min",
    "max",
    "step",
    "href",
    "action",
    "id",
    "datetime",
}
_LOCAL_NUMBER = re.compile(r"\d[,\u00a0\u202f]\d")
_TOKEN = re.compile(r"[^\s,;()„“”‚‘’\"«»…·|–→]+")
_WORD = re.compile(r"[^\W\d_]{2,}(?:['’-][^\W\d_]+)*")


def write(wanted: Iterable[Text], folder: Path) -> None:
    """Write the catalogue of the language under `folder`, as gettext finds it: `wanted` and Django's own texts."""
    made = polib.POFile()
    made.metadata = {"Content-Type": "text/plain; charset=UTF-8", "Plural-Forms": "nplurals=2; plural=(n != 1);"}
    ours = list(wanted)
    taken = {(text.context, text.one) for text in ours}
    theirs = {(text.context, text.one): text for text in _djangos() if (text.context, text.one) not in taken}
    for text in [*ours, *theirs.values()]:
        entry = polib.POEntry(msgctxt=text.context, msgid=text.one, msgid_plural=text.many)
        if text.many:
            forms = (text.one, *[text.many] * (plural_forms(made) - 1))
            entry.msgstr_plural = {number: f"{OPEN}{form}{CLOSE}" for number, form in enumerate(forms)}
        else:
            entry.msgstr = f"{OPEN}{text.one}{CLOSE}"
        made.append(entry)
    path = folder / LANGUAGE / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(made.to_binary())


def local_numbers(page: str) -> list[str]:
    """Return the attributes of an HTML page that programs read, and that hold a number as people write it."""
    reader = _Reader()
    reader.feed(page)
    return [figure for figure in reader.figures if _LOCAL_NUMBER.search(figure)]


def _djangos() -> Iterator[Text]:
    """Yield the texts of Django that have a translation: names of months, sizes, errors of forms."""
    for package in (conf, auth):
        path = Path(package.__file__).parent / "locale" / "de" / "LC_MESSAGES" / "django.mo"
        yield from (Text(entry.msgid, entry.msgid_plural, entry.msgctxt or None) for entry in polib.mofile(str(path)))


def left_over(page: str, known: frozenset[str], data: Iterable[str] = ()) -> list[str]:
    """Return the words of an HTML page that stand outside the brackets, each with what is around it. `known` are those
    (in small letters) that are the same in every language, `data` what a server or a person said; neither do addresses,
    numbers and names in capitals count."""
    reader = _Reader()
    for said in data:
        page = page.replace(said, "")
    reader.feed(page)
    reader.close()
    return [f"{word} in: {around}" for said in reader.said() for word, around in _outside(said, known)]


class _Reader(HTMLParser):
    """Gathers what a page says: its running text, and each attribute that is read out."""

    def __init__(self) -> None:
        super().__init__()
        self._text: list[str] = []
        self._attributes: list[str] = []
        self._silent = 0
        self.figures: list[str] = []

    def said(self) -> list[str]:
        return ["".join(self._text), *self._attributes]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self._attributes += [value for name in _SPOKEN if (value := found.get(name))]
        self.figures += [f'{name}="{found[name]}"' for name in _FIGURES & found.keys()]
        if tag in ("option", "progress", "meter") or (tag == "input" and found.get("type") in ("number", "hidden")):
            self.figures.append(f'{tag} value="{found.get("value")}"')
        if tag == "input" and found.get("type") in ("submit", "button"):
            self._attributes.append(found.get("value") or "")
        if tag in _VOID:
            return
        if self._silent or tag in _SILENT or found.get("translate") == "no":
            self._silent += 1
        self._text.append("\n" if tag not in ("strong", "em", "b", "a", "span") else "")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and self._silent:
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._text.append(data)


def _outside(said: str, known: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield each word of `said` outside the brackets, with the line around it."""
    depth, bare = 0, []
    for letter in said:
        depth += (letter == OPEN) - (letter == CLOSE)
        bare.append(letter if depth == 0 and letter != CLOSE else "\n" if letter == "\n" else " ")
    for line in "".join(bare).split("\n"):
        for token in _TOKEN.findall(line):
            if re.search(r"[@./=_\d<>%+\\]\S", token) or token.isupper():
                continue
            for word in [token] if token.casefold() in known else _WORD.findall(token):
                if word.casefold() not in known and not word.isupper():
                    yield word, " ".join(line.split())[:120]
