"""The delivery log: the list with its filters."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypedDict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from mailadmin.console import deliveries, log_pages
from mailadmin.console.access import needs
from mailadmin.console.forms.log import FilterForm
from mailadmin.console.log_search import search
from mailadmin.console.overview import banners
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient, Settings
from mailadmin.watch.of_installation import log_finding

_ANY = str(uuid.UUID(int=0))
_SHOWN = ("pk", "created_at", "state", "mode", "subject", "recipient_list", "duration_ms", "progress")


class Row(TypedDict):
    """A message as the list shows it; `address` is that of its page. A template reads a dictionary several times as
    fast as an object, and a page has fifty rows."""

    key: str
    address: str
    at: datetime
    to: str
    more: int
    subject: str
    way: str
    state: DeliveryState
    word: str
    progress: str
    milliseconds: int | None


@require_GET
@needs("mailadmin.view_delivery")
def log_list(request: HttpRequest) -> HttpResponse:
    """Show the messages that the filters pick, newest first."""
    form = FilterForm(request.GET)
    page = _page(request, form) if form.is_valid() else log_pages.Page([])
    return render(
        request,
        "mailadmin/log/list.html",
        {
            "form": form,
            "page": page,
            "rows": rows(page.deliveries),
            "filtered": form.chosen(),
            "filters": log_pages.without_place(request.GET),
            "retention_days": Settings.load().retention_days,
            "banners": banners(log_finding(), request.user, guiding=False),
        },
    )


@require_GET
@needs("mailadmin.view_delivery")
def outcome(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Return the cell of the list with the outcome of one message; it asks again while the message is being sent."""
    return render(request, "mailadmin/log/outcome.html", {"row": row(get_object_or_404(Delivery, pk=pk))})


def rows(keys: Sequence[uuid.UUID]) -> list[Row]:
    """Return the deliveries `keys` as lines of a list, in this order: two statements."""
    if not keys:
        return []
    found = {one.pk: one for one in Delivery.objects.filter(pk__in=keys).order_by().values_list(*_SHOWN, named=True)}
    tried: dict[uuid.UUID, list[str]] = {}
    attempts = DeliveryAttempt.objects.filter(delivery__in=keys).order_by("number")
    for key, name in attempts.values_list("delivery_id", "route_name"):
        tried.setdefault(key, []).append(name)
    anywhere = reverse("mailadmin:log", args=[_ANY])  # looking it up takes longer than the rest of a row
    return [_row(found[key], tried.get(key, ()), anywhere) for key in keys if key in found]


def row(delivery: Delivery) -> Row:
    """Return `delivery` (its attempts fetched, where there are many) as a line of a list."""
    names = [attempt.route_name for attempt in delivery.attempts.all()]
    return _row(delivery, names, reverse("mailadmin:log", args=[_ANY]))


def _row(delivery: Any, tried: Sequence[str], anywhere: str) -> Row:
    """Return a line; `delivery` is a Delivery, or what `_SHOWN` names of one, which is read faster."""
    key, state = str(delivery.pk), deliveries.shown_state(delivery)
    recipients = delivery.recipient_list
    return Row(
        key=key,
        address=anywhere.replace(_ANY, key),
        at=delivery.created_at,
        to=recipients[0][1] if recipients else "–",
        more=max(0, len(recipients) - 1),
        subject=delivery.subject or _("(no subject)"),
        way=deliveries.way(tried) or "–",
        state=state,
        word=state.label,
        progress=delivery.progress,
        milliseconds=delivery.duration_ms,
    )


def recipients(delivery: Delivery) -> list[DeliveryRecipient]:
    """Return the recipients with their outcome, or, while there is none yet, as they were asked for."""
    asked: Iterable[DeliveryRecipient] = (
        DeliveryRecipient(field=field, address=address) for field, address in delivery.recipient_list
    )
    return list(delivery.recipients.all()) or list(asked)


def _page(request: HttpRequest, form: FilterForm) -> log_pages.Page:
    found = search(form.cleaned_data)
    return log_pages.page(
        found.source, found.wanted, older=request.GET.get("older", ""), newer=request.GET.get("newer", "")
    )
