"""Alerts: their channels, which belong to the Settings page, and the list of what was told."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailadmin.console import alerts, audit
from mailadmin.console.access import needs
from mailadmin.console.forms.alerts import AlertChannelForm
from mailadmin.console.forms.secret import SECRET_FIELDS
from mailadmin.console.haste import TooHasty
from mailadmin.console.managed import refusal
from mailadmin.core import limits
from mailadmin.core.alerts import Event
from mailadmin.models import Alert, AlertChannel
from mailadmin.models.fields import labelled


class FilterForm(forms.Form):
    """The filter of the list; it stands in the address."""

    event = forms.ChoiceField(
        label=gettext_lazy("Event"),
        required=False,
        choices=[("", gettext_lazy("Any")), *labelled(Event)],
    )


@require_GET
@needs("mailadmin.view_alert")
def alert_list(request: HttpRequest) -> HttpResponse:
    """Show what was told, to whom, and what became of it, newest first."""
    form = FilterForm(request.GET)
    rows = Alert.objects.prefetch_related("deliveries")
    if not form.is_valid():
        rows = rows.none()
    elif event := form.cleaned_data["event"]:
        rows = rows.filter(event=event)
    page = Paginator(rows, limits.PAGE_ROWS).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "lines": alerts.alert_lines(list(page.object_list)),
        "filtered": bool(request.GET.get("event")),
        "channels": AlertChannel.objects.filter(enabled=True).count(),
        "may_change": request.user.has_perm("mailadmin.change_settings"),
        "settings_url": f"{reverse('mailadmin:settings')}#alerts",
    }
    return render(request, "mailadmin/alerts/list.html", context)


@sensitive_post_parameters(*SECRET_FIELDS)
@needs("mailadmin.change_settings")
def channel_new(request: HttpRequest) -> HttpResponse:
    """Show an empty form, or add a channel."""
    return _form_page(request, AlertChannelForm(request.POST or None))


@sensitive_post_parameters(*SECRET_FIELDS)
@needs("mailadmin.change_settings")
def channel_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the form of a channel, or save it."""
    row = get_object_or_404(AlertChannel, pk=pk)
    if request.method == "POST" and (page := _refusal(request, row)):
        return page
    return _form_page(request, AlertChannelForm(request.POST or None, instance=row))


@require_http_methods(["GET", "POST"])
@needs("mailadmin.change_settings")
def channel_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask, and delete a channel; what it was told stays in the list of alerts."""
    row = get_object_or_404(AlertChannel, pk=pk)
    if page := _refusal(request, row):
        return page
    if request.method != "POST":
        return render(request, "mailadmin/alerts/delete.html", {"row": row})
    with transaction.atomic():
        audit.record(request, "deleted", row)
        name = row.name
        row.delete()
    messages.success(request, _("The channel “{name}” is deleted.").format(name=name))
    return redirect("mailadmin:settings")


@require_POST
@needs("mailadmin.change_settings")
@transaction.atomic
def channel_switch(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Switch a channel on or off (POST `enabled` = "on" or "off")."""
    row = get_object_or_404(AlertChannel, pk=pk)
    if page := _refusal(request, row):
        return page
    wanted = request.POST.get("enabled") == "on"
    if row.enabled != wanted:
        row.enabled = wanted
        row.save(update_fields=["enabled", "changed_at"])
        audit.record(request, "switched on" if wanted else "switched off", row)
        text = _("“{name}” is told again.") if wanted else _("“{name}” is off, and told nothing.")
        messages.success(request, text.format(name=row.name))
    return redirect("mailadmin:settings")


@require_POST
@needs("mailadmin.change_settings")
def channel_test(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send a test alert to a channel, and say what came of it."""
    row = get_object_or_404(AlertChannel, pk=pk)
    try:
        sent = alerts.send_test(request, row)
    except TooHasty as error:
        messages.warning(request, str(error))
        return redirect("mailadmin:settings")
    if sent.state == sent.State.SENT:
        text = _("The test alert went to “{name}”. {detail}")
        messages.success(request, text.format(name=row.name, detail=sent.detail))
    else:
        text = _("The test alert did not go to “{name}”. {detail}")
        messages.error(request, text.format(name=row.name, detail=sent.detail))
    return redirect("mailadmin:settings")


def _refusal(request: HttpRequest, row: AlertChannel) -> HttpResponse | None:
    return refusal(request, row, reverse("mailadmin:settings-alert-edit", args=[row.pk]))


def _form_page(request: HttpRequest, form: AlertChannelForm) -> HttpResponse:
    is_new = form.instance._state.adding
    before = audit.snapshot(AlertChannel() if is_new else form.instance)
    if request.method == "POST" and form.is_valid():
        _save(request, form, before, is_new)
        return redirect("mailadmin:settings")
    row = None if is_new else AlertChannel.objects.get(pk=form.instance.pk)
    context = {
        "form": form,
        "row": row,
        "fixed": bool(row and row.managed_by),
        "preview": alerts.preview(row) if row else "",
    }
    return render(request, "mailadmin/alerts/channel.html", context)


@transaction.atomic
def _save(request: HttpRequest, form: AlertChannelForm, before: audit.Snapshot, is_new: bool) -> None:
    row = form.save()
    audit.record(request, "created" if is_new else "changed", row, audit.diff(before, audit.snapshot(row)))
    alerts.remember_address(request)
    text = _("The channel “{name}” is saved. Send it a test alert.")
    messages.success(request, text.format(name=row.name))
