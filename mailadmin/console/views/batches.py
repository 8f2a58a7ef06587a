"""Test all: start the tests of every route, watch them side by side, stop them."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from mailadmin import testruns
from mailadmin.console import audit
from mailadmin.console.access import needs, page_before
from mailadmin.console.batches import Batch, batch
from mailadmin.console.testing import told, typed_recipient
from mailadmin.core import addresses


@require_POST
@needs("mailadmin.test_route")
def start_all(request: HttpRequest) -> HttpResponse:
    """Test every enabled route, and each integrated service that none of them uses; with a `recipient` each route
    sends to it. Who started a batch that still runs is led to it."""
    try:
        recipient = typed_recipient(request)
        started = testruns.start_all(request.user, recipient)
    except testruns.StillRunning as error:
        messages.warning(request, str(error))
        return redirect("mailadmin:test-batch", pk=error.batch)
    except (addresses.AddressError, testruns.NothingToTest) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(page_before(request))
    audit.record(
        request, "tested", None, detail=format_lazy(gettext_lazy("all connections: {how}"), how=told(recipient))
    )
    return redirect("mailadmin:test-batch", pk=started)


@require_GET
@needs("mailadmin.view_connectiontest")
def test_batch(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the tests side by side: while one runs the page asks for `cards` again and again."""
    return render(request, "mailadmin/tests/batch.html", _context(request, _found(pk)))


@require_GET
@needs("mailadmin.view_connectiontest")
def cards(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Return the part of the page that changes, or 204 when nothing is new since `seen`."""
    found = _found(pk)
    if request.GET.get("seen") == found.seen:
        return HttpResponse(status=204)
    return render(request, "mailadmin/tests/batch_fragment.html", _context(request, found) | {"fragment": True})


@require_POST
@needs("mailadmin.test_route")
def stop_all(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask every test of the batch that has not ended to stop."""
    if testruns.stop_all(pk):
        audit.record(request, "stopped", None, detail=gettext_lazy("the running test of all connections"))
    return redirect("mailadmin:test-batch", pk=pk)


def _found(pk: uuid.UUID) -> Batch:
    found = batch(pk)
    if found is None:
        raise Http404
    return found


def _context(request: HttpRequest, found: Batch) -> dict[str, Any]:
    recipient = found.first.recipient or getattr(request.user, "email", "")
    return {"batch": found, "may_test": request.user.has_perm("mailadmin.test_route"), "recipient": recipient}
