"""The mailboxes that a server of the tests delivers into."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

from tests.services.processes import wait_for


@dataclass(frozen=True)
class Mailboxes:
    """A folder with one maildir for each mailbox."""

    folder: Path

    def texts(self, mailbox: str) -> list[bytes]:
        """Return every message that has arrived in `mailbox`."""
        return [path.read_bytes() for path in (self.folder / mailbox / "new").glob("*")]

    def delivered(self, mailbox: str, text: str) -> bytes:
        """Return the message in `mailbox` that contains `text`, its Message-ID for one, waiting for it. Raises
        AssertionError."""
        found: list[bytes] = []

        def look() -> bool:
            found.extend(message for message in self.texts(mailbox) if text.encode() in message)
            return bool(found)

        assert wait_for(look), f"{text} did not arrive for {mailbox}"
        return found[0]

    def ids(self, mailbox: str) -> list[str]:
        """Return the Message-ID of every message that has arrived in `mailbox`."""
        return [message_from_bytes(text)["Message-ID"] for text in self.texts(mailbox)]
