"""Which host names belong together, and which are slips of the pen."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Second-level labels under which registries of countries register (example.co.uk): the domain is one label longer.
_REGISTRY = frozenset(
    {"ac", "co", "com", "edu", "go", "gob", "gov", "gv", "ltd", "me", "mil", "ne", "net", "nom", "or", "org"}
)
_SLIP = 0.85  # how alike two names are (0 to 1) of which one is a slip for the other: one or two letters differ


def same_domain(one: str, other: str) -> bool:
    """Tell whether both names lie in the same registered domain, as far as that shows without a list of registries:
    rather no than a wrong yes."""
    registered = registered_domain(one)
    return registered != "" and registered == registered_domain(other)


def registered_domain(name: str) -> str:
    """Return "example.org" of "mail.example.org"; "" for a single label or an IP address."""
    labels = name.lower().rstrip(".").split(".")
    if len(labels) < 2 or labels[-1].isdigit() or ":" in name:
        return ""
    long = len(labels[-1]) == 2 and (labels[-2] in _REGISTRY or len(labels[-2]) == 2)
    length = 3 if long else 2
    return ".".join(labels[-length:]) if len(labels) >= length else ""


def likeliest(name: str, known: Iterable[str]) -> str:
    """Return the one of the `known` names that `name` is a slip for, "" for none."""
    found = difflib.get_close_matches(name.lower().rstrip("."), list(known), n=1, cutoff=_SLIP)
    return found[0] if found else ""
