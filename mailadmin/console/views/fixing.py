"""Apply this fix: the form of what was tested, with the values that would cure the failure filled in."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET

from mailadmin.console.access import needs, refuse
from mailadmin.console.fixing import NothingToChange, draft_of, page_of, permission_for
from mailadmin.core.fixes import Fix
from mailadmin.models import ConnectionTest

from .rows import show_form


@require_GET
@needs("mailadmin.view_connectiontest")
def fix(request: HttpRequest, pk: uuid.UUID, place: int, number: int) -> HttpResponse:
    """Show the form of what the test `pk` tested, changed by the fix `number` of its step at `place` (both from 0).

    It is saved and tested by the ordinary pages, so that this one changes nothing.
    """
    test = get_object_or_404(ConnectionTest, pk=pk)
    offered = get_object_or_404(test.steps, place=place).fixes
    if number >= len(offered):
        raise Http404
    chosen = Fix.from_data(offered[number])
    try:
        draft = draft_of(request, test, chosen)
    except NothingToChange as error:
        messages.error(request, str(error))
        return redirect("mailadmin:test", pk=test.pk)
    if not request.user.has_perm(permission_for(draft)):
        return refuse(request, [permission_for(draft)])
    form, proposal = page_of(test, draft, chosen)
    return show_form(request, form, proposal)
