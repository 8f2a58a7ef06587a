"""Test Connection: start one on saved or typed values, watch its steps, stop it, save what was tested."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailadmin import conf, testruns
from mailadmin.console import audit
from mailadmin.console.access import needs, page_before, refuse
from mailadmin.console.forms import SECRET_FIELDS
from mailadmin.console.ladder import shown
from mailadmin.console.sections import ROUTES, TESTED, Form, Row, section_of
from mailadmin.console.testing import service_of, subject_of_form, typed_form
from mailadmin.core import addresses, limits
from mailadmin.models import ConnectionTest

from .rows import save_or_show, show_form


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
    context = _context(request, get_object_or_404(ConnectionTest, pk=pk))
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
    """Test the saved values of a route, or of an integrated service; with a `recipient` a route sends to it."""
    if kind not in TESTED:
        raise Http404
    tested: Any = get_object_or_404(TESTED[kind].model, pk=pk)
    try:
        recipient = _recipient(request, kind)
        row = testruns.start(testruns.subject_of_row(tested), user=request.user, recipient=recipient)
    except (addresses.AddressError, testruns.TooManyTests) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(page_before(request))
    audit.record(request, "tested", tested, detail=_told(recipient))
    return redirect("mailadmin:test", pk=row.pk)


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters(*SECRET_FIELDS)
@needs("mailadmin.test_route")
def start_unsaved(request: HttpRequest, kind: str) -> HttpResponse:
    """Test what was typed into a form, without saving it; a form that is not valid is shown again, under this
    address, so that opening it anew must lead somewhere."""
    form = _typed(kind, request.POST, request.FILES)
    missing = _missing(request, kind, form.instance._state.adding)
    if missing:
        return refuse(request, missing)
    if request.method == "GET":
        return redirect(f"mailadmin:{kind}-list")
    if not form.is_valid():
        return show_form(request, form)
    as_saved = not form.instance._state.adding and not form.has_changed()
    try:
        recipient = _recipient(request, kind)
        row = testruns.start(
            subject_of_form(form, as_saved),
            user=request.user,
            recipient=recipient,
            saved_values=as_saved,
            draft=None if as_saved else form.draft(),
            session_key=_session(request),
        )
    except (addresses.AddressError, testruns.TooManyTests, conf.ConfigurationError) as error:
        form.add_error(None, str(error))
        return show_form(request, form)
    told = _told(recipient) if as_saved else f"{_told(recipient)}; values not saved"
    audit.record(request, "tested", None if form.instance._state.adding else form.instance, detail=_named(row, told))
    return redirect("mailadmin:test", pk=row.pk)


@require_http_methods(["GET", "POST"])
@needs("mailadmin.test_route")
def save(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Save the values that an unsaved test was made with, as long as they are kept; a GET shows them."""
    return _with_draft(request, pk, _save if request.method == "POST" else _show)


@require_GET
@needs("mailadmin.test_route")
def back_to_form(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the form again as it was typed, as long as the values are kept. The secret is never shown."""
    return _with_draft(request, pk, _show)


@require_POST
@needs("mailadmin.test_route")
def cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask a running test to stop; it does so before its next step."""
    row = get_object_or_404(ConnectionTest, pk=pk)
    if row.running:
        ConnectionTest.objects.filter(pk=row.pk).update(cancel_requested=True)
        audit.record(request, "stopped", None, detail=_named(row, "the running test"))
    return redirect("mailadmin:test", pk=row.pk)


@sensitive_variables("draft")
def _with_draft(
    request: HttpRequest, pk: uuid.UUID, answer: Callable[[HttpRequest, ConnectionTest, Form], HttpResponse]
) -> HttpResponse:
    """Return the answer for the form of an unsaved test; a hint when its values are gone or another browser's."""
    row = get_object_or_404(ConnectionTest, pk=pk)
    draft = testruns.open_draft(row, _session(request))
    if draft is None:
        messages.error(request, "The tested values are not kept any more, or not for this browser; type them again.")
        return redirect("mailadmin:test", pk=row.pk)
    form = _typed(row.kind, draft)
    missing = _missing(request, row.kind, form.instance._state.adding)
    return refuse(request, missing) if missing else answer(request, row, form)


def _show(request: HttpRequest, row: ConnectionTest, form: Form) -> HttpResponse:
    return show_form(request, form)


def _save(request: HttpRequest, row: ConnectionTest, form: Form) -> HttpResponse:
    if not form.is_valid():
        return show_form(request, form)
    response = save_or_show(request, form)
    if form.is_valid():
        testruns.forget_draft(row)
        testruns.count_for(row, form.instance)
    return response


def _typed(kind: str, data: Mapping[str, Any], files: Any = None) -> Form:
    try:
        return typed_form(kind, data, files)
    except (KeyError, ObjectDoesNotExist):
        raise Http404 from None


def _missing(request: HttpRequest, kind: str, adding: bool) -> list[str]:
    """Return the permission to type values of this kind, when the user lacks it."""
    permission = TESTED[kind].permission("add" if adding else "change")
    return [] if request.user.has_perm(permission) else [permission]


def _recipient(request: HttpRequest, kind: str) -> str:
    """Return the address to send to, "" for none; only a route sends. Raises AddressError."""
    typed = request.POST.get("recipient", "").strip() if kind in ROUTES else ""
    return addresses.parse(typed).spec if typed else ""


def _told(recipient: str) -> str:
    return f"with a message to {recipient}" if recipient else "without sending"


def _named(row: ConnectionTest, told: str) -> str:
    return f"{row.name} ({row.target}): {told}"


def _session(request: HttpRequest) -> str:
    return request.session.session_key or ""


def _context(request: HttpRequest, row: ConnectionTest) -> dict[str, Any]:
    """Return what the page and its changing part show."""
    section = TESTED.get(row.kind)
    tested = section.model.objects.filter(pk=row.route_id).first() if section and row.route_id else None
    may_test = request.user.has_perm("mailadmin.test_route")
    may_edit = tested is not None and not _missing(request, row.kind, adding=False)
    context = {
        "test": row,
        "run": shown(row, partial(_fix_url, request, tested)),
        "may_test": may_test,
        "edit_url": reverse(f"mailadmin:{row.kind}-edit", args=[row.route_id]) if may_edit else "",
        "kit_url": _kit_url(request, tested),
    }
    return context if row.running else context | _afterwards(request, row, can_test_again=bool(tested) and may_test)


def _fix_url(request: HttpRequest, tested: Row | None, setting: str) -> str:
    """Return the address of `setting` on the form of what was tested or of the integrated service that it signs in
    with; "" without the right to change it."""
    holders = [row for row in (tested, service_of(tested)) if row]
    holder = next((row for row in holders if setting in section_of(row).form.base_fields), tested)
    if holder is None or not request.user.has_perm(section_of(holder).permission("change")):
        return ""
    return f"{section_of(holder).address('edit', holder)}#id_{setting}"


def _kit_url(request: HttpRequest, tested: Row | None) -> str:
    """Return the address of the least-privilege kit for what was tested, "" when there is none to open."""
    service = service_of(tested)
    if service is None or not request.user.has_perm("mailadmin.view_integratedservice"):
        return ""
    return reverse("mailadmin:service-kit", args=[service.pk])


def _afterwards(request: HttpRequest, row: ConnectionTest, can_test_again: bool) -> dict[str, Any]:
    """Return what the page offers once the test has ended."""
    earlier = ConnectionTest.objects.filter(route_id=row.route_id, started_at__lt=row.started_at)
    if row.route_id is None:  # values that were never saved have no earlier tests
        earlier = earlier.none()
    kept = testruns.open_draft(row, _session(request)) is not None
    return {
        "can_test_again": can_test_again,
        "sends": row.kind in ROUTES,
        "draft_kept": kept and not _missing(request, row.kind, not row.route_id),
        "draft_minutes": limits.TEST_DRAFT_MINUTES,
        "recipient": row.recipient or getattr(request.user, "email", ""),
        "earlier": earlier.defer("draft")[: limits.LATEST_ROWS],
    }
