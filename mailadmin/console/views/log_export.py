"""The delivery log as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from mailadmin.console import audit, export, log_pages
from mailadmin.console.access import needs
from mailadmin.console.forms.log import FilterForm
from mailadmin.console.log_search import search
from mailadmin.language import in_site_language

from .log import log_list


@require_POST
@needs("mailadmin.view_delivery", "mailadmin.export_delivery")
def log_export(request: HttpRequest) -> HttpResponseBase:
    """Send what the filters in the address pick as CSV, all of it, while it is read. The audit trail keeps who took it
    and by which filters."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        request.method = "GET"  # the list says what is wrong with the filters
        return log_list(request)
    audit.record(request, "exported", detail=_told(form))
    found = search(form.cleaned_data)
    lines = export.lines(log_pages.everything(found.source, found.wanted))
    response = StreamingHttpResponse(
        _apart(lines) if isinstance(request, ASGIRequest) else lines, content_type="text/csv; charset=utf-8"
    )
    name = f"delivery-log-{timezone.localtime():%Y-%m-%d-%H%M}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@in_site_language
def _told(form: FilterForm) -> str:
    """Return what the audit trail says of an export; whom somebody looked for is not kept."""
    chosen = [f"{form.fields[name].label}: {form.data[name]}" for name in form.chosen() if name not in ("q", "address")]
    given = [name for name in form.chosen() if name in ("q", "address")]
    searched = [_("{filter}: (given)").format(filter=form.fields[name].label) for name in given]
    return "; ".join([_("the delivery log"), *chosen, *searched])


async def _apart(lines: Iterator[str]) -> AsyncIterator[str]:
    """Read `lines` in a thread: under an event loop Django would gather them all first."""
    read_on = sync_to_async(lambda: next(lines, None))
    while (line := await read_on()) is not None:
        yield line
