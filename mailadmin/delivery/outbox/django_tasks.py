"""A task for Django's own task framework (Django 6.0), with whatever backend the project has.

It wakes and spreads the work. The framework knows no periodic tasks, so that a `mailworker`, or `mailworker --once` by
cron, must look after what is due later.
"""

from __future__ import annotations

from uuid import UUID

from django.tasks import task

from .one import deliver_one
from .roster import own_name


@task()
def deliver(delivery_id: str) -> str:
    """Send one queued message if it is free and due; return the state it has then, "" when it was not."""
    return deliver_one(UUID(delivery_id), own_name()) or ""
