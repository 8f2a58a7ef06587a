"""API clients: their list, their form, and their tokens, each shown once on the page that answers its POST."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailadmin.console import audit, clients
from mailadmin.console.access import needs
from mailadmin.console.forms.clients import ApiClientForm
from mailadmin.console.forms.secret import SECRET_FIELDS
from mailadmin.console.managed import refusal
from mailadmin.core.secret import Secret
from mailadmin.models import ApiClient

_TOKEN_COLUMNS = ("token_digest", "token_start", "token_made_at", "revoked_at", "changed_at")


@require_GET
@needs("mailadmin.view_apiclient")
def client_list(request: HttpRequest) -> HttpResponse:
    """Show the clients, each with its state and what it used; where there is no API, how to get it."""
    context = {
        "lines": clients.lines(),
        "installed": clients.installed(),
        "docs": clients.docs_address(),
        "may_add": request.user.has_perm("mailadmin.add_apiclient"),
        "may_change": request.user.has_perm("mailadmin.change_apiclient"),
    }
    return render(request, "mailadmin/clients/list.html", context)


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters(*SECRET_FIELDS)
@needs("mailadmin.add_apiclient")
def client_new(request: HttpRequest) -> HttpResponse:
    """Show an empty form, or add a client and show its token."""
    form = ApiClientForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _token_page(request, form.instance, _add(request, form))
    return render(request, "mailadmin/clients/form.html", {"form": form, "row": None})


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters(*SECRET_FIELDS)
@needs("mailadmin.change_apiclient")
def client_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the form of a client, or save it. One that comes from a settings file is only shown, but for its token,
    which is in no file."""
    row = get_object_or_404(ApiClient, pk=pk)
    if request.method == "POST" and (refused := refusal(request, row, _address(row))):
        return refused
    before = audit.snapshot(row)
    form = ApiClientForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        _save(request, form, before)
        return redirect("mailadmin:client-list")
    saved = ApiClient.objects.get(pk=pk)  # the form has put what was typed into its own
    context = {"form": form, "row": saved, "line": clients.line_of(saved, 0), "docs": clients.docs_address()}
    return render(request, "mailadmin/clients/form.html", context)


@require_POST
@needs("mailadmin.change_apiclient")
def client_token(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Replace the token of a client, and show the new one; the one before opens nothing from now on. Whoever loads that
    page again (POST `start` names the token that was to be replaced) makes no third one."""
    with transaction.atomic():
        row = get_object_or_404(ApiClient.objects.select_for_update(), pk=pk)
        if request.POST.get("start", "") != row.token_start:
            messages.warning(
                request, _("A new token was made already. It is shown once; make another one if it is lost.")
            )
            return redirect("mailadmin:client-edit", pk=pk)
        token = clients.give_token(row)
        row.save(update_fields=_TOKEN_COLUMNS)
        clients.record_token(request, row)
    return _token_page(request, row, token, replaced=True)


@require_POST
@needs("mailadmin.change_apiclient")
@transaction.atomic
def client_revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Stop the token of a client at once."""
    row = get_object_or_404(ApiClient.objects.select_for_update(), pk=pk)
    if row.revoked_at is None:
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at", "changed_at"])
        audit.record(request, clients.REVOKED, row, detail=f"{row.token_start}…")
    messages.success(request, _("The token of “{name}” is revoked; it opens nothing any more.").format(name=row.name))
    return redirect("mailadmin:client-list")


@require_http_methods(["GET", "POST"])
@needs("mailadmin.delete_apiclient")
def client_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask, and delete a client; its messages stay in the log."""
    row = get_object_or_404(ApiClient, pk=pk)
    if refused := refusal(request, row, _address(row)):
        return refused
    if request.method != "POST":
        return render(request, "mailadmin/clients/delete.html", {"row": row})
    with transaction.atomic():
        audit.record(request, "deleted", row)
        name = row.name
        row.delete()
    messages.success(request, _("The API client “{name}” is deleted.").format(name=name))
    return redirect("mailadmin:client-list")


def _address(row: ApiClient) -> str:
    return reverse("mailadmin:client-edit", args=[row.pk])


@transaction.atomic
def _add(request: HttpRequest, form: ApiClientForm) -> Secret:
    row: ApiClient = form.instance
    token = clients.give_token(row)
    form.save()
    audit.record(request, "created", row, audit.diff(audit.snapshot(ApiClient()), audit.snapshot(row)))
    return token


@transaction.atomic
def _save(request: HttpRequest, form: ApiClientForm, before: audit.Snapshot) -> None:
    """Save the columns of the form alone: requests change the others meanwhile."""
    row: ApiClient = form.save(commit=False)
    slots = [column for held in row.secrets() for column in held.columns]
    row.save(update_fields=[*form.Meta.fields, "scopes", "routes", "host", "changed_at", *slots])
    audit.record(request, "changed", row, audit.diff(before, audit.snapshot(row)))
    messages.success(request, _("The API client “{name}” is saved.").format(name=row.name))


@sensitive_variables()
def _token_page(request: HttpRequest, row: ApiClient, token: Secret, *, replaced: bool = False) -> HttpResponse:
    """Return the one page that shows a token. It is kept nowhere: `needs` tells every cache so."""
    context = {"row": row, "token": token.reveal(), "replaced": replaced, "docs": clients.docs_address()}
    return render(request, "mailadmin/clients/token.html", context)
