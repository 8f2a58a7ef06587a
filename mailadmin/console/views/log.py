"""The delivery log: the list with its filters."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from mailadmin.console import deliveries, log_pages
from mailadmin.console.access import needs
from mailadmin.console.forms.log import FilterForm
from mailadmin.console.log_search import search
from mailadmin.console.overview import log_banner
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery, DeliveryAttempt, DeliveryRecipient, Settings

_ANY = str(uuid.UUID(int=0))
_SHOWN = ("created_at", "state", "mode", "subject", "recipient_list", "duration_ms", "progress")


@dataclass(frozen=True)
class Row:
    """A message as the list shows it; `address` is that of its page."""

    delivery: Delivery
    state: DeliveryState
    address: str
    subject: str
    to: str
    more: int
    way: str


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


def rows(keys: Sequence[uuid.UUID]) -> list[Row]:
    """Return the deliveries `keys` as lines of a list, in this order: two statements."""
    tried = Prefetch("attempts", DeliveryAttempt.objects.only("delivery_id", "route_name"))
    found = Delivery.objects.only(*_SHOWN).prefetch_related(tried).in_bulk(keys) if keys else {}
    anywhere = reverse("mailadmin:log", args=[_ANY])  # looking it up takes longer than the rest of a row
    return [row(found[key], anywhere) for key in keys if key in found]


def row(delivery: Delivery, anywhere: str = "") -> Row:
    """Return `delivery` (with its attempts fetched) as a line of a list. `anywhere` is the address of the page of the
    message `_ANY`, where the caller has it."""
    anywhere = anywhere or reverse("mailadmin:log", args=[_ANY])
    addresses = [address for _, address in delivery.recipient_list]
    return Row(
        delivery=delivery,
        state=deliveries.shown_state(delivery),
        address=anywhere.replace(_ANY, str(delivery.pk)),
        subject=delivery.subject or "(no subject)",
        to=addresses[0] if addresses else "–",
        more=max(0, len(addresses) - 1),
        way=deliveries.way(list(delivery.attempts.all())) or "–",
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
