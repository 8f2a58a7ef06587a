"""Whether the content of a message is kept when it is over, and until when: by the choice of an administrator only."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.outcome import RecipientState, SendResult
from mailadmin.core.preferences import Keep, Preferences

from . import database
from .convert import Draft
from .outbox import content


def kept_until(preferences: Preferences, *, complete: bool) -> datetime | None:
    """Return until when content is kept, None for not at all; `complete` tells that everybody got the message."""
    if preferences.keep is Keep.NONE or (preferences.keep is Keep.FAILED and complete):
        return None
    return timezone.now() + timedelta(days=preferences.keep_days)


def keep(delivery_id: str | None, draft: Draft, result: SendResult, preferences: Preferences) -> None:
    """Keep the content of a message that was sent directly, where that is wanted. Best effort, as the log."""
    complete = all(outcome.state is RecipientState.SENT for outcome in result.recipients.values())
    until = kept_until(preferences, complete=complete)
    if until and delivery_id and draft.content.size <= limits.QUEUED_BYTES:
        database.try_to_write(lambda cursor: content.store(UUID(delivery_id), draft, cursor, until))
