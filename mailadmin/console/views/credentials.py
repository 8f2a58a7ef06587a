"""The second credential of an integrated service: type it, try it and switch, or forget it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from mailadmin.console import audit, switching
from mailadmin.console.access import needs
from mailadmin.console.credential_state import second_warnings_of
from mailadmin.console.forms import SECRET_FIELDS, SecondCredentialForm
from mailadmin.console.managed import refusal
from mailadmin.console.sections import SERVICE
from mailadmin.console.service_rows import credentials_of
from mailadmin.core.errors import MailError
from mailadmin.models import IntegratedService

_CHANGE = SERVICE.permission("change")


@require_http_methods(["GET", "POST"])
@needs(_CHANGE)
@sensitive_post_parameters(*SECRET_FIELDS)
def second_credential(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the form of the second credential, or save what was typed."""
    row = get_object_or_404(IntegratedService, pk=pk)
    if page := refusal(request, row, SERVICE.address("edit", row)):
        return page
    form = SecondCredentialForm(request.POST or None, request.FILES or None, instance=row)
    if request.method == "POST" and form.is_valid():
        _save(request, form)
        return redirect("mailadmin:service-credential", pk=pk)
    return _page(request, pk, form)


@require_http_methods(["GET", "POST"])
@needs(_CHANGE)
def try_and_switch(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Fetch a token with the second credential; only when one came, use it from now on. The page of a failure stands
    under this address, so that opening it anew must lead somewhere."""
    row = get_object_or_404(IntegratedService, pk=pk)
    if page := refusal(request, row, SERVICE.address("edit", row)):
        return page
    if request.method == "GET":
        return redirect("mailadmin:service-credential", pk=pk)
    try:
        switching.switch(request, row)
    except switching.NotSwitched as error:
        messages.error(request, str(error))
        return redirect("mailadmin:service-credential", pk=pk)
    except MailError as error:
        return _page(request, pk, SecondCredentialForm(instance=get_object_or_404(IntegratedService, pk=pk)), error)
    text = _(
        "A token came, so “{name}” signs in with the new credential from now on. The former one is kept as the second "
        "credential, to go back to; forget it once it is withdrawn in Entra."
    )
    messages.success(request, text.format(name=row.name))
    return redirect("mailadmin:service-credential", pk=pk)


@require_POST
@needs(_CHANGE)
def forget(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Forget the second credential."""
    row = get_object_or_404(IntegratedService, pk=pk)
    if page := refusal(request, row, SERVICE.address("edit", row)):
        return page
    try:
        if switching.forget_second(request, pk):
            messages.success(request, _("The second credential is forgotten."))
    except switching.NotSwitched as error:
        messages.error(request, str(error))
    return redirect("mailadmin:service-credential", pk=pk)


@transaction.atomic
def _save(request: HttpRequest, form: SecondCredentialForm) -> None:
    before = audit.snapshot(get_object_or_404(IntegratedService, pk=form.instance.pk))
    row: IntegratedService = form.save()
    audit.record(request, "changed", row, audit.diff(before, audit.snapshot(row)))
    messages.success(
        request, _("The second credential is saved. Mail still signs in with the first; now try it and switch.")
    )
    for warning in second_warnings_of(row):
        messages.warning(request, warning)


def _page(
    request: HttpRequest, pk: uuid.UUID, form: SecondCredentialForm, failure: MailError | None = None
) -> HttpResponse:
    saved = get_object_or_404(IntegratedService, pk=pk)  # the row of the form holds what was typed
    context = {
        "section": SERVICE,
        "row": saved,
        "form": form,
        "credentials": credentials_of(saved),
        "seen": saved.changed_at.isoformat(),
        "ready": saved.to_second_credential() is not None,
        "failure": failure,
        "list_url": SERVICE.address("list"),
        "edit_url": SERVICE.address("edit", saved),
    }
    return render(request, "mailadmin/service/credential.html", context)
