"""The support report: to look at, copy and download, with or without host names."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from mailadmin.console.access import needs
from mailadmin.console.support import report

from .tests import text_file

_NEEDS = ("mailadmin.view_settings", "mailadmin.view_delivery", "mailadmin.view_connectiontest")


@require_GET
@needs(*_NEEDS)
def support(request: HttpRequest) -> HttpResponse:
    """Show the report in both forms."""
    context = {
        "report": report(hosts=True),
        "nameless_report": report(hosts=False),
        "download": reverse("mailadmin:support-report"),
    }
    return render(request, "mailadmin/support/support.html", context)


@require_GET
@needs(*_NEEDS)
def support_report(request: HttpRequest) -> HttpResponse:
    """Return the report as a text file; with ?hosts=no its names are placeholders."""
    name = f"mailadmin-support-{timezone.now():%Y%m%d-%H%M}.txt"
    return text_file(report(hosts=request.GET.get("hosts") != "no"), name)
