"""How often one person may do what opens connections: counted in the audit trail, which every process reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.models import AuditEntry

from . import audit


class TooHasty(Exception):
    """The user did it as often as one minute allows; the text is a sentence with the wait."""


@transaction.atomic
def note(request: HttpRequest, action: str, obj: models.Model | None = None, detail: str = "") -> None:
    """Write into the audit trail that this user does `action` ("searched for a server") now, before it is done: it may
    take long, and another request of theirs counts it already.

    Raises TooHasty when they did it limits.TESTS_PER_MINUTE times within the last minute.
    """
    user: Any = request.user
    minute_ago = timezone.now() - timedelta(minutes=1)
    # The lock makes two requests of one user count one after the other.
    get_user_model()._default_manager.select_for_update().filter(pk=user.pk).first()
    recent = AuditEntry.objects.filter(at__gt=minute_ago, user_id=user.pk, action=action).order_by("-at")
    times = list(recent.values_list("at", flat=True)[: limits.TESTS_PER_MINUTE])
    if len(times) == limits.TESTS_PER_MINUTE:
        seconds = max(1, round((times[-1] - minute_ago).total_seconds()))
        raise TooHasty(
            f"You {action} {limits.TESTS_PER_MINUTE} times within the last minute, which is the limit. "
            f"Wait {seconds} {'second' if seconds == 1 else 'seconds'}, then try again."
        )
    audit.record(request, action, obj, detail=detail)
