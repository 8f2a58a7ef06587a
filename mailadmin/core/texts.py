"""The language of the texts for people. `core` knows no framework, so the app hands in who translates; until then, and
where nobody does, texts are as they stand in the code: English.

    from mailadmin.core.texts import _, N_, ngettext

    _("The port must be a number.")
    _("“{name}” exists already; choose another name.").format(name=name)

Texts are formatted after they were translated, by names in braces: an f-string cannot be looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


def _same(text: str) -> str:
    return text


def _count(one: str, many: str, number: int) -> str:
    return one if number == 1 else many


def _uncarried(work: Callable[Given, Result]) -> Callable[Given, Result]:
    return work


class Carrier(Protocol):
    """What makes a function speak, in another thread, the language of whoever hands it over."""

    def __call__(self, work: Callable[Given, Result], /) -> Callable[Given, Result]:
        """Return `work` as it is to be handed over."""


_translate: Callable[[str], str] = _same
_translate_count: Callable[[str, str, int], str] = _count
_carry: Carrier = _uncarried


def install(
    translate: Callable[[str], str], translate_count: Callable[[str, str, int], str], carry: Carrier = _uncarried
) -> None:
    """Let `translate` (as `gettext`) and `translate_count` (as `ngettext`) look texts up from now on, in this whole
    process. They are asked with each text, so that they may answer in the language of whoever asks; `carry` takes that
    language into another thread."""
    global _translate, _translate_count, _carry
    _translate, _translate_count, _carry = translate, translate_count, carry


def gettext(text: str) -> str:
    """Return `text` in the language of whoever asks."""
    return _translate(text) if text else ""  # the catalogue keeps its own header under ""


def ngettext(one: str, many: str, number: int) -> str:
    """Return `one` or `many` as `number` asks for, in the language of whoever asks; the number is not put in yet."""
    return _translate_count(one, many, number)


def carried(work: Callable[Given, Result]) -> Callable[Given, Result]:
    """Return `work` to be done by another thread, in the language of whoever hands it over now."""
    return _carry(work)


def gettext_noop(text: str) -> str:
    """Return `text` as it is, marked for the catalogue: for what is looked up later, when it is shown."""
    return text


_ = gettext
N_ = gettext_noop
