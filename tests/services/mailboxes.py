"""The mailboxes that a server of the tests delivers into."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

from tests.services.processes import wait_for

_HEAD = 8 * 1024  # bytes that are looked at to find a message; some are very long


@dataclass(frozen=True)
class Mailboxes:
    """A folder with one maildir for each mailbox."""

    folder: Path

    def delivered(self, mailbox: str, text: str) -> bytes:
        """Return the message in `mailbox` that contains `text` near its beginning, its Message-ID for one, waiting
        for it. Raises AssertionError."""
        found: list[Path] = []

        def look() -> bool:
            found.extend(path for path in self._paths(mailbox) if text.encode() in _head(path))
            return bool(found)

        assert wait_for(look), f"{text} did not arrive for {mailbox}"
        return found[0].read_bytes()

    def ids(self, mailbox: str) -> list[str]:
        """Return the Message-ID of every message that has arrived in `mailbox`."""
        return [message_from_bytes(_head(path))["Message-ID"] for path in self._paths(mailbox)]

    def _paths(self, mailbox: str) -> list[Path]:
        return list((self.folder / mailbox / "new").glob("*"))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
