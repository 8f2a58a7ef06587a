"""The page of one message in the log: what became of it, for whom, every attempt, and what comes next."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from mailadmin.console import audit, verdicts
from mailadmin.console.access import needs
from mailadmin.console.deliveries import shown_state
from mailadmin.console.message_page import standing
from mailadmin.core.outcome import DeliveryState, Priority
from mailadmin.core.texts import N_
from mailadmin.models import Delivery
from mailadmin.watch import done

from .log import recipients

TOLD_AGAIN = N_("told the API client again")


@require_GET
@needs("mailadmin.view_delivery")
def message(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one message: what became of it, for whom, every attempt, what comes next, and what can be done."""
    delivery = get_object_or_404(Delivery.objects.select_related("asked_by", "resend_of", "client"), pk=pk)
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
            "notices": list(delivery.notices.all()) if delivery.client_id else [],
            "may_tell": request.user.has_perm("mailadmin.manage_outbox") and done.can_tell(delivery),
        },
    )


@require_POST
@needs("mailadmin.manage_outbox")
@transaction.atomic
def tell_again(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Let the API client that handed a message over be told of it once more."""
    delivery = get_object_or_404(Delivery.objects.select_related("client"), pk=pk)
    if done.tell_again(delivery):
        audit.record(request, TOLD_AGAIN, delivery, detail=str(delivery.client))
        messages.success(request, _("“{name}” is told again.").format(name=delivery.client))
    else:
        messages.warning(request, _("There is nobody to tell, or nothing to tell yet."))
    return redirect("mailadmin:log", pk=pk)
