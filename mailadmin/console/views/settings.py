"""The Settings page: preferences to change, and facts that the deployment decides."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from mailadmin.console import audit
from mailadmin.console.access import needs
from mailadmin.console.forms import SettingsForm
from mailadmin.console.installation import facts
from mailadmin.models import Settings


@needs("mailadmin.change_settings")
def settings(request: HttpRequest) -> HttpResponse:
    """Show the preferences, or save what was typed."""
    form = SettingsForm(request.POST or None, instance=Settings.load())
    if request.method == "POST" and form.is_valid():
        _save(request, form)
        return redirect("mailadmin:settings")
    context = {"form": form, "facts": facts()}
    return render(request, "mailadmin/settings/settings.html", context)


@transaction.atomic
def _save(request: HttpRequest, form: SettingsForm) -> None:
    before = audit.snapshot(Settings.load())
    row = form.save()
    changes = audit.diff(before, audit.snapshot(row))
    if changes:
        audit.record(request, "changed", row, changes)
    messages.success(request, "The settings are saved.")
