"""The checks of `core.validation` as Django validators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible

from mailadmin.core import validation


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
