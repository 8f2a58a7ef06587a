"""Finds on which line of a TOML file a table or a key stands: Python's reader keeps no places."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HEAD = re.compile(r"\s*(\[\[?)\s*([\w\"'. -]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*([\w-]+|\"[^\"]*\"|'[^']*')\s*=")
_QUOTES = ('"""', "'''")


@dataclass
class Places:
    """The line of each key, by table, number of the table among those of its name (from 0), and key; the key "" stands
    for the head of the table, the table "" for what stands above all of them."""

    lines: dict[tuple[str, int, str], int] = field(default_factory=dict)

    def of(self, table: str, number: int = 0, key: str = "") -> int | None:
        """Return the line of a key (from 1), else that of its table, None when neither is found."""
        return self.lines.get((table, number, key)) or self.lines.get((table, number, ""))


def places(text: str) -> Places:
    """Return where everything stands in `text`, as far as it is written in the usual way: one key on each line. A
    list over several lines whose values look like keys does not mislead the one who reads on."""
    found, table, numbers = Places(), "", {"": 0}
    inside = ""  # the three quotation marks that end the text in which a line stands
    for number, line in enumerate(text.split("\n"), 1):
        if inside:
            inside = "" if inside in line else inside
            continue
        if head := _HEAD.fullmatch(line):
            table = head[2].strip("\"' ")
            numbers[table] = numbers.get(table, -1) + 1
            found.lines.setdefault((table, numbers[table], ""), number)
        elif key := _KEY.match(line):
            found.lines.setdefault((table, numbers[table], key[1].strip("\"'")), number)
        inside = next((quotes for quotes in _QUOTES if line.count(quotes) % 2), "")
    return found
