"""The checks of `core.validation` as Django validators, and its enumerations as choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible
from django.utils.functional import lazystr

from mailadmin.core import validation

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise


class Labelled(Protocol):
    """A member of an enumeration of `core` that people read by its label."""

    @property
    def value(self) -> Any:
        """Return what is stored."""

    @property
    def label(self) -> str:
        """Return it in the language of whoever asks."""


class _Label:
    """The label of a member, looked up each time it is shown."""

    def __init__(self, member: Labelled) -> None:
        self.member = member

    def __str__(self) -> str:
        return self.member.label


def labelled(members: Iterable[Labelled]) -> list[tuple[Any, _StrOrPromise]]:
    """Return the choices of a field: each value with its label, in the language of whoever looks at it."""
    return [(member.value, lazystr(_Label(member))) for member in members]


@deconstructible
class Checked:
    """A validator that calls the check of `core.validation` with this name and turns its sentence into a
    ValidationError. Only the name goes into migrations."""

    def __init__(self, check: str) -> None:
        self.check = check

    def __call__(self, value: Any) -> None:
        """Raise ValidationError when `value` is refused."""
        function: Callable[[Any], object] = getattr(validation, self.check)
        try:
            function(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Checked) and other.check == self.check

    def __hash__(self) -> int:
        return hash(self.check)
