"""The typed values of an unsaved test: kept sealed, for one browser session and a quarter of an hour."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.keyring import CannotOpen
from mailadmin.models import ConnectionTest

from .subjects import subject_of_row
from .values import digest_of, values_of


@sensitive_variables("draft")
def keep_draft(test: ConnectionTest, draft: Mapping[str, str], session_key: str) -> None:
    """Keep the typed values of `test` for the browser session."""
    test.draft = conf.key_ring().seal(_context(test), json.dumps(dict(draft)))
    test.draft_session = _digest(session_key)
    test.save(update_fields=["draft", "draft_session"])


@sensitive_variables("opened")
def open_draft(test: ConnectionTest, session_key: str) -> dict[str, str] | None:
    """Return the typed values of an unsaved test, or None when they are gone, too old, or of another browser
    session (without a session nobody can tell whose they are)."""
    old = timezone.now() - test.started_at > timedelta(minutes=limits.TEST_DRAFT_MINUTES)
    if not session_key or not test.draft or old or test.draft_session != _digest(session_key):
        return None
    try:
        opened = json.loads(conf.key_ring().open(_context(test), test.draft))
    except (CannotOpen, conf.ConfigurationError):
        return None  # the key ring was changed meanwhile: the values are lost like after fifteen minutes
    return {str(key): str(value) for key, value in opened.items()}


def forget_draft(test: ConnectionTest) -> None:
    """Erase the typed values of `test`."""
    ConnectionTest.objects.filter(pk=test.pk).update(draft="", draft_session="")


def count_for(test: ConnectionTest, row: Any) -> None:
    """Let `test` count as a test of the saved `row`: its values were saved just as they had been tested."""
    subject = subject_of_row(row)
    ConnectionTest.objects.filter(pk=test.pk).update(
        route_id=row.pk,
        saved_values=True,
        saved_at=timezone.now(),
        values=values_of(subject),
        digest=digest_of(subject),
    )


def _context(test: ConnectionTest) -> str:
    return f"mailadmin.connectiontest|{test.pk}|draft"


def _digest(session_key: str) -> str:
    return hashlib.sha256(session_key.encode()).hexdigest()
