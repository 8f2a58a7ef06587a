"""The delivery log: the list with its filters."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from mailadmin.console import deliveries
from mailadmin.console.access import needs
from mailadmin.console.overview import log_banner
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery, DeliveryRecipient, OAuthService, Settings, SmtpConnection

_BAD_DAY = "Type the day as year-month-day, such as 2026-11-21."
# The ends of the calendar cannot be turned into moments, because midnight there may lie outside of it.
_THIS_CENTURY = (MinValueValidator(date(2000, 1, 1), _BAD_DAY), MaxValueValidator(date(2099, 12, 31), _BAD_DAY))


@dataclass(frozen=True)
class Row:
    """A message as the list shows it."""

    delivery: Delivery
    state: DeliveryState
    to: str
    more: int
    way: str


class DayField(forms.DateField):
    """A day to filter by; need not be given."""

    default_error_messages = {"invalid": _BAD_DAY}

    def __init__(self, label: str) -> None:
        widget = forms.DateInput(attrs={"type": "date"})
        super().__init__(label=label, required=False, widget=widget, validators=_THIS_CENTURY)


class FilterForm(forms.Form):
    """The filters of the log; they stand in the address, so that a view can be shared."""

    q = forms.CharField(label="Search", required=False, max_length=200, strip=True)
    state = forms.ChoiceField(label="State", required=False)
    route = forms.ChoiceField(label="Route", required=False)
    label = forms.CharField(label="Label", required=False, max_length=80)
    since = DayField(label="From day")
    until = DayField(label="To day")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = [(name, label) for name, (label, _) in deliveries.GROUPS.items()]
        states = [(str(state), state.label) for state in DeliveryState]
        self.fields["state"].choices = [("", "Any"), *groups, *states]  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["route"].choices = [("", "Any"), *_route_choices()]  # type: ignore[attr-defined]  # a ChoiceField

    def clean_since(self) -> datetime | None:
        """Return the start of the first day."""
        return _midnight(self.cleaned_data["since"])

    def clean_until(self) -> datetime | None:
        """Return the end of the last day: the day itself counts."""
        day = self.cleaned_data["until"]
        return _midnight(day + timedelta(days=1) if day else None)

    def clean(self) -> dict[str, Any]:
        """Refuse days in the wrong order."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since >= until:
            self.add_error("until", "The last day lies before the first one; exchange them.")
        return cleaned


@require_GET
@needs("mailadmin.view_delivery")
def log_list(request: HttpRequest) -> HttpResponse:
    """Show the messages that the filters pick, newest first."""
    form = FilterForm(request.GET)
    found = deliveries.matching(form.cleaned_data) if form.is_valid() else Delivery.objects.none()
    page = Paginator(found, limits.PAGE_ROWS).get_page(request.GET.get("page"))
    return render(
        request,
        "mailadmin/log/list.html",
        {
            "form": form,
            "page": page,
            "rows": [row(delivery) for delivery in page],
            "filtered": any(request.GET.get(name) for name in form.fields),
            "retention_days": Settings.load().retention_days,
            "banners": log_banner(),
        },
    )


@require_GET
@needs("mailadmin.view_delivery")
def outcome(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Return the cell of the list with the outcome of one message; it asks again while the message is being sent."""
    delivery = get_object_or_404(Delivery, pk=pk)
    shown = {"delivery": delivery, "state": deliveries.shown_state(delivery)}
    return render(request, "mailadmin/log/outcome.html", {"row": shown})


def row(delivery: Delivery) -> Row:
    """Return `delivery` (with its recipients and attempts fetched) as a line of a list."""
    addresses = [recipient.address for recipient in recipients(delivery)]
    return Row(
        delivery=delivery,
        state=deliveries.shown_state(delivery),
        to=addresses[0] if addresses else "",
        more=max(0, len(addresses) - 1),
        way=deliveries.way(list(delivery.attempts.all())),
    )


def recipients(delivery: Delivery) -> list[DeliveryRecipient]:
    """Return the recipients with their outcome, or, while there is none yet, as they were asked for."""
    asked = (DeliveryRecipient(field=field, address=address) for field, address in delivery.recipient_list)
    return list(delivery.recipients.all()) or list(asked)


def _route_choices() -> Iterator[tuple[str, str]]:
    for title, rows in (("OAuth", OAuthService.objects.all()), ("SMTP", SmtpConnection.objects.all())):
        for route in rows:
            yield str(route.pk), f"{title} · {route.name}"


def _midnight(day: date | None) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None
