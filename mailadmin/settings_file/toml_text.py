"""Writes TOML (https://toml.io/en/v1.0.0), as much of it as settings need; Python itself only reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

_WIDTH = 100  # characters; a longer list gets a line for each of its values
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def pair(key: str, value: Any) -> str:
    """Return the line, or lines, of one key. `value` is a text, a number, a truth value, an aware moment, a day, or a
    list of such. Raises TypeError for anything else."""
    if isinstance(value, str) and "\n" in value:
        return f'{key} = """\n{_many_lines(value)}"""'
    written = f"{key} = {value_text(value)}"
    if len(written) <= _WIDTH or not isinstance(value, list):
        return written
    return "\n".join([f"{key} = [", *(f"    {value_text(one)}," for one in value), "]"])


def table(head: str, values: Mapping[str, Any], comments: Sequence[str] = ()) -> str:
    """Return a table with its head ("[settings]"), its keys in their order, and comments at its end."""
    return "\n".join([head, *(pair(key, value) for key, value in values.items()), *(f"# {line}" for line in comments)])


def value_text(value: Any) -> str:
    """Return `value` as it stands behind the equals sign, in one line. Raises TypeError."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{"".join(map(_escaped, value))}"'
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(value_text, value))}]"
    raise TypeError(f"TOML has no {type(value).__name__}.")


def _many_lines(text: str) -> str:
    """Return `text` for between three quotation marks: its lines stay lines."""
    return "".join(one if one == "\n" else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    number = ord(character)
    return f"\\u{number:04X}" if number < 0x20 or number == 0x7F else character
