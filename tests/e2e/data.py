"""A console with a past: routes with real names, a day of messages, each of them really sent to the sandbox.

Runs in the console's own settings (`Console.python`), not in those of the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from smtplib import SMTPException

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from mailadmin.delivery import health
from mailadmin.models import Delivery, IntegratedService, OAuthService, SandboxMessage, SandboxServer, SmtpConnection
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


def _spread() -> None:
    """Move the messages back over the day, the newest first."""
    now, rows = timezone.now(), list(Delivery.objects.order_by("-created_at"))
    for place, row in enumerate(rows):
        # Denser towards now, as a working day is.
        back = timedelta(hours=EARLIER_HOURS * (place / len(rows)) ** 1.4, minutes=2)
        Delivery.objects.filter(pk=row.pk).update(created_at=now - back)
