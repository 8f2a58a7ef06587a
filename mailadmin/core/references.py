"""References to secrets kept outside the database: `env:NAME` and `file:/path`.

Only what the deployment lists may be read, so that nobody can fetch the server's other secrets through a
browser form.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

DEFAULT_ALLOWED = ("env:MAILADMIN_SECRET_*", "file:/run/secrets/")
_SHAPE = re.compile(r"(env):([A-Za-z_][A-Za-z0-9_]*)|(file):(/\S.*)")


@dataclass(frozen=True)
class Reference:
    """Where a secret is kept: kind "env" with a variable's name, or kind "file" with an absolute path."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def parse(text: str) -> Reference | None:
    """Return the reference that `text` is, or None when it is a secret itself."""
    found = _SHAPE.fullmatch(text.strip())
    if not found:
        return None
    kind, name = (found[1], found[2]) if found[1] else (found[3], found[4])
    return Reference(kind, name)


def allowed(reference: Reference, allow_list: Iterable[str]) -> bool:
    """Tell whether `reference` is on the deployment's list.

    An entry `env:PATTERN` (with `*`) allows variables, an entry `file:/folder/` everything below that
    folder, and `file:/folder/name` that file alone.
    """
    for entry in allow_list:
        kind, _, pattern = entry.partition(":")
        if kind != reference.kind:
            continue
        if kind == "env" and fnmatchcase(reference.name, pattern):
            return True
        path = posixpath.normpath(reference.name)
        if kind == "file" and (path.startswith(pattern) if pattern.endswith("/") else path == pattern):
            return True
    return False
