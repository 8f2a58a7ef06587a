"""Python's e-mail package, writing the same bytes in less time.

The stock policies take every header apart, also where a short line of plain ASCII comes out as it went in, and the
modern one makes a class for each header of each message; the stock generator writes texts line by line. Whatever is
not plain takes the stock way.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.generator import BytesGenerator
from email.headerregistry import BaseHeader, HeaderRegistry
from email.message import Message
from email.policy import SMTP, Compat32, Policy
from email.utils import format_datetime
from functools import lru_cache
from io import BytesIO
from typing import Any

_LINE = 78  # RFC 5322 section 2.1.1: where the stock policies fold
_WORDS = re.compile(r"[!-~]+(?: [!-~]+)*")  # nothing that folding could touch on a line that is short enough
_ATOMS = r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*"
_SPEC = rf"{_ATOMS}@{_ATOMS}"
_MAILBOX = rf"(?:{_SPEC}|[A-Za-z0-9]+(?: [A-Za-z0-9]+)* <{_SPEC}>)"
_MAILBOXES = re.compile(rf"{_MAILBOX}(?:, {_MAILBOX})*")
_MESSAGE_ID = re.compile(rf"<{_SPEC}>")
_ENCODED_WORD = "=?"
_CACHED = 128  # kept headers about content: a few kinds and the names of usual files


def serialise(built: Message, policy: Policy) -> bytes:
    """Return the bytes of `built`, as its own `as_bytes` gives them."""
    whole = BytesIO()
    _Generator(whole, mangle_from_=False, policy=policy).flatten(built)
    return whole.getvalue()


class _Generator(BytesGenerator):
    """Writes a text at once."""

    _NL: str

    def _write_lines(self, lines: str) -> None:
        if "\r" in lines:
            super()._write_lines(lines)  # type: ignore[misc]  # a step of the package's own, which its types leave out
        else:
            self.write(lines.replace("\n", self._NL))


class _Plain(str):
    """The value of a header that needs no parsing, in the role of the package's own header objects."""

    name: str
    defects: tuple[Exception, ...] = ()

    def fold(self, *, policy: Policy) -> str:
        """Return the header with its line ends; a longer one is a list of mailboxes."""
        whole = f"{self.name}: {self}"
        if len(whole) <= _LINE:
            return whole + policy.linesep
        if len(self) < _LINE:
            return f"{self.name}:{policy.linesep} {self}{policy.linesep}"
        first, *others = self.split(", ")
        lines = [f"{self.name}: {first}"]
        for mailbox in others:
            lines[-1] += ","
            if len(lines[-1]) + len(mailbox) < _LINE:
                lines[-1] += f" {mailbox}"
            else:
                lines.append(f" {mailbox}")
        return policy.linesep.join(lines) + policy.linesep


class _FoldedOnce(BaseHeader):
    """A header object that is used again, and so keeps the lines that it was folded to."""

    _kept: tuple[Policy, str] | None = None

    def fold(self, *, policy: Policy) -> str:
        """Return the header with its line ends."""
        if self._kept is None or self._kept[0] is not policy:
            self._kept = (policy, super().fold(policy=policy))
        return self._kept[1]


class _Registry(HeaderRegistry):
    """Makes each class of header once, and none for a plain header."""

    def __init__(self) -> None:
        super().__init__(base_class=_FoldedOnce)
        self._classes: dict[type, Any] = {}
        self._again = lru_cache(_CACHED)(super().__call__)

    def __getitem__(self, name: str) -> Any:
        kind: type = self.registry.get(name.lower(), self.default_class)
        if kind not in self._classes:
            self._classes[kind] = super().__getitem__(name)
        return self._classes[kind]

    def __call__(self, name: str, value: Any) -> Any:
        lower = name.lower()
        if isinstance(value, datetime):
            value = format_datetime(value)
        if type(value) is not str:
            return super().__call__(name, value)
        if lower.startswith(("content-", "mime-")):  # read by the package again, and the same for many messages
            return self._again(name, value)
        if _is_plain(name, value, _PATTERNS.get(lower, _WORDS)):
            plain = _Plain(value)
            plain.name = name
            return plain
        return super().__call__(name, value)


_PATTERNS = {"message-id": _MESSAGE_ID, "reply-to": _MAILBOXES}
for _field in ("from", "sender", "to", "cc", "bcc"):
    _PATTERNS |= {_field: _MAILBOXES, f"resent-{_field}": _MAILBOXES}


def _is_plain(name: str, value: str, pattern: re.Pattern[str]) -> bool:
    short = len(name) + len(": ") + len(value) <= _LINE
    if not short and (pattern is not _MAILBOXES or max(map(len, value.split(", "))) > _LINE - len(name) - len(": ,")):
        return False
    return pattern.fullmatch(value) is not None and _ENCODED_WORD not in value


class _QuickCompat32(Compat32):
    """`email.policy.compat32` with CRLF, as Django before 6.0 uses it."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return the header with its line ends."""
        if isinstance(value, str) and len(name) + len(": ") + len(value) < _LINE and _WORDS.fullmatch(value):
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


QUICK_SMTP = SMTP.clone(header_factory=_Registry())
QUICK_COMPAT32 = _QuickCompat32(linesep="\r\n")
