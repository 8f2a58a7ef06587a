"""Send a message by hand, to see the whole path at work."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from mailadmin import conf
from mailadmin.console import audit
from mailadmin.console.access import needs
from mailadmin.console.forms.compose import ComposeForm
from mailadmin.core.errors import MailError
from mailadmin.core.outcome import DeliveryState, RecipientState, SendResult
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery


@require_http_methods(["GET", "POST"])
@needs("mailadmin.send_message")
def compose(request: HttpRequest) -> HttpResponse:
    """Show the form, or send what was typed and lead to its page in the log; without one, say how it went."""
    form = ComposeForm(request.POST or None, request.FILES or None, initial={"to": getattr(request.user, "email", "")})
    if form.is_valid():
        result = _send(request, form)
        if result.delivery_id:
            return redirect("mailadmin:log", pk=result.delivery_id)
        if result.sent:
            return redirect("mailadmin:compose")  # a reload sends nothing again
    return render(request, "mailadmin/compose/compose.html", {"form": form})


def _send(request: HttpRequest, form: ComposeForm) -> SendResult:
    """Send and return the result; where no row in the log tells the outcome, a message on the page does."""
    message = form.message()
    problem = ""
    try:
        send_message(message, form.options(request.user.pk))
    except (MailError, conf.ConfigurationError) as error:
        problem = f"The message was not sent. {error}"
    outcome: SendResult = getattr(message, "mailadmin", SendResult(state=DeliveryState.FAILED))
    delivery = Delivery.objects.filter(pk=outcome.delivery_id).first() if outcome.delivery_id else None
    action = "queued" if outcome.state is DeliveryState.QUEUED else "sent"
    audit.record(request, action, delivery, detail=f"by hand, to {len(message.recipients())}: {outcome.state.label}")
    if not delivery:  # else the page of the message tells all of it
        if outcome.sent:
            tell = messages.warning if outcome.state is DeliveryState.PARTLY else messages.success
            tell(request, _told(outcome))
        elif problem:
            messages.error(request, problem)
    return outcome


def _told(result: SendResult) -> str:
    """Return how a message went that has no row in the log."""
    refused = [
        f"{address}: {one.reason or one.state.label}"
        for address, one in result.recipients.items()
        if one.state is not RecipientState.SENT
    ]
    return " ".join([f"{result.state.label}, by “{result.route}”.", *refused])
