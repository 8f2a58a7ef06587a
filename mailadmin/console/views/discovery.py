"""The page that finds the server of an e-mail address, and offers a start from a provider."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from mailadmin import conf
from mailadmin.console.access import needs, refuse
from mailadmin.console.discovery import cards, gallery, search, tried_in_vain
from mailadmin.console.forms.discovery import DiscoveryForm
from mailadmin.console.haste import TooHasty
from mailadmin.net import resolver
from mailadmin.probes.discovery import Found


@require_http_methods(["GET", "POST"])
@needs("mailadmin.add_smtpconnection")
def discovery(request: HttpRequest) -> HttpResponse:
    """Show the form and the providers; with a POST, what was found. It opens connections, so it needs the right to test
    too, and no link can start it."""
    may_search = request.user.has_perm("mailadmin.test_route")
    if request.method == "POST" and not may_search:
        return refuse(request, ["mailadmin.test_route"])
    form = DiscoveryForm(request.POST or None)
    found = _found(request, form)
    context = {
        "form": form,
        "may_search": may_search,
        "missing": "" if resolver.available() else resolver.MISSING,
        "found": found,
        "cards": cards(found) if found else [],
        "in_vain": tried_in_vain(found.in_vain) if found else [],
        "gallery": gallery(),
    }
    return render(request, "mailadmin/discovery/discovery.html", context)


def _found(request: HttpRequest, form: DiscoveryForm) -> Found | None:
    if not form.is_valid():
        return None
    try:
        return search(request, form.cleaned_data["address"])
    except (TooHasty, conf.ConfigurationError) as error:
        form.add_error("address", str(error))
        return None
