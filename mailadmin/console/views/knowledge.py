"""Errors explained: paste an error to find what is known about it, and one page for each entry."""

from __future__ import annotations

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from mailadmin.console import knowledge as shown
from mailadmin.console.access import needs_any
from mailadmin.core import limits
from mailadmin.core.knowledge import entries, entry_of
from mailadmin.core.lookup import look_up, of_owner
from mailadmin.core.terms import Owner
from mailadmin.models.fields import labelled

_READERS = ("mailadmin.view_delivery", "mailadmin.view_connectiontest")


class SearchForm(forms.Form):
    """What is looked for."""

    q = forms.CharField(label=gettext_lazy("Error, code or words"), required=False, max_length=limits.LOOKUP_CHARS)
    owner = forms.ChoiceField(
        label=gettext_lazy("Whose job"),
        required=False,
        choices=[("", gettext_lazy("Anybody's")), *labelled(Owner)],
    )


@require_GET
@needs_any(*_READERS)
def knowledge_list(request: HttpRequest) -> HttpResponse:
    """Show what explains the pasted text; without one every entry, by what it is about."""
    form = SearchForm(request.GET)
    chosen = form.cleaned_data if form.is_valid() else {"q": "", "owner": ""}
    owner = Owner(chosen["owner"]) if chosen["owner"] else None
    found = of_owner(look_up(chosen["q"]), owner)
    return render(
        request,
        "mailadmin/knowledge/list.html",
        {
            "form": form,
            "asked": chosen["q"],
            "filtered": bool(chosen["q"] or owner),
            "best": shown.lines(found.best),
            "others": shown.lines(found.others),
            "groups": [] if chosen["q"] or form.errors else shown.groups(owner),
            "count": len(entries()),
        },
    )


@require_GET
@needs_any(*_READERS)
def knowledge(request: HttpRequest, entry: str) -> HttpResponse:
    """Show one entry: what is wrong, what to do, what follows, when it applies and where it was met lately."""
    known = entry_of(entry)
    if known is None:
        raise Http404
    user = request.user
    return render(
        request,
        "mailadmin/knowledge/entry.html",
        {
            "entry": known,
            "known": known.explained(),
            "setting": shown.setting_label(known.setting) if known.setting else "",
            "ways": shown.ways(known),
            "days": limits.RECENT_DAYS,
            "deliveries": shown.recent_deliveries(known.id) if user.has_perm("mailadmin.view_delivery") else [],
            "steps": shown.recent_steps(known.id) if user.has_perm("mailadmin.view_connectiontest") else [],
        },
    )
