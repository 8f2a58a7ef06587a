"""What happens to all mail: sent, held or redirected; and the confirmation that a database belongs here."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from mailadmin.console import audit, guard, hold
from mailadmin.console.access import needs
from mailadmin.console.forms import SendingForm
from mailadmin.delivery import confirmation
from mailadmin.delivery.guard import objection
from mailadmin.models import Settings


@needs("mailadmin.change_settings")
@transaction.atomic
def sending(request: HttpRequest) -> HttpResponse:
    """Show the switch for all mail, or turn it."""
    row = Settings.locked() if request.method == "POST" else Settings.load()
    before = audit.snapshot(row)
    form = SendingForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        hold.switch(request, form, before)
        return redirect("mailadmin:settings")
    return render(request, "mailadmin/sending/sending.html", {"sending_form": form})


@needs("mailadmin.change_settings")
def confirm(request: HttpRequest) -> HttpResponse:
    """Show what speaks against sending and what waits, or confirm that this database belongs here."""
    found = objection(Settings.load())
    if request.method == "POST" and request.POST.get("waiting") in ("send", "cancel"):
        done = guard.confirm(request, cancel=request.POST["waiting"] == "cancel")
        return redirect("mailadmin:settings" if done else "mailadmin:settings-confirm")
    context = {"objection": found, "here": guard.here(), "backlog": confirmation.backlog()}
    return render(request, "mailadmin/sending/confirm.html", context)
