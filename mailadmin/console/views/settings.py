"""The Settings page: preferences to change, and facts that the deployment decides."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from mailadmin.console import audit
from mailadmin.console.access import needs
from mailadmin.console.forms import SendingForm, SettingsForm
from mailadmin.console.installation import facts
from mailadmin.models import Settings


@needs("mailadmin.change_settings")
@transaction.atomic
def settings(request: HttpRequest) -> HttpResponse:
    """Show the preferences, or save what was typed."""
    row = Settings.locked() if request.method == "POST" else Settings.load()
    before = audit.snapshot(row)
    form = SettingsForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        _save(request, form, before)
        return redirect("mailadmin:settings")
    context = {"form": form, "sending_form": SendingForm(instance=Settings.load()), "facts": facts()}
    return render(request, "mailadmin/settings/settings.html", context)


def _save(request: HttpRequest, form: SettingsForm, before: audit.Snapshot) -> None:
    row = form.save()
    if changes := audit.diff(before, audit.snapshot(row)):
        audit.record(request, "changed", row, changes)
    messages.success(request, "The settings are saved.")
