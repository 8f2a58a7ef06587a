"""How the value of each sort of column stands in a settings file: read with its own sentence, and written back."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from mailadmin.core import limits, references, validation
from mailadmin.core.addresses import show

from .faults import did_you_mean

_PEM = "-----BEGIN"
_WORDS = re.compile(r"[\s,;]+")


@dataclass(frozen=True)
class Sort:
    """A sort of value. Between file and column stands the value as the file has it, in one form only, so that two of
    them are equal exactly when they mean the same."""

    def read(self, given: Any, folder: Path) -> Any:
        """Return what the file says, `folder` being where it lies. Raises ValueError with a sentence."""
        raise NotImplementedError

    def of_column(self, stored: Any) -> Any:
        """Return the value of a column as the file would have it."""
        return stored

    def to_column(self, value: Any) -> Any:
        """Return what the column keeps."""
        return value


@dataclass(frozen=True)
class Text(Sort):
    """A text, on one line as a rule."""

    def read(self, given: Any, folder: Path) -> str:
        """Return the text, trimmed. Raises ValueError."""
        if not isinstance(given, str):
            raise ValueError("This must be a text, in quotation marks.")
        if "\x00" in given:
            raise ValueError("This may not hold control characters.")
        return given.strip()

    def of_column(self, stored: Any) -> str:
        """Return the text, trimmed."""
        return str(stored or "").strip()


@dataclass(frozen=True)
class Domain(Text):
    """The domain of a mail address, as the DNS knows it."""

    def read(self, given: Any, folder: Path) -> str:
        """Return it in lower case, with A-labels. Raises ValueError."""
        return validation.domain(super().read(given, folder))


@dataclass(frozen=True)
class Choice(Sort):
    """One of a few words, or numbers."""

    choices: tuple[Any, ...]

    def read(self, given: Any, folder: Path) -> Any:
        """Return the choice. Raises ValueError."""
        if type(given) in (str, int) and given in self.choices:
            return given
        known = [str(one) or '""' for one in self.choices]
        raise ValueError(f"“{show(str(given))}” is not one of the choices. {did_you_mean(str(given), known)}")

    def of_column(self, stored: Any) -> Any:
        """Return the bare word or number."""
        return getattr(stored, "value", stored)


@dataclass(frozen=True)
class Flag(Sort):
    """true or false."""

    def read(self, given: Any, folder: Path) -> bool:
        """Return it. Raises ValueError."""
        if isinstance(given, bool):
            return given
        raise ValueError("This must be true or false, without quotation marks.")


@dataclass(frozen=True)
class Whole(Sort):
    """A whole number."""

    def read(self, given: Any, folder: Path) -> int:
        """Return it. Raises ValueError."""
        if isinstance(given, int) and not isinstance(given, bool) and abs(given) < 2**31:
            return given
        raise ValueError("This must be a whole number, without quotation marks.")


@dataclass(frozen=True)
class Number(Sort):
    """A number that may have decimals."""

    def read(self, given: Any, folder: Path) -> float:
        """Return it. Raises ValueError."""
        if isinstance(given, int | float) and not isinstance(given, bool) and abs(given) < 2**31:
            return float(given)
        raise ValueError("This must be a number, without quotation marks.")

    def of_column(self, stored: Any) -> float:
        """Return it with decimals."""
        return float(stored)


@dataclass(frozen=True)
class Day(Sort):
    """A day of the calendar."""

    def read(self, given: Any, folder: Path) -> date:
        """Return it. Raises ValueError."""
        if isinstance(given, date) and not isinstance(given, datetime):
            return given
        raise ValueError("This must be a date, such as 2027-03-31, without quotation marks.")


@dataclass(frozen=True)
class Moment(Sort):
    """A moment, with its time zone."""

    def read(self, given: Any, folder: Path) -> datetime:
        """Return it, in UTC. Raises ValueError."""
        if isinstance(given, datetime) and given.tzinfo:
            return given.astimezone(UTC)
        raise ValueError(
            "This must be a moment with its time zone, such as 2027-03-31T12:00:00Z, without quotation marks."
        )

    def of_column(self, stored: Any) -> datetime | None:
        """Return it in UTC."""
        return stored.astimezone(UTC) if stored else None


@dataclass(frozen=True)
class Words(Sort):
    """A list of hosts, domains or bare addresses, which one column keeps together; `lower` where case says nothing."""

    lower: bool = False

    def read(self, given: Any, folder: Path) -> list[str]:
        """Return the list. Raises ValueError."""
        return self.of_column(", ".join(_texts(given)))

    def of_column(self, stored: Any) -> list[str]:
        """Return the words of the column."""
        text = str(stored or "").strip()
        return [word for word in _WORDS.split(text.lower() if self.lower else text) if word]

    def to_column(self, value: Any) -> str:
        """Return them with commas."""
        return ", ".join(value)


@dataclass(frozen=True)
class Addresses(Words):
    """A list of addresses that may have display names."""

    def of_column(self, stored: Any) -> list[str]:
        """Return the addresses; what is none stands as it is, for its own check to refuse."""
        text = str(stored or "").strip()
        try:
            return list(validation.address_list(text))
        except ValueError:
            return [text]


@dataclass(frozen=True)
class Chosen(Sort):
    """A list of some of a few words, in any order."""

    choices: tuple[str, ...]

    def read(self, given: Any, folder: Path) -> list[str]:
        """Return the words in their usual order. Raises ValueError, also for an empty list."""
        words = _texts(given)
        for word in words:
            if word not in self.choices:
                raise ValueError(f"“{show(word)}” is not known. {did_you_mean(word, list(self.choices))}")
        if not words:
            raise ValueError(f"Name at least one of {', '.join(self.choices)}, or leave the key out.")
        return self.of_column(words)

    def of_column(self, stored: Any) -> list[str]:
        """Return the words in their usual order; all of them are the same as none."""
        return [one for one in self.choices if one in (stored or [])]


@dataclass(frozen=True)
class AllOrSome(Chosen):
    """A list of some words, where all of them is the usual and is kept as an empty list."""

    def of_column(self, stored: Any) -> list[str]:
        """Return the words, none where they are all."""
        found = super().of_column(stored)
        return [] if len(found) == len(self.choices) else found


@dataclass(frozen=True)
class Names(Sort):
    """A list of names of other rows."""

    def read(self, given: Any, folder: Path) -> list[str]:
        """Return the names. Raises ValueError."""
        return _texts(given)


@dataclass(frozen=True)
class Pem(Sort):
    """Public certificates: as text, or as a file beside the settings file. A private key has no place here."""

    def read(self, given: Any, folder: Path) -> str:
        """Return the text, of the file where a path is given. Raises ValueError."""
        if not isinstance(given, str):
            raise ValueError("This must be certificates in PEM between three quotation marks, or the path of a file.")
        if not given.strip() or _PEM in given:
            return self.of_column(given)
        path = folder / given
        try:
            if path.stat().st_size > limits.CREDENTIAL_FILE_BYTES:
                raise ValueError(f"The file {given} is too large to be a certificate.")
            return self.of_column(path.read_text("utf-8"))
        except UnicodeDecodeError:
            raise ValueError(f"The file {given} is not a certificate in PEM: it is not text.") from None
        except OSError as error:
            raise ValueError(f"The file {given} beside the settings file cannot be read ({error.strerror}).") from None

    def of_column(self, stored: Any) -> str:
        """Return the text with plain line ends."""
        return "\n".join(line.strip() for line in str(stored or "").strip().splitlines())


@dataclass(frozen=True)
class Reference(Sort):
    """Where a secret is kept, "" for none. The secret itself is refused, and is in no sentence."""

    def read(self, given: Any, folder: Path) -> str:
        """Return the reference. Raises ValueError."""
        found = references.parse(given) if isinstance(given, str) else None
        if found is None and given != "":
            raise ValueError(
                "A secret is never written into the file. Keep it outside and write where, as “env:NAME” or "
                "“file:/path”; leave the key out to keep what is stored, or write “” to forget it."
            )
        return str(found or "")


def _texts(given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(one, str) and one.strip() for one in given):
        raise ValueError('This must be a list of texts, such as ["one.example.org", "two.example.org"].')
    if any("\x00" in one for one in given):
        raise ValueError("This may not hold control characters.")
    return [one.strip() for one in given]


def in_words(value: Any) -> Any:
    """Return a value for people and for JSON: certificates by what tells them apart, moments as text."""
    if isinstance(value, str) and _PEM in value:
        return f"PEM, sha256 {hashlib.sha256(value.encode()).hexdigest()[:12]}"
    if isinstance(value, date):
        return value.isoformat()
    return value
