"""The pages of Test Connection: the list, one test while it runs and afterwards, its report, two tests compared."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from mailadmin import testruns
from mailadmin.console import audit
from mailadmin.console.access import needs
from mailadmin.console.comparing import differences, others, pairs
from mailadmin.console.reports import report_of
from mailadmin.console.run_filters import Filters
from mailadmin.console.run_page import context
from mailadmin.console.testing import named
from mailadmin.core import limits
from mailadmin.models import ConnectionTest


@require_GET
@needs("mailadmin.view_connectiontest")
def test_list(request: HttpRequest) -> HttpResponse:
    """Show the tests that fit the filters, newest first."""
    filters = Filters.read(request.GET)
    page = Paginator(filters.rows(), limits.PAGE_ROWS).get_page(request.GET.get("page"))
    return render(request, "mailadmin/tests/list.html", {"page": page, "filters": filters})


@require_GET
@needs("mailadmin.view_connectiontest")
def test(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one test: while it runs the page asks for `steps` again and again."""
    return render(request, "mailadmin/tests/test.html", context(request, get_object_or_404(ConnectionTest, pk=pk)))


@require_GET
@needs("mailadmin.view_connectiontest")
def steps(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Return the part of the page that changes, or 204 when nothing is new since `seen`."""
    found = context(request, get_object_or_404(ConnectionTest, pk=pk))
    if request.GET.get("seen") == found["run"].seen:
        return HttpResponse(status=204)
    return render(request, "mailadmin/tests/fragment.html", found)


@require_POST
@needs("mailadmin.test_route")
def cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask a running test to stop; it does so before its next step."""
    row = get_object_or_404(ConnectionTest, pk=pk)
    if row.running:
        ConnectionTest.objects.filter(pk=row.pk).update(cancel_requested=True)
        audit.record(request, "stopped", None, detail=named(row, gettext_lazy("the running test")))
    return redirect("mailadmin:test", pk=row.pk)


@require_GET
@needs("mailadmin.view_connectiontest")
def report(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Return the report of a test as a text file; with ?hosts=no its names are placeholders."""
    row = get_object_or_404(ConnectionTest, pk=pk)
    hosts = request.GET.get("hosts") != "no"
    name = (
        f"test-{slugify(row.name)}-{row.started_at:%Y%m%d-%H%M%S}" if hosts else f"test-{row.started_at:%Y%m%d-%H%M%S}"
    )
    return text_file(report_of(row, testruns.steps_of(row), hosts), f"{name}.txt")


@require_GET
@needs("mailadmin.view_connectiontest")
def test_compare(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show a test beside another one of the same connection (?with=), the previous one when none is named."""
    row = get_object_or_404(ConnectionTest, pk=pk)
    choices = others(row)
    other = _chosen(request, choices) or choices.filter(started_at__lt=row.started_at).first() or choices.first()
    if other is None:
        return redirect("mailadmin:test", pk=row.pk)
    before, after = sorted((row, other), key=lambda one: one.started_at)
    old, new = testruns.steps_of(before), testruns.steps_of(after)
    found: dict[str, Any] = {
        "test": row,
        "other": other,
        "before": before,
        "after": after,
        "choices": choices[: limits.PAGE_ROWS],
        "differences": differences(before, old, after, new),
        "pairs": pairs(old, new),
    }
    return render(request, "mailadmin/tests/compare.html", found)


def text_file(text: str, name: str) -> HttpResponse:
    """Return `text` as a plain text file called `name` to download."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8", headers=headers)


def _chosen(request: HttpRequest, choices: Any) -> ConnectionTest | None:
    try:
        wanted = uuid.UUID(request.GET.get("with", ""))
    except ValueError:
        return None
    found: ConnectionTest | None = choices.filter(pk=wanted).first()
    return found
