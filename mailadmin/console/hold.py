"""The switch for all mail, and the banner that every page shows while mail is held or redirected."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest

from mailadmin.core.preferences import Preferences, Sending
from mailadmin.delivery.outbox import waiting
from mailadmin.delivery.preferences import preferences
from mailadmin.models import Settings

from . import audit
from .forms import SendingForm
from .overview import Banner

_TOLD = {
    Sending.ON: "Mail is sent again, and what waited is due now.",
    Sending.HELD: "Held, in every process from the next message on.",
    Sending.REDIRECTED: "Redirected, in every process from the next message on.",
}


def banner() -> Banner | None:
    """Return what every page must say of all mail, None when mail is simply sent. One statement."""
    now = preferences(Settings.objects.filter(pk=1).first())
    if now.objection:
        text = f"{now.objection} Nothing leaves until an administrator confirms that it belongs here."
        return Banner("error", "All mail is held: is this the right database?", text, kind="objection")
    if now.sending is Sending.HELD:
        text = "Queued messages wait; others are given back to the application with an error."
        return Banner("warning", "All mail is held.", f"{text}{_except(now)}", kind="sending")
    if now.sending is Sending.REDIRECTED:
        text = "Its recipients get nothing. Only connection tests still go where you type."
        return Banner("warning", f"All mail goes to {now.redirect_to}.", f"{text}{_except(now)}", kind="sending")
    return None


def switch(request: HttpRequest, form: SendingForm, before: audit.Snapshot) -> None:
    """Save what the valid `form` says, let waiting messages be tried at once where they may leave now, and tell the
    audit trail. `before` is the row as it was; the caller's transaction holds it locked."""
    row = form.save()
    if changes := audit.diff(before, audit.snapshot(row)):
        audit.record(request, "switched", row, changes, detail=row.get_sending_display())
    now = Sending(row.sending)
    if now is not Sending.HELD:
        waiting.retry_waiting()
    messages.success(request, _TOLD[now])


def _except(now: Preferences) -> str:
    return f" Except for: {', '.join(now.spared)}." if now.spared else ""
