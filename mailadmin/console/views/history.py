"""The history of settings: who changed what and when, and the form with the values from before a change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from mailadmin.console import history as past
from mailadmin.console.access import needs, refuse
from mailadmin.console.forms import SettingsForm
from mailadmin.console.sections import Section
from mailadmin.core import limits
from mailadmin.core.texts import N_
from mailadmin.models import AuditEntry, Settings

from .rows import show_form
from .settings import show_settings

_BACK = N_("Back to the history")


def history(section: Section, request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show what happened to a row, with the way back to the values from before each change; the row may be gone."""
    entries = past.history_of(section.model, pk)
    row = section.model.objects.filter(pk=pk).first()
    newest = entries.first()
    if row is None and newest is None:
        raise Http404
    context = {
        "section": section,
        "row": row,
        "name": row.name if row else newest.object_name if newest else "",
        "list_url": section.address("list"),
        "edit_url": section.address("edit", row) if row else "",
        "restore_url": f"mailadmin:{section.name}-restore",
        "pk": pk,
    }
    return _page(request, "mailadmin/history/row.html", entries, section.form, context)


def deleted_list(section: Section, request: HttpRequest) -> HttpResponse:
    """Show the rows that were deleted, each with the way to a new one with its values."""
    context = {
        "section": section,
        "list_url": section.address("list"),
        "history_url": f"mailadmin:{section.name}-history",
        "restore_url": f"mailadmin:{section.name}-restore",
    }
    return _page(request, "mailadmin/history/deleted.html", past.deleted(section), section.form, context)


def restore(section: Section, request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """Show the form with the values from before the audit entry `number`; it changes nothing by itself."""
    entry = get_object_or_404(past.history_of(section.model, pk), pk=number)
    if not past.restorable(entry, section.form):
        raise Http404
    back = reverse(f"mailadmin:{section.name}-history", args=[pk]), _(_BACK)
    form, proposal = past.restored(section, entry, back)
    if form.instance._state.adding and not request.user.has_perm(section.permission("add")):
        return refuse(request, [section.permission("add")])
    return show_form(request, form, proposal)


@require_GET
@needs("mailadmin.change_settings")
def settings_history(request: HttpRequest) -> HttpResponse:
    """Show what happened to the preferences."""
    return _page(request, "mailadmin/history/settings.html", past.history_of(Settings, 1), SettingsForm, {})


@require_GET
@needs("mailadmin.change_settings")
def settings_restore(request: HttpRequest, number: int) -> HttpResponse:
    """Show the preferences with the values from before the audit entry `number`."""
    entry = get_object_or_404(past.history_of(Settings, 1), pk=number)
    if not past.restorable(entry, SettingsForm):
        raise Http404
    form, proposal = past.restored_settings(entry, (reverse("mailadmin:settings-history"), _(_BACK)))
    return show_settings(request, form, proposal)


def _page(
    request: HttpRequest, template: str, entries: QuerySet[AuditEntry], form: Any, context: dict[str, Any]
) -> HttpResponse:
    """Return a page of entries, each with whether its values can be restored."""
    page = Paginator(entries, limits.PAGE_ROWS).get_page(request.GET.get("page"))
    lines = [(entry, past.restorable(entry, form)) for entry in page]
    return render(request, template, context | {"page": page, "lines": lines})
