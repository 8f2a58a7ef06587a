"""One language's catalogue under mailadmin/locale: made, brought up to date with the code, and compiled."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polib
from django.conf import locale as django_locale
from django.utils.translation import to_locale

from .extract import ROOT, Text

LOCALE = ROOT / "mailadmin" / "locale"
WIDTH = 118  # characters in a line of the file
_HEAD = {"Project-Id-Version": "mailadmin", "MIME-Version": "1.0", "Content-Type": "text/plain; charset=UTF-8"}
_COPIED = ("Language", "Plural-Forms")  # what Django's own catalogue of the language knows


def path_of(language: str) -> Path:
    """Return where the catalogue of `language` ("de", "pt-br") is."""
    return LOCALE / to_locale(language) / "LC_MESSAGES" / "django.po"


def languages() -> list[str]:
    """Return the languages that have a catalogue."""
    return sorted(path.name.replace("_", "-").lower() for path in LOCALE.iterdir() if path.is_dir())


def update(language: str, wanted: Iterable[Text]) -> polib.POFile:
    """Bring the catalogue of `language` up to date with `wanted`, make it where it is missing, compile it beside it,
    and return it. What was translated stays; what nobody asks for any more goes. Raises ValueError for a language that
    Django does not know."""
    path = path_of(language)
    old = polib.pofile(str(path)) if path.exists() else _new(language)
    kept = {key_of(entry): entry for entry in old}
    made = polib.POFile(wrapwidth=WIDTH)
    made.header, made.metadata = old.header, old.metadata
    forms = plural_forms(old)
    for text in wanted:
        made.append(_entry(text, kept.get((text.context, text.one)), forms))
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save(str(path))
    path.with_suffix(".mo").write_bytes(made.to_binary())
    return made


def key_of(entry: polib.POEntry) -> tuple[str | None, str]:
    """Return what a text is looked up by."""
    return entry.msgctxt, entry.msgid


def plural_forms(catalogue: polib.POFile) -> int:
    """Return how many forms a counted text has in the language."""
    return int(catalogue.metadata["Plural-Forms"].partition("nplurals=")[2].partition(";")[0])


def _entry(text: Text, known: polib.POEntry | None, forms: int) -> polib.POEntry:
    entry = polib.POEntry(msgctxt=text.context, msgid=text.one, msgid_plural=text.many)
    if not text.many:
        entry.msgstr = known.msgstr if known else ""
    elif known and known.msgid_plural == text.many:
        entry.msgstr_plural = known.msgstr_plural
    else:
        entry.msgstr_plural = dict.fromkeys(range(forms), "")
    if known:
        entry.tcomment = known.tcomment
    return entry


def _new(language: str) -> polib.POFile:
    folder = Path(django_locale.__file__).parent / to_locale(language)
    known = folder / "LC_MESSAGES" / "django.mo"
    if not known.exists():
        raise ValueError(f"Django has no language “{language}”; its names are such as “fr” and “pt-br”.")
    theirs = polib.mofile(str(known)).metadata
    made = polib.POFile()
    made.metadata = _HEAD | {name: theirs[name] for name in _COPIED if name in theirs}
    return made
