"""The audit trail: who did what, when and from where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from mailadmin.console.access import needs
from mailadmin.core import limits
from mailadmin.models import AuditEntry


class FilterForm(forms.Form):
    """The filters of the trail."""

    q = forms.CharField(label=gettext_lazy("Search"), required=False, max_length=200)
    who = forms.ChoiceField(label=gettext_lazy("Who"), required=False)
    action = forms.ChoiceField(label=gettext_lazy("What"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, column in (("who", "user_name"), ("action", "action")):
            self.fields[name].choices = [("", _("Any")), *_values(column)]  # type: ignore[attr-defined]  # a ChoiceField


@require_GET
@needs("mailadmin.view_auditentry")
def audit_list(request: HttpRequest) -> HttpResponse:
    """Show the entries that the filters pick, newest first."""
    form = FilterForm(request.GET)
    found = _matching(form.cleaned_data) if form.is_valid() else AuditEntry.objects.none()
    page = Paginator(found, limits.PAGE_ROWS).get_page(request.GET.get("page"))
    filtered = any(request.GET.get(name) for name in form.fields)
    return render(request, "mailadmin/audit/list.html", {"form": form, "page": page, "filtered": filtered})


def _matching(filters: dict[str, Any]) -> QuerySet[AuditEntry]:
    rows: QuerySet[AuditEntry] = AuditEntry.objects.all()
    if text := filters["q"]:
        rows = rows.filter(Q(object_name__icontains=text) | Q(detail__icontains=text) | Q(user_name__icontains=text))
    if who := filters["who"]:
        rows = rows.filter(user_name=who)
    if action := filters["action"]:
        rows = rows.filter(action=action)
    return rows


def _values(column: str) -> Iterator[tuple[str, str]]:
    found = AuditEntry.objects.exclude(**{column: ""}).order_by(column).values_list(column, flat=True).distinct()
    return ((value, _(value) if column == "action" else value) for value in found)
