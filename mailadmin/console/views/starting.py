"""Starting Test Connection, on saved or typed values, and saving what was tested."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailadmin import conf, testruns
from mailadmin.console import audit
from mailadmin.console.access import needs, page_before, refuse
from mailadmin.console.forms import SECRET_FIELDS
from mailadmin.console.sections import ROUTES, TESTED, Form
from mailadmin.console.testing import named, subject_of_form, told, typed_form, typed_recipient
from mailadmin.core import addresses
from mailadmin.models import ConnectionTest
from mailadmin.settings_file import managed

from .rows import save_or_show, show_form


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
    audit.record(request, "tested", tested, detail=told(recipient))
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
    how = told(recipient)
    if not as_saved:
        how = format_lazy(gettext_lazy("{how}; values not saved"), how=how)
    audit.record(request, "tested", None if form.instance._state.adding else form.instance, detail=named(row, how))
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


@sensitive_variables("draft")
def _with_draft(
    request: HttpRequest, pk: uuid.UUID, answer: Callable[[HttpRequest, ConnectionTest, Form], HttpResponse]
) -> HttpResponse:
    """Return the answer for the form of an unsaved test; a hint when its values are gone or another browser's."""
    row = get_object_or_404(ConnectionTest, pk=pk)
    draft = testruns.open_draft(row, _session(request))
    if draft is None:
        messages.error(request, _("The tested values are not kept any more, or not for this browser; type them again."))
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
    if form.is_valid() and not managed(form.instance):
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
    return typed_recipient(request) if kind in ROUTES else ""  # only a route sends


def _session(request: HttpRequest) -> str:
    return request.session.session_key or ""
