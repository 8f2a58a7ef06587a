"""What the log keeps of the knowledge base, said again in the language of whoever looks.

The log is written in the language of the site, with the names of servers and recipients filled in. A text is
recognised by the sentences of its entry in each language; the names are taken out of it and put into the sentence of
the reader's language. What is not recognised (the words of a server, an entry of an earlier version) stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter

from django.conf import settings
from django.utils import translation

from mailadmin.core.knowledge import Entry, entries, entry_of, filled, stand_ins

from .language import bare, languages

_PLACEHOLDER = re.compile(r" \(\{code\}\)|\{\w+\}")
_CODE = " ({code})"  # left out where there is no code
_REST = "(?P<rest> .+)?"  # what a server said follows the sentence
_PROBLEMS = 2  # the first of the sentences: the whole problem, and its title


def retold(text: str, code: str = "") -> str:
    """Return `text`, a problem, a step of its remedy or whose job it is, in the reader's language. `code` is the id of
    its entry; where it is none (the code of a server, say), a problem or its title is looked for in all entries."""
    reader = translation.get_language() or settings.LANGUAGE_CODE
    if not text or bare(reader) == bare(settings.LANGUAGE_CODE):
        return text
    return _retold(text, code, reader)


@lru_cache(maxsize=1024)
def _retold(text: str, code: str, reader: str) -> str:
    """Say `text` in the language `reader`, that of now. What leaves the least to the names fits best."""
    known = entry_of(code)
    fitting = [
        (sum(len(word) for word in words.values() if word), entry, place, words, language)
        for language in languages()
        for entry in ([known] if known else entries())
        for place, pattern in enumerate(_patterns(entry.id, language)[: None if known else _PROBLEMS])
        if (words := _words(pattern.fullmatch(text))) is not None
    ]
    if not fitting:
        return text
    _, entry, place, words, language = min(fitting, key=itemgetter(0))
    return _said(entry, place, words, language)


def _words(found: re.Match[str] | None) -> dict[str, str | None] | None:
    return found.groupdict() if found else None


def _said(entry: Entry, place: int, words: dict[str, str | None], language: str) -> str:
    """Return the sentence of `entry` at `place` with `words`; a word that stands for a name is of `language` yet."""
    with translation.override(language):
        then = stand_ins()
    kept = {
        name: word
        for name, word in words.items()
        if name != "rest" and word is not None and word.casefold() != then.get(name, "").casefold()
    }
    return filled(_sentences(entry)[place], kept) + (words["rest"] or "")


@lru_cache(maxsize=4096)
def _patterns(name: str, language: str) -> tuple[re.Pattern[str], ...]:
    """Return what the sentences of an entry look like in `language`, in the order of `_sentences`."""
    entry = entry_of(name)
    with translation.override(language):
        return tuple(map(_pattern, _sentences(entry))) if entry else ()


def _sentences(entry: Entry) -> list[str]:
    """Return the sentences of `entry` in the language of now, the whole problem first."""
    say = translation.gettext
    title, cause = say(entry.title), say(entry.cause)
    return [f"{title} {cause}", title, cause, *map(say, entry.remedy), entry.owner.label]


def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile("".join(_pieces(sentence)) + _REST, re.DOTALL)


def _pieces(sentence: str) -> Iterator[str]:
    """Yield `sentence` as a regular expression: a name is the same wherever it stands."""
    place, seen = 0, set[str]()
    for found in _PLACEHOLDER.finditer(sentence):
        yield re.escape(sentence[place : found.start()])
        name = found[0].strip(" (){}")
        group = f"(?i:(?P={name}))" if name in seen else f"(?P<{name}>.+?)"
        yield rf"(?: \({group}\))?" if found[0] == _CODE else group
        seen.add(name)
        place = found.end()
    yield re.escape(sentence[place:])
