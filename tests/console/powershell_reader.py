"""Reads a script as PowerShell splits it: code, comments, strings (learn.microsoft.com, about_Quoting_Rules)."""

from __future__ import annotations

SINGLE = "'\u2018\u2019\u201a\u201b"
DOUBLE = '"\u201c\u201d\u201e'


def read(script: str) -> tuple[str, list[str]]:
    """Return the code with ′ for each string in single quotes and without comments, and the values of those strings.

    Fails on a string that does not end.
    """
    code, values, at = "", [], 0
    while at < len(script):
        char = script[at]
        if char == "#":
            while at < len(script) and script[at] not in "\r\n":
                at += 1
        elif char in SINGLE:
            value, at = _single(script, at + 1)
            values.append(value)
            code += "′"
        elif char in DOUBLE:
            end = next(place for place in range(at + 1, len(script)) if script[place] in DOUBLE)
            code += script[at : end + 1]
            at = end + 1
        else:
            code += char
            at += 1
    return code, values


def _single(script: str, at: int) -> tuple[str, int]:
    value = ""
    while True:
        assert at < len(script), "a string does not end"
        if script[at] in SINGLE:
            if script[at + 1 : at + 2] == "" or script[at + 1] not in SINGLE:
                return value, at + 1
            at += 1  # two quotes stand for one
        value += script[at]
        at += 1
