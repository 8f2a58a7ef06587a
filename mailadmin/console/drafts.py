"""The files and the HTML of a message that is being written: kept sealed between two pages, for this browser session
and a quarter of an hour. What is typed into other fields the pages carry along themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.keyring import CannotOpen
from mailadmin.models import ComposeDraft


@dataclass(frozen=True)
class File:
    """One attached file: its name and its type as the browser says them ("" for unknown), and its content."""

    name: str
    kind: str
    content: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return len(self.content)


@dataclass(frozen=True)
class Draft:
    """What is kept of one message."""

    html: str = ""
    files: tuple[File, ...] = ()


def keep(request: HttpRequest, draft: Draft) -> str:
    """Keep `draft` in place of what this browser session kept before, and return its id. Raises ConfigurationError
    when there is no key to seal with."""
    row = ComposeDraft(session=_session(request))
    row.sealed = conf.key_ring().seal_bytes(_context(row), _written(draft))
    ComposeDraft.forget_old()
    ComposeDraft.objects.filter(session=row.session).delete()
    row.save(force_insert=True)
    return str(row.pk)


def find(request: HttpRequest, key: str) -> Draft | None:
    """Return what was kept under the id `key`, None when it is gone, too old, or of another browser session."""
    young = timezone.now() - timedelta(minutes=limits.TEST_DRAFT_MINUTES)
    try:
        rows = ComposeDraft.objects.filter(pk=UUID(key), session=_session(request), made_at__gte=young)
        row = rows.first()
        return _read(conf.key_ring().open_bytes(_context(row), bytes(row.sealed))) if row else None
    except (ValueError, CannotOpen, conf.ConfigurationError):
        return None  # no id, or the key ring was changed meanwhile: lost like after fifteen minutes


def forget(request: HttpRequest) -> None:
    """Delete what this browser session kept."""
    ComposeDraft.objects.filter(session=_session(request)).delete()


def _written(draft: Draft) -> bytes:
    files = [[one.name, one.kind, one.size] for one in draft.files]
    head = json.dumps({"html": draft.html, "files": files}).encode()
    return b"\n".join((head, b"".join(one.content for one in draft.files)))


def _read(data: bytes) -> Draft:
    line, _newline, rest = data.partition(b"\n")
    head = json.loads(line)
    return Draft(head["html"], tuple(_files(head["files"], rest)))


def _files(told: Sequence[tuple[str, str, int]], rest: bytes) -> list[File]:
    found, at = [], 0
    for name, kind, size in told:
        found.append(File(name, kind, rest[at : at + size]))
        at += size
    return found


def _session(request: HttpRequest) -> str:
    """Return the digest of the key of the browser session, which is made where there is none yet."""
    if not request.session.session_key:
        request.session.save()
    return hashlib.sha256(str(request.session.session_key).encode()).hexdigest()


def _context(row: ComposeDraft) -> str:
    return f"mailadmin.composedraft|{row.pk}"
