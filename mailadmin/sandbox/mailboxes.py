"""What the simulated mailboxes hold in memory: drafts with their files, and what was sent.

A rehearsal must not fill the memory: drafts are bounded in number, size and time, the oldest go first.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from . import mime
from .mime import Attached
from .refusal import Refused

MAX_DRAFTS = 200
MAX_DRAFT_BYTES = 600_000_000  # all drafts together: four messages of the largest size
DRAFT_SECONDS = 3600
MAX_SENT = 5000  # remembered by their headers, to be found by Message-ID
DRAFTS, SENT_ITEMS = "drafts", "sentitems"


@dataclass(eq=False)
class Upload:
    """A file on its way into a draft. `file` describes it and has no content yet."""

    secret: str
    draft: Draft
    file: Attached
    size: int
    pieces: list[bytes] = field(default_factory=list)
    received: int = 0
    id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(eq=False)
class Draft:
    """A message that was not sent yet; `raw` is its MIME form without `files` (by their ids)."""

    mailbox: str
    raw: bytes
    made_at: float
    files: dict[str, Attached] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    id: str = field(default_factory=lambda: "AAMk" + uuid4().hex)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def size(self) -> int:
        """Return how many bytes it holds."""
        held = sum(len(file.content) for file in self.files.values())
        return len(self.raw) + held + sum(upload.received for upload in self.uploads.values())

    def item(self) -> dict[str, Any]:
        """Return it as Graph shows a message."""
        return {
            "id": self.id,
            "isDraft": True,
            "subject": mime.subject(self.raw),
            "internetMessageId": mime.message_id(self.raw),
            "hasAttachments": bool(self.files),
            "createdDateTime": written(self.created),
            "parentFolderId": DRAFTS,
        }


class Mailboxes:
    """All mailboxes, for all threads of the server. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._drafts: dict[str, Draft] = {}
        self._sent: deque[tuple[str, dict[str, Any]]] = deque(maxlen=MAX_SENT)

    def add_draft(self, mailbox: str, raw: bytes, files: list[Attached]) -> Draft:
        """Keep a new draft."""
        draft = Draft(mailbox, raw, self._clock(), {_new_id(): file for file in files})
        with self._lock:
            self._drafts[draft.id] = draft
            self._make_room(draft)
        return draft

    @contextmanager
    def draft(self, mailbox: str, number: str) -> Iterator[Draft]:
        """Give the draft `number` of `mailbox`, for this thread alone. Raises Refused when there is none."""
        with self._lock:
            draft = self._drafts.get(number)
            if draft is None or draft.mailbox != mailbox:
                raise not_found()
            yield draft
            self._make_room(draft)

    @contextmanager
    def upload(self, number: str, secret: str) -> Iterator[Upload]:
        """Give an upload that goes on, for this thread alone. Raises Refused when there is none."""
        with self._lock:
            found = (draft.uploads.get(number) for draft in self._drafts.values())
            upload = next((one for one in found if one and one.secret == secret), None)
            if upload is None:
                raise Refused(404, "ErrorItemNotFound", "The upload session was not found or has expired.")
            yield upload
            self._make_room(upload.draft)

    def take_away(self, mailbox: str, number: str) -> Draft:
        """Remove a draft and return it. Raises Refused when there is none (any more)."""
        with self.draft(mailbox, number) as draft:
            return self._drafts.pop(draft.id)

    def put_back(self, draft: Draft) -> None:
        """Keep a draft again that could not be sent."""
        with self._lock:
            self._drafts[draft.id] = draft

    def sent(self, mailbox: str, message_id: str, subject: str) -> None:
        """Remember a message that is in Sent Items now."""
        now = written(datetime.now(UTC))
        item = {
            "id": _new_id(),
            "isDraft": False,
            "subject": subject,
            "internetMessageId": message_id,
            "createdDateTime": now,
            "sentDateTime": now,
            "parentFolderId": SENT_ITEMS,
        }
        with self._lock:
            self._sent.append((mailbox, item))

    def find(self, mailbox: str, message_id: str, folder: str) -> list[dict[str, Any]]:
        """Return what has this Message-ID in the folder, "" for all of them; the newest first."""
        with self._lock:
            drafts = [draft.item() for draft in self._drafts.values() if draft.mailbox == mailbox]
            sent = [item for owner, item in self._sent if owner == mailbox]
        return [
            item
            for item in reversed(drafts + sent)
            if item["internetMessageId"] == message_id and folder in ("", item["parentFolderId"])
        ]

    def _make_room(self, newest: Draft) -> None:
        """Forget old drafts, and the oldest of too many, but never `newest`."""
        drafts = self._drafts
        old = (one for one in drafts.values() if one.made_at < self._clock() - DRAFT_SECONDS)
        for draft in [one for one in old if one is not newest]:
            del drafts[draft.id]
        held = sum(draft.size for draft in drafts.values())
        surplus = max(len(drafts) - MAX_DRAFTS, 0)
        for number, draft in enumerate(list(itertools.islice(drafts.values(), len(drafts)))):
            if draft is newest or (number >= surplus and held <= MAX_DRAFT_BYTES):
                continue
            held -= draft.size
            del drafts[draft.id]


def not_found() -> Refused:
    """Return the refusal for an item that is not, or no longer, in the mailbox."""
    return Refused(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def written(moment: datetime) -> str:
    """Return a time as Graph writes it ("2026-11-02T10:00:00Z")."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _new_id() -> str:
    return "AAMk" + uuid4().hex
