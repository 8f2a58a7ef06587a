"""The page of one message in the log: what became of it, for whom, every attempt, and what comes next."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from mailadmin.console import verdicts
from mailadmin.console.access import needs
from mailadmin.console.deliveries import shown_state
from mailadmin.console.message_page import standing
from mailadmin.core.outcome import DeliveryState, Priority
from mailadmin.models import Delivery

from .log import recipients


@require_GET
@needs("mailadmin.view_delivery")
def message(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one message: what became of it, for whom, every attempt, what comes next, and what can be done."""
    delivery = get_object_or_404(Delivery.objects.select_related("asked_by", "resend_of"), pk=pk)
    attempts, addressed = list(delivery.attempts.all()), recipients(delivery)
    state = shown_state(delivery)
    told = state.accepted or any(not attempt.accepted for attempt in attempts)  # each refusal has its own advice
    return render(
        request,
        "mailadmin/log/message.html",
        {
            "delivery": delivery,
            "state": state,
            "banner": verdicts.banner(state),
            "moved": verdicts.from_moved(delivery),
            "reason": "" if told else delivery.reason,
            "advice": None if told else verdicts.advice(delivery.code),
            "verdict": verdicts.verdict(delivery, attempts),
            "recipients": addressed,
            "attempts": attempts,
            "sending": state is DeliveryState.SENDING,
            "standing": standing(delivery, state, addressed),
            "queued": delivery.mode == Delivery.Mode.QUEUED,
            "unusual_priority": delivery.priority != Priority.NORMAL,
            "resends": list(delivery.resends.all()),
        },
    )
