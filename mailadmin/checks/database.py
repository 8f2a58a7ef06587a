"""What the settings in the database say (`check --database default`). Where they cannot be read there is nothing to
say: before the first `migrate` there are no tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.core.checks import CheckMessage, Tags, register
from django.db import Error, router
from django.utils import timezone

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.settings import Security, SmtpAuth
from mailadmin.core.validation import this_machine
from mailadmin.models import OAuthService, OutboxEntry, SmtpConnection, Worker

from .common import a_warning
from .mailers import resorts_of_mailers


@register(Tags.database)
def check_database(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Look at the routes and the workers, where the database that has them is to be looked at."""
    if router.db_for_read(SmtpConnection) not in (databases or ()):
        return []
    try:
        return [*_no_route(), *_plain_passwords(), *_no_worker()]
    except Error:
        return []


def _no_route() -> Iterator[CheckMessage]:
    if SmtpConnection.objects.filter(enabled=True).exists() or OAuthService.objects.filter(enabled=True).exists():
        return
    served = any((conf.setting("LAST_RESORT"), *resorts_of_mailers()))
    yield a_warning(
        "W020",
        "No SMTP connection or OAuth service is enabled, so "
        + ("mail leaves by the last resort at best." if served else "no mail can leave."),
        "Add one in the console, or run: python manage.py mailadmin_import",
    )


def _plain_passwords() -> Iterator[CheckMessage]:
    plain = SmtpConnection.objects.filter(enabled=True, security=Security.NONE).exclude(auth=SmtpAuth.NONE)
    if names := [row.name for row in plain if not this_machine(row.host)]:
        yield a_warning(
            "W021",
            f"The password is sent without encryption by: {', '.join(names)}.",
            "Choose STARTTLS or TLS in the console.",
        )


def _no_worker() -> Iterator[CheckMessage]:
    if not (conf.setting("DELIVERY") == "queued" or OutboxEntry.objects.exists()):
        return
    lately = timezone.now() - timedelta(seconds=limits.WORKER_LOST_SECONDS)
    if conf.setting("QUEUE_WAKE") or Worker.objects.filter(beat_at__gte=lately).exists():
        return  # Celery and Django's tasks bring workers of their own
    yield a_warning(
        "W022",
        "Messages are queued, and no worker runs: nothing of the outbox leaves.",
        "Run: python manage.py mailworker",
    )
