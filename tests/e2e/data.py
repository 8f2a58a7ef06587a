"""A console with a past: routes with real names, a day of messages, each of them really sent to the sandbox.

Runs in the console's own settings (`Console.python`), not in those of the tests.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from smtplib import SMTPException

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from mailadmin.core.outcome import DeliveryState, RecipientState
from mailadmin.delivery import health
from mailadmin.delivery.outbox import waiting
from mailadmin.models import (
    Delivery,
    DeliveryRecipient,
    IntegratedService,
    OAuthService,
    OutboxEntry,
    SandboxMessage,
    SandboxServer,
    SmtpConnection,
)
from tests.e2e.console import PASSWORD

SUBJECTS = (
    ("Your order 20418 is on its way", "maria.keller@example.net"),
    ("Invoice 2026-1187", "accounts@example.com"),
    ("Confirm your e-mail address", "j.dubois@example.fr"),
    ("Weekly report: warehouse", "operations@example.org"),
    ("Your appointment on Monday", "k.sorensen@example.net"),
    ("Reset your password", "tom.becker@example.net"),
    ("Ticket 7731 was answered", "ines.costa@example.com"),
)
EARLIER_HOURS = 23
SECRET_DAYS = 12  # so near that the dashboard warns


def people() -> None:
    """Add one user for each role, named after it in small letters."""
    for role in ("Viewer", "Operator", "Administrator"):
        name = role.lower()
        user = get_user_model().objects.create_user(name, f"{name}@example.org", PASSWORD)
        user.groups.add(Group.objects.get(name=role))


def past() -> None:
    """Send a day's messages: most of them by Graph, some by fallback, one refused by everybody."""
    _name_the_routes()
    for number in range(36):
        subject, to = SUBJECTS[number % len(SUBJECTS)]
        if number in (14, 15, 16, 27):
            with _fault(graph="403"):  # none that asks us to wait
                _send(subject, to)
        elif number == 22:
            with _fault(graph="403", smtp="535"), suppress(SMTPException):
                _send(subject, to)
        else:
            _send(subject, to)
    _spread()


def outbox() -> None:
    """Leave messages in the outbox that no worker takes while the tests look: later ones, paused ones, some that wait
    after a failure, and three that need a decision."""
    waiting.pause_label("newsletter")
    tomorrow = timezone.now() + timedelta(days=1)
    for subject, to in SUBJECTS[:3]:
        _queue(subject, to, "shop", send_at=tomorrow, priority="urgent")
    for _, to in SUBJECTS[3:]:
        _queue("What is new in November", to, "newsletter")
    late = [_queue(subject, to, "shop", send_at=tomorrow) for subject, to in SUBJECTS[4:]]
    rows = OutboxEntry.objects.filter(pk__in=late)
    soon = timezone.now() + timedelta(minutes=50)
    rows.update(tries=3, due_at=soon, waits_because="“Relay in Berlin” did not take it: the server is busy (451).")
    for number, (subject, to) in enumerate(SUBJECTS[:3]):
        key = _queue(subject, to, "shop", send_at=tomorrow)
        row, entry = Delivery.objects.filter(pk=key), OutboxEntry.objects.filter(pk=key)
        if number:
            DeliveryRecipient.objects.filter(delivery=key).update(state=RecipientState.UNSURE)
            row.update(state=DeliveryState.UNSURE, possible_duplicate=True)
            entry.update(shelf="unsure", waits_because="The server did not answer after the end of the message.")
        else:
            row.update(state=DeliveryState.HELD)
            entry.update(
                shelf="crashed", crashes=3, crash_report='Traceback (most recent call last):\n  File "…"\nBoom'
            )


def pause(label: str) -> None:
    """Leave a message with a paused label."""
    waiting.pause_label(label)
    _queue("A paused invoice", "customer@example.net", label)


def anew() -> None:
    """Forget messages, faults, stops and prefixes, and keep the routes."""
    SandboxServer.objects.update(smtp_fault="", graph_fault="")
    Delivery.objects.all().delete()
    SandboxMessage.objects.all().delete()
    for model in (OAuthService, SmtpConnection):
        for row in model.objects.all():
            health.resume(row.key)
            if row.subject_prefix:
                row.subject_prefix = ""
                row.save()


def _name_the_routes() -> None:
    service, oauth, smtp = IntegratedService.objects.get(), OAuthService.objects.get(), SmtpConnection.objects.get()
    service.name, service.credential_ends_on = "Example tenant", timezone.localdate() + timedelta(days=SECRET_DAYS)
    service.wide_permission_ok = True  # what the sandbox's app may do is known: its tests pass
    oauth.name, oauth.service_identity = "Office 365", "noreply@example.org"
    oauth.messages_per_minute = 0  # a day's messages leave at once here
    smtp.name, smtp.from_address, smtp.order = "Relay in Berlin", "noreply@example.org", 0
    for row in (service, oauth, smtp):
        row.save()
    spare = SmtpConnection(name="Old relay", host="mail.example.org", enabled=False, order=1)
    spare.from_address = "noreply@example.org"
    spare.save()


@contextmanager
def _fault(graph: str = "", smtp: str = "") -> Iterator[None]:
    SandboxServer.objects.update(graph_fault=graph, smtp_fault=smtp)
    yield
    SandboxServer.objects.update(graph_fault="", smtp_fault="")
    for row in (*OAuthService.objects.all(), *SmtpConnection.objects.all()):
        health.resume(row.key)


def _send(subject: str, to: str) -> None:
    message = EmailMultiAlternatives(subject, "Dear customer,\n\nthank you.\n", None, [to], cc=["archive@example.org"])
    message.attach_alternative(f"<h1>{subject}</h1><p>Dear customer, thank you.</p>", "text/html")
    message.attach("terms.txt", "Our terms.", "text/plain")
    message.send()


def _queue(subject: str, to: str, label: str, **options: object) -> uuid.UUID:
    message = EmailMultiAlternatives(subject, "Dear customer,\n\nthank you.\n", None, [to])
    for name, value in (options | {"delivery": "queued"}).items():
        setattr(message, f"mailadmin_{name}", value)
    message.mailadmin_label = label  # type: ignore[attr-defined]  # read by the backend
    message.send()
    return uuid.UUID(message.mailadmin.delivery_id)  # type: ignore[attr-defined]  # set by the backend


def _spread() -> None:
    """Move the messages back over the day, the newest first."""
    now, rows = timezone.now(), list(Delivery.objects.order_by("-created_at"))
    for place, row in enumerate(rows):
        # Denser towards now, as a working day is.
        back = timedelta(hours=EARLIER_HOURS * (place / len(rows)) ** 1.4, minutes=2)
        Delivery.objects.filter(pk=row.pk).update(created_at=now - back)
