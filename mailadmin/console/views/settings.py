"""The Settings page: preferences to change, and facts that the deployment decides."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from mailadmin.console import audit
from mailadmin.console.access import needs
from mailadmin.console.alerts import channel_lines
from mailadmin.console.forms import SendingForm, SettingsForm
from mailadmin.console.installation import facts
from mailadmin.console.managed import refusal
from mailadmin.console.proposals import Proposal
from mailadmin.models import Settings


@needs("mailadmin.change_settings")
@transaction.atomic
def settings(request: HttpRequest) -> HttpResponse:
    """Show the preferences, or save what was typed."""
    row = Settings.locked() if request.method == "POST" else Settings.load()
    if request.method == "POST" and (page := refusal(request, row, reverse("mailadmin:settings"))):
        return page
    before, plain = audit.snapshot(row), audit.plain(row)
    form = SettingsForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        _save(request, form, before, plain)
        return redirect("mailadmin:settings")
    return show_settings(request, form)


def show_settings(request: HttpRequest, form: SettingsForm, proposal: Proposal | None = None) -> HttpResponse:
    """Return the page with `form`, as it stands, with its errors, or with the values of a `proposal`."""
    row = Settings.load()
    if proposal and (page := refusal(request, row, reverse("mailadmin:settings"))):
        return page
    context = {
        "form": form,
        "proposal": proposal,
        "row": row,
        "fixed": bool(row.managed_by),
        "sending_form": SendingForm(instance=row),
        "facts": facts(),
        "channels": channel_lines(),
    }
    return render(request, "mailadmin/settings/settings.html", context)


def _save(request: HttpRequest, form: SettingsForm, before: audit.Snapshot, plain: audit.Plain) -> None:
    row = form.save()
    if changes := audit.diff(before, audit.snapshot(row)):
        audit.record(request, "changed", row, changes, before=plain)
    messages.success(request, _("The settings are saved."))
