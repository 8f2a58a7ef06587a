"""Sender domains: what their DNS says, what follows for each route, and what to publish."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from mailadmin.console import audit, haste
from mailadmin.console.access import needs
from mailadmin.console.domains import in_words, parts_of, row_of, tree_of
from mailadmin.console.forms.domains import AddDomainForm, SelectorsForm
from mailadmin.console.managed import refusal
from mailadmin.console.sections import ROUTES
from mailadmin.core import limits
from mailadmin.models import SenderDomain
from mailadmin.net.resolver import MISSING, DnsUnavailable, available
from mailadmin.watch.sender_domains import DomainInUse, refresh, sender_domain, sender_domains


@require_GET
@needs("mailadmin.view_senderdomain")
def domain_list(request: HttpRequest) -> HttpResponse:
    """Show every domain that mail is sent from, with the state of its records."""
    return _listing(request, AddDomainForm())


@require_POST
@needs("mailadmin.change_senderdomain")
def add(request: HttpRequest) -> HttpResponse:
    """Look after one more domain, and read its DNS."""
    form = AddDomainForm(request.POST)
    if not form.is_valid():
        return _listing(request, form)
    row = form.save()
    audit.record(request, "created", row)
    _read(request, _found(row.domain))
    return redirect("mailadmin:domain", domain=row.domain)


@require_GET
@needs("mailadmin.view_senderdomain")
def domain(request: HttpRequest, domain: str) -> HttpResponse:
    """Show one domain: all findings, the SPF tree and the routes that send as it."""
    found = _found(domain)
    return _page(request, found, SelectorsForm(instance=found.row))


@require_POST
@needs("mailadmin.test_route")
def read(request: HttpRequest, domain: str) -> HttpResponse:
    """Read the DNS of a domain now, unless that was just done."""
    found = _found(domain)
    if found.row.read_at and timezone.now() - found.row.read_at < timedelta(seconds=limits.DNS_READ_AGAIN_SECONDS):
        messages.info(request, _("The DNS was read a moment ago; a change there takes minutes to show."))
        return redirect("mailadmin:domain", domain=domain)
    try:
        haste.note(request, "read the DNS", found.row)
    except haste.TooHasty as error:
        messages.warning(request, str(error))
    else:
        _read(request, found)
    return redirect("mailadmin:domain", domain=domain)


@require_POST
@needs("mailadmin.change_senderdomain")
def selectors(request: HttpRequest, domain: str) -> HttpResponse:
    """Save the DKIM selectors of a domain, and look for their keys."""
    found = _found(domain)
    if page := refusal(request, found.row, reverse("mailadmin:domain", args=[domain])):
        return page
    before = audit.snapshot(found.row)
    form = SelectorsForm(request.POST, instance=found.row)
    if not form.is_valid():
        return _page(request, _found(domain), form)
    row = form.save()
    if changes := audit.diff(before, audit.snapshot(row)):
        audit.record(request, "changed", row, changes)
        _read(request, _found(domain))
    return redirect("mailadmin:domain", domain=domain)


@require_POST
@needs("mailadmin.change_senderdomain")
def forget(request: HttpRequest, domain: str) -> HttpResponse:
    """Forget what was read and typed of a domain; one that a route uses stays in the list."""
    found = _found(domain)
    if page := refusal(request, found.row, reverse("mailadmin:domain", args=[domain])):
        return page
    if found.row.pk:
        audit.record(request, "deleted", found.row)
        SenderDomain.objects.filter(pk=found.row.pk).delete()
        messages.success(request, _("What was known of {domain} is forgotten.").format(domain=domain))
    return redirect("mailadmin:domain-list")


def _found(domain: str) -> DomainInUse:
    """Return the domain. Raises Http404 for one that nobody uses or added."""
    found = sender_domain(domain)
    if found is None:
        raise Http404
    return found


def _read(request: HttpRequest, found: DomainInUse) -> None:
    """Read the DNS and tell the person how it stands, or that nothing was answered."""
    try:
        refresh(found)
    except DnsUnavailable as error:
        text = _(
            "The DNS of {domain} could not be read. {reason} Check the network of this server, or name other DNS "
            "resolvers on the Settings page."
        )
        messages.error(request, text.format(domain=found.domain, reason=error))
    else:
        messages.success(request, _("The DNS of {domain} was read.").format(domain=found.domain))


def _listing(request: HttpRequest, form: AddDomainForm) -> HttpResponse:
    kinds = _may_change(request)
    rows = [row_of(found, kinds) for found in sender_domains()]
    return render(request, "mailadmin/domains/list.html", {"rows": rows, "form": form, **_common(request)})


def _page(request: HttpRequest, found: DomainInUse, form: SelectorsForm) -> HttpResponse:
    findings = found.findings()
    context = {
        "found": found,
        "row": row_of(found, _may_change(request)),
        "parts": parts_of(findings),
        "summary": in_words(findings),
        "tree": tree_of(found),
        "form": form,
        "lookups": limits.SPF_LOOKUPS,
    }
    return render(request, "mailadmin/domains/domain.html", context | _common(request))


def _common(request: HttpRequest) -> dict[str, Any]:
    return {
        "missing": "" if available() else MISSING,
        "may_change": request.user.has_perm("mailadmin.change_senderdomain"),
        "may_read": request.user.has_perm("mailadmin.test_route") and available(),
    }


def _may_change(request: HttpRequest) -> list[str]:
    return [kind for kind, section in ROUTES.items() if request.user.has_perm(section.permission("change"))]
