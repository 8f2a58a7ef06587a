"""The look that a browser asked for: light, dark, or as the system says. Kept in a cookie, so that the
server can write it into the page and nothing flashes."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from .access import needs

COOKIE = "mailadmin_theme"
COOKIE_SECONDS = 365 * 24 * 60 * 60
THEMES = ("light", "dark")


def theme_of(request: HttpRequest) -> str:
    """Return "light" or "dark", or "" for what the system says."""
    chosen = request.COOKIES.get(COOKIE, "")
    return chosen if chosen in THEMES else ""


@require_POST
@needs()
def theme(request: HttpRequest) -> HttpResponse:
    """Store the chosen theme and go back to the page (POST `theme`, `next`)."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        back = reverse("mailadmin:dashboard")
    response = HttpResponseRedirect(back)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(COOKIE, chosen, COOKIE_SECONDS, samesite="Lax", httponly=True, secure=request.is_secure())
    else:
        response.delete_cookie(COOKIE, samesite="Lax")
    return response
