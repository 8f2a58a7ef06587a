"""The pages of the three kinds of settings: list, form, delete, order, on and off. One set of functions, each
bound to a `Section` in `settings_urls`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import Max, ProtectedError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from mailadmin.console import audit
from mailadmin.console.forms import OAuthServiceForm
from mailadmin.console.managed import refusal
from mailadmin.console.proposals import Proposal
from mailadmin.console.refusals import refused_senders
from mailadmin.console.removal import Removal, removal
from mailadmin.console.route_rows import learned_size, summaries
from mailadmin.console.sections import OAUTH, SMTP, Form, Row, Section, section_of
from mailadmin.console.service_rows import credentials_of, service_summaries
from mailadmin.delivery import health
from mailadmin.models import IntegratedService, RouteState, Settings
from mailadmin.settings_file import mailer, managed


def listing(section: Section, request: HttpRequest) -> HttpResponse:
    """Show all rows of the section."""
    rows: Any = (
        summaries(section.model)
        if section.is_route
        else service_summaries(Settings.load().secret_warning_days, timezone.localdate())
    )
    context = {
        "section": section,
        "rows": rows,
        "may_add": request.user.has_perm(section.permission("add")),
        "may_change": request.user.has_perm(section.permission("change")),
        "may_test": request.user.has_perm("mailadmin.test_route"),
        "may_resume": request.user.has_perm("mailadmin.change_routestate"),
        "recipient": getattr(request.user, "email", ""),
        "mailer": mailer.offer() if section is SMTP and not rows else None,
        "has_services": section is not OAUTH or IntegratedService.objects.exists(),
        "new_url": section.address("new"),
        "deleted_url": section.address("deleted"),
    }
    return render(request, f"mailadmin/{section.name}/list.html", context)


def new(section: Section, request: HttpRequest) -> HttpResponse:
    """Show the empty form, or add what was typed."""
    return _form_page(section, request, section.model())


def edit(section: Section, request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the form of a row, or save what was typed."""
    row = get_object_or_404(section.model, pk=pk)
    if request.method == "POST" and (page := refusal(request, row, section.address("edit", row))):
        return page
    return _form_page(section, request, row)


def _form_page(section: Section, request: HttpRequest, row: Row) -> HttpResponse:
    initial = section.form.initial_from(request.GET) if row._state.adding else None
    form = section.form(request.POST or None, request.FILES or None, instance=row, initial=initial)
    if request.method == "POST" and form.is_valid():
        return save_or_show(request, form)
    return show_form(request, form)


def save_or_show(request: HttpRequest, form: Form) -> HttpResponse:
    """Save a valid form; show it again when somebody else saved in this very moment (or Save was pressed twice).

    Who calls this has checked that the user may add (a new row) or change it.
    """
    try:
        return _save_form(request, form)
    except IntegrityError:
        form.full_clean()  # now it meets what was saved meanwhile
        if form.is_valid():
            form.add_error(None, _("Somebody else saved in the same moment. Save again."))
        return show_form(request, form)


def show_form(request: HttpRequest, form: Form, proposal: Proposal | None = None) -> HttpResponse:
    """Return the page with `form`, empty, filled or with its errors; also for values that a test refused, and for
    those of a `proposal`, which it then explains."""
    section = section_of(form.instance)
    saved: Row | None = section.model.objects.filter(pk=form.instance.pk).first()  # the typed values are the form's
    fixed = saved is not None and managed(saved)
    if proposal and saved and (page := refusal(request, saved, section.address("edit", saved))):
        return page
    test_url = reverse("mailadmin:test-start-unsaved", args=[section.name])
    if fixed and saved:  # nothing can be typed, and nothing forgotten
        for name in [one for one in form.fields if one.startswith("forget_")]:
            del form.fields[name]
        test_url = reverse("mailadmin:test-start", args=[section.name, saved.pk])
    context = {
        "section": section,
        "form": form,
        "proposal": proposal,
        "row": saved,
        "list_url": section.address("list"),
        "save_url": section.address("edit", saved) if saved else section.address("new"),
        "delete_url": section.address("delete", saved) if saved else "",
        "history_url": section.address("history", saved) if saved else "",
        "fixed": fixed,
        "test_url": test_url,
        "recipient": form.data.get("recipient", getattr(request.user, "email", "")),
        "may_delete": saved is not None and not fixed and request.user.has_perm(section.permission("delete")),
        "may_test": request.user.has_perm("mailadmin.test_route"),
        "size": learned_size(_state_of(saved)),
        "refusals": refused_senders(saved),
        "credentials": credentials_of(saved),
        "no_services": isinstance(form, OAuthServiceForm) and not IntegratedService.objects.exists(),
    }
    return render(request, f"mailadmin/{section.name}/form.html", context)


def _state_of(row: Row | None) -> RouteState | None:
    """Return what sending and testing learned of a saved route."""
    if row is None or isinstance(row, IntegratedService):
        return None
    return RouteState.objects.filter(kind=row.kind, route_id=row.pk).first()


@transaction.atomic
def _save_form(request: HttpRequest, form: Form) -> HttpResponse:
    """Save a valid form with its audit entry, open stopped routes again, and lead to the list."""
    row: Row = form.instance
    section, is_new = section_of(row), row._state.adding
    stored = None if is_new else get_object_or_404(section.model, pk=row.pk)
    if stored and (page := refusal(request, stored, section.address("edit", stored))):
        return page
    plain = audit.plain(stored) if stored else None
    before = audit.snapshot(stored or section.model())  # of a new row only what is not as usual is worth telling
    if is_new and section.is_route:
        last = section.model.objects.aggregate(last=Max("order"))["last"]
        row.order = 0 if last is None else last + 1  # type: ignore[union-attr]  # a route has an order
    form.save()
    changes = audit.diff(before, audit.snapshot(row))
    audit.record(request, "created" if is_new else "changed", row, changes, before=plain)
    _resume(row)
    _tell_saved(request, section, form)
    return redirect(section.address("list"))


def _tell_saved(request: HttpRequest, section: Section, form: Form) -> None:
    row = form.instance
    if section.is_route:
        text, address = _("Test it now"), _test_card(row)
    elif isinstance(row, IntegratedService) and (user := row.oauth_services.first() or row.smtp_connections.first()):
        text, address = _("Now test “{name}”, which signs in with it").format(name=user.name), _test_card(user)
    else:
        text, address = _("Use it in an OAuth service"), OAUTH.address("list")
    messages.success(
        request,
        format_html(_('“{name}” is saved. <a href="{address}">{text}</a>.'), name=row.name, address=address, text=text),
    )
    for warning in getattr(form, "warnings", list)():
        messages.warning(request, warning)


def _test_card(row: Row) -> str:
    """Return the address of Test Connection on the form of `row`."""
    return f"{section_of(row).address('edit', row)}#test"


def delete(section: Section, request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask, saying what hangs on the row, and delete it."""
    row = get_object_or_404(section.model, pk=pk)
    if page := refusal(request, row, section.address("edit", row)):
        return page
    found = removal(row)
    if request.method == "POST" and not found.in_use_by:
        try:
            return _delete(section, request, row)
        except ProtectedError:  # taken into use between the two lines above
            found = removal(row)
    return _delete_page(section, request, row, found)


def _delete_page(section: Section, request: HttpRequest, row: Row, found: Removal) -> HttpResponse:
    context = {
        "section": section,
        "row": row,
        "removal": found,
        "list_url": section.address("list"),
        "edit_url": section.address("edit", row),
    }
    status = 409 if request.method == "POST" else 200
    return render(request, "mailadmin/rows/delete.html", context, status=status)


@transaction.atomic
def _delete(section: Section, request: HttpRequest, row: Row) -> HttpResponse:
    name = row.name
    audit.record(request, "deleted", row, before=audit.plain(row))
    _resume(row)
    row.delete()
    messages.success(request, _("“{name}” is deleted.").format(name=name))
    return redirect(section.address("list"))


@transaction.atomic
def move(section: Section, request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put a route one place up or down (POST `direction`)."""
    rows: list[Any] = list(section.model.objects.select_for_update())
    row = next((each for each in rows if each.pk == pk), None)
    if row is None:
        raise Http404
    if page := refusal(request, row, section.address("edit", row)):
        return page
    place = rows.index(row)
    target = place + (-1 if request.POST.get("direction") == "up" else 1)
    if 0 <= target < len(rows):
        rows[place], rows[target] = rows[target], rows[place]
        for order, other in enumerate(rows):
            if other.order != order:
                section.model.objects.filter(pk=other.pk).update(order=order)
        audit.record(request, "moved", row, {"place": [str(place + 1), str(target + 1)]})
    return redirect(section.address("list"))


@transaction.atomic
def switch(section: Section, request: HttpRequest, pk: UUID) -> HttpResponse:
    """Switch a route on or off (POST `enabled` = "on" or "off")."""
    row: Any = get_object_or_404(section.model, pk=pk)
    if page := refusal(request, row, section.address("edit", row)):
        return page
    wanted = request.POST.get("enabled") == "on"
    if row.enabled != wanted:
        section.model.objects.filter(pk=row.pk).update(enabled=wanted)
        _resume(row)
        audit.record(request, "switched on" if wanted else "switched off", row)
        text = _("“{name}” is used for sending again.") if wanted else _("“{name}” is off.")
        messages.success(request, text.format(name=row.name))
    return redirect(section.address("list"))


def _resume(row: Row) -> None:
    """A changed setting gets a new chance: nothing that was learned of the old one counts."""
    for route in row.routes() if isinstance(row, IntegratedService) else (row,):
        health.resume(route.key)
