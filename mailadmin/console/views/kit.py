"""The least-privilege kit of an integrated service: the page, and its script as a file."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from mailadmin.console import kit as kits
from mailadmin.console.access import needs
from mailadmin.models import IntegratedService


@require_GET
@needs("mailadmin.view_integratedservice")
def kit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the check list and the script."""
    service = get_object_or_404(IntegratedService, pk=pk)
    found = kits.kit(service)
    users = [*service.oauth_services.all(), *service.smtp_connections.all()]
    context = {"service": service, "kit": found, "script": kits.script(found), "users": users}
    return render(request, "mailadmin/kit/kit.html", context)


@require_GET
@needs("mailadmin.view_integratedservice")
def script(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Return the script as a file. The mark at its beginning (BOM) tells every PowerShell that it is UTF-8: read as
    anything else, a letter of a name could turn into a quote."""
    service = get_object_or_404(IntegratedService, pk=pk)
    text = "\ufeff" + kits.script(kits.kit(service))
    name = slugify(service.name) or "integrated-service"
    return HttpResponse(
        text.replace("\n", "\r\n").encode(),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="least-privilege-{name}.ps1"'},
    )
