"""Changes of settings that would cure a failure (pure): the page offers them, a person saves and tests again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Target(StrEnum):
    """Whose form is changed."""

    ROUTE = "route"  # that of what was tested
    SERVICE = "service"  # that of the integrated service it signs in with
    TWIN = "twin"  # a new OAuth service in place of an SMTP connection that signs in with a password


@dataclass(frozen=True)
class Fix:
    """One change: what the button says, why it helps, and the values to put into the form, by the fields' names and as
    a browser would send them. No value is ever a secret."""

    title: str
    why: str
    changes: Mapping[str, str] = field(default_factory=dict)
    target: Target = Target.ROUTE

    def as_data(self) -> dict[str, Any]:
        """Return the fix as a mapping for JSON."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Fix:
        """Return the fix that `as_data` wrote."""
        return cls(str(data["title"]), str(data["why"]), dict(data["changes"]), Target(data["target"]))
