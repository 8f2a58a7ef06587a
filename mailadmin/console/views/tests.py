"""Test Connection: start one on saved or typed values, watch its steps, stop it, save what was tested."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from mailadmin import testruns
from mailadmin.core import addresses, limits
from mailadmin.core.settings import RouteKind
from mailadmin.models import ConnectionTest, OAuthService, SmtpConnection

from mailadmin.console import audit
from mailadmin.console.access import needs, refuse
from mailadmin.console.forms.oauth import OAuthServiceForm
from mailadmin.console.forms.smtp import SmtpConnectionForm
from mailadmin.console.ladder import shown

RouteForm = SmtpConnectionForm | OAuthServiceForm
FORMS: Mapping[str, type[RouteForm]] = {RouteKind.SMTP: SmtpConnectionForm, RouteKind.OAUTH: OAuthServiceForm}
MODELS: Mapping[str, type[SmtpConnection | OAuthService]] = {
    RouteKind.SMTP: SmtpConnection,
    RouteKind.OAUTH: OAuthService,
}


@require_GET
@needs("mailadmin.view_connectiontest")
def test_list(request: HttpRequest) -> HttpResponse:
    """Show the tests, newest first, of one state or of all."""
    chosen = request.GET.get("state", "")
    states = [("", "All"), *ConnectionTest.State.choices]
    found = ConnectionTest.objects.defer("draft")
    if chosen in ConnectionTest.State.values:
        found = found.filter(state=chosen)
    page = Paginator(found, limits.PAGE_ROWS).get_page(request.GET.get("page"))
    return render(request, "mailadmin/tests/list.html", {"page": page, "states": states, "chosen": chosen})


@require_GET
@needs("mailadmin.view_connectiontest")
def test(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one test: while it runs the page asks for `steps` again and again."""
    row = get_object_or_404(ConnectionTest, pk=pk)
    earlier = ConnectionTest.objects.none()
    if row.route_id:
        earlier = ConnectionTest.objects.filter(route_id=row.route_id, started_at__lt=row.started_at).defer("draft")
    kept = testruns.open_draft(row, _session(request)) is not None
    context = _context(request, row) | {
        "earlier": earlier[: limits.LATEST_ROWS],
        "draft_kept": kept and _may_type(request, row),
        "draft_minutes": limits.TEST_DRAFT_MINUTES,
        "recipient": row.recipient or getattr(request.user, "email", ""),
    }
    return render(request, "mailadmin/tests/test.html", context)


@require_GET
@needs("mailadmin.view_connectiontest")
def steps(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Return the part of the page that changes, or 204 when nothing is new since `seen`."""
    context = _context(request, get_object_or_404(ConnectionTest, pk=pk))
    if request.GET.get("seen") == context["run"].seen:
        return HttpResponse(status=204)
    return render(request, "mailadmin/tests/fragment.html", context)


@require_POST
@needs("mailadmin.test_route")
def start_saved(request: HttpRequest, kind: str, pk: uuid.UUID) -> HttpResponse:
    """Test the saved values of a route; with a `recipient` a message is sent to it."""
    if kind not in MODELS:
        raise Http404
    route = get_object_or_404(MODELS[kind].objects.select_related("integrated_service"), pk=pk)
    try:
        recipient = _recipient(request)
        row = testruns.start(route.to_route(), user=request.user, recipient=recipient)
    except (addresses.AddressError, testruns.TooManyTests) as error:
        messages.error(request, str(error))
        return redirect(f"mailadmin:{kind}-list")
    audit.record(request, "tested", route, detail=_told(recipient))
    return redirect("mailadmin:test", pk=row.pk)


@require_POST
@needs("mailadmin.test_route")
def cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask a running test to stop; it does so before its next step."""
    row = get_object_or_404(ConnectionTest, pk=pk)
    if row.running:
        ConnectionTest.objects.filter(pk=row.pk).update(cancel_requested=True)
    return redirect("mailadmin:test", pk=row.pk)


def _recipient(request: HttpRequest) -> str:
    """Return the address to send to, "" for none. Raises AddressError."""
    typed = request.POST.get("recipient", "").strip()
    return addresses.parse(typed).spec if typed else ""


def _told(recipient: str) -> str:
    return f"with a message to {recipient}" if recipient else "without sending"


def _session(request: HttpRequest) -> str:
    return request.session.session_key or ""


def _may_type(request: HttpRequest, row: ConnectionTest) -> bool:
    action = "change" if row.route_id else "add"
    return request.user.has_perm(f"mailadmin.{action}_{MODELS[row.kind]._meta.model_name}")


def _context(request: HttpRequest, row: ConnectionTest) -> dict[str, Any]:
    """Return what the page and its changing part have in common."""
    model = MODELS.get(row.kind)
    exists = bool(model and row.route_id and model.objects.filter(pk=row.route_id).exists())
    may_test = request.user.has_perm("mailadmin.test_route")
    return {
        "test": row,
        "run": shown(row),
        "may_test": may_test,
        "can_test_again": exists and may_test,
        "edit_url": reverse(f"mailadmin:{row.kind}-edit", args=[row.route_id])
        if exists and _may_type(request, row)
        else "",
    }
