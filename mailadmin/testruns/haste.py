"""How often one person, or one API client, may do what opens connections, within one minute."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import ngettext

from mailadmin.core import limits


def too_often(who: Any, done: models.QuerySet[Any], column: str) -> str:
    """Return how long `who` (the row of a user or of a client) must wait ("20 seconds"), "" for not at all: of `done`,
    all that they did of one kind, the moments are in `column`. In a transaction, which lets two requests of one user
    count one after the other."""
    who._meta.model._default_manager.select_for_update().filter(pk=who.pk).first()
    minute_ago = timezone.now() - timedelta(minutes=1)
    recent = done.filter(**{f"{column}__gt": minute_ago}).order_by(f"-{column}")
    times = list(recent.values_list(column, flat=True)[: limits.TESTS_PER_MINUTE])
    if len(times) < limits.TESTS_PER_MINUTE:
        return ""
    seconds = max(1, round((times[-1] - minute_ago).total_seconds()))
    return ngettext("{number} second", "{number} seconds", seconds).format(number=seconds)
