"""The names under which Microsoft finds a request again, picked from the dialogue of a step: its support asks for
them (learn.microsoft.com, "Microsoft Graph error responses": request-id, client-request-id and Date)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailadmin.core.texts import _

_STATUS = re.compile(r"< (\d{3})\b.*")
_HEADER = re.compile(r"([<>]) ([A-Za-z0-9-]+): (.+)")
_WANTED = ("request-id", "x-ms-request-id", "client-request-id", "date")


def rows(dialogue: Iterable[str]) -> list[list[str]]:
    """Return a row for each answer in `dialogue` (lines "> ..." of ours, "< ..." of Microsoft) that has such names:
    its status and these."""
    found: list[list[str]] = []
    asked = ""
    for line in dialogue:
        header = _HEADER.fullmatch(line)
        if status := _STATUS.fullmatch(line):
            found.append(
                [_("Answer {number}").format(number=len(found) + 1), ", ".join(filter(None, (status[1], asked)))]
            )
            asked = ""
        elif header and header[2].lower() in _WANTED:
            said = f"{header[2].lower()} {header[3]}"
            if header[1] == ">":
                asked = said
            elif found and said not in found[-1][1]:
                found[-1][1] += f", {said}"
    return [row for row in found if ", " in row[1]]
