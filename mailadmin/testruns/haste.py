"""How often one person may do what opens connections, within one minute."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models
from django.utils import timezone

from mailadmin.core import limits


def too_often(user: Any, done: models.QuerySet[Any], column: str) -> str:
    """Return how long `user` must wait ("20 seconds"), "" for not at all: of `done`, all that they did of one kind, the
    moments are in `column`. In a transaction, which lets two requests of one user count one after the other."""
    get_user_model()._default_manager.select_for_update().filter(pk=user.pk).first()
    minute_ago = timezone.now() - timedelta(minutes=1)
    recent = done.filter(**{f"{column}__gt": minute_ago}).order_by(f"-{column}")
    times = list(recent.values_list(column, flat=True)[: limits.TESTS_PER_MINUTE])
    if len(times) < limits.TESTS_PER_MINUTE:
        return ""
    seconds = max(1, round((times[-1] - minute_ago).total_seconds()))
    return f"{seconds} {'second' if seconds == 1 else 'seconds'}"
