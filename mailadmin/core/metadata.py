"""The metadata of a message: a program's own names and values, kept in the log to find the message again (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .limits import METADATA_CHARS, METADATA_ENTRIES, METADATA_NAME_CHARS
from .texts import _


def metadata(given: Any) -> dict[str, str]:
    """Return `given`, a mapping of names to texts or numbers, as texts. Raises ValueError with a sentence for what is
    none, too long or too much."""
    if not isinstance(given, Mapping):
        raise ValueError(
            _("Metadata are names with their values, such as {example}.").format(example='{"order": "4711"}')
        )
    if len(given) > METADATA_ENTRIES:
        text = _("There are {number} entries; at most {most} are kept.")
        raise ValueError(text.format(number=len(given), most=METADATA_ENTRIES))
    return {_name(name): _value(name, value) for name, value in given.items()}


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > METADATA_NAME_CHARS or not name.isprintable():
        text = _("“{name}” is no name for an entry: that is a text of 1 to {most} printable characters.")
        raise ValueError(text.format(name=str(name)[:METADATA_NAME_CHARS], most=METADATA_NAME_CHARS))
    return name


def _value(name: str, value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError(_("The value of “{name}” is neither a text nor a number.").format(name=name))
    text = str(value)
    if len(text) > METADATA_CHARS:
        words = _("The value of “{name}” has {number} characters; at most {most} are kept.")
        raise ValueError(words.format(name=name, number=len(text), most=METADATA_CHARS))
    if "\0" in text or (not text.isascii() and text != text.encode("utf-8", "ignore").decode()):  # no database takes it
        raise ValueError(_("The value of “{name}” holds a character that cannot be kept.").format(name=name))
    return text
