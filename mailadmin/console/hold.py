"""The switch for all mail, and the banner that every page shows while mail is held or redirected."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from mailadmin.core.preferences import Sending
from mailadmin.core.texts import N_
from mailadmin.delivery.outbox import waiting
from mailadmin.delivery.preferences import preferences
from mailadmin.models import Settings
from mailadmin.watch.finding import Finding
from mailadmin.watch.of_installation import held_finding

from . import audit
from .forms import SendingForm

_TOLD = {
    Sending.ON: N_("Mail is sent again, and what waited is due now."),
    Sending.HELD: N_("Held, in every process from the next message on."),
    Sending.REDIRECTED: N_("Redirected, in every process from the next message on."),
}


def banner() -> Finding | None:
    """Return what every page must say of all mail, None when mail is simply sent. One statement."""
    return next(held_finding(preferences(Settings.objects.filter(pk=1).first())), None)


def switch(request: HttpRequest, form: SendingForm, before: audit.Snapshot) -> None:
    """Save what the valid `form` says, let waiting messages be tried at once where they may leave now, and tell the
    audit trail. `before` is the row as it was; the caller's transaction holds it locked."""
    row = form.save()
    if changes := audit.diff(before, audit.snapshot(row)):
        audit.record(request, "switched", row, changes, detail=Settings.SendingChoice(row.sending).label)
    now = Sending(row.sending)
    if now is not Sending.HELD:
        waiting.retry_waiting()
    messages.success(request, _(_TOLD[now]))
