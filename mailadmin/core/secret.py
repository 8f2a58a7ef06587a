"""A value that never prints: it travels as `Secret` until the line that hands it to the socket."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NoReturn


class Secret:
    """A password, client secret or token that shows itself only to `reveal()`.

    Takes the text itself, or a function that fetches it when it is needed (decrypting, reading a
    file), so that a snapshot of the settings holds no clear text. Printing, formatting and logging
    it give a mask; pickling and hashing are refused. `version` tells two stored secrets apart without
    opening them: it changes with each that is put in ("" for one that was never stored).
    """

    __slots__ = ("_load", "version")

    def __init__(self, value: str | Callable[[], str], version: str = "") -> None:
        self._load: Callable[[], str] = value if callable(value) else (lambda: value)
        self.version = version

    def reveal(self) -> str:
        """Return the clear text. Raises whatever the loading function raises."""
        return self._load()

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    __hash__ = None  # type: ignore[assignment]  # a hash would let two secrets be compared by guessing

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret cannot be pickled or copied out of the process.")
