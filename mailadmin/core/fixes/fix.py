"""What a fix is, and when a rule that proposes some applies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from mailadmin.core.fault import Fault, Kind


class Target(StrEnum):
    """Whose form is changed."""

    ROUTE = "route"  # that of what was tested
    SERVICE = "service"  # that of the integrated service it signs in with
    TWIN = "twin"  # a new OAuth service in place of an SMTP connection that signs in with a password


@dataclass(frozen=True)
class Fix:
    """One change: what the button says, why it helps, and the values to put into the form, by the fields' names and as
    a browser would send them ("" for an empty field or a box without a tick). No value is ever a secret: what only a
    person can know is typed into the fields `focus` (names with blanks between)."""

    title: str
    why: str
    changes: Mapping[str, str] = field(default_factory=dict)
    target: Target = Target.ROUTE
    focus: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return the fix as a mapping for JSON."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Fix:
        """Return the fix that `as_data` wrote."""
        target, focus = Target(data["target"]), str(data.get("focus", ""))
        return cls(str(data["title"]), str(data["why"]), dict(data["changes"]), target, focus)


Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Rule(Generic[Subject]):
    """Proposes fixes for a failure with one of these knowledge entries, kinds or AADSTS codes. `make` gets the failure
    and what was tested, and gives the likeliest fix first, or none."""

    make: Callable[[Fault, Subject], Iterable[Fix]]
    codes: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    aadsts: frozenset[str] = frozenset()

    def fits(self, fault: Fault, code: str) -> bool:
        """Tell whether the rule is for this failure."""
        return code in self.codes or fault.kind in self.kinds or fault.aadsts in self.aadsts


def codes(text: str) -> frozenset[str]:
    """Return the words of `text`: ids of knowledge entries."""
    return frozenset(text.split())
