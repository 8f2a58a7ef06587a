"""Address headers that every program reads in the same way (RFC 5322 section 3.4, without its obsolete forms; pure)."""

from __future__ import annotations

import re

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_WORD = rf"(?:{_ATEXT}|{_QUOTED})"  # encoded words (RFC 2047) are made of the same signs
_SPEC = r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+)*@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
_MAILBOX = re.compile(rf"[ \t]*(?:{_WORD}(?:[ \t]+{_WORD})*[ \t]*<(?P<named>{_SPEC})>|(?P<bare>{_SPEC}))[ \t]*(?:,|$)")


def plainly_named(value: str) -> list[str] | None:
    """Return the mailboxes (`local@domain`, lower case) in the unfolded value of a header, in their order; None when
    there is anything in it that two programs could read in two ways: comments, groups, unquoted signs, letters beyond
    ASCII."""
    if value.rstrip().endswith(","):  # which Python's strict reader refuses
        return None
    found, place = [], 0
    while place < len(value):
        mailbox = _MAILBOX.match(value, place)
        if not mailbox:
            return None
        found.append((mailbox["named"] or mailbox["bare"]).lower())
        place = mailbox.end()
    return found
