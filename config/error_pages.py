"""The console's own pages for refusals and errors: calm, without a trace of the inside."""

from __future__ import annotations

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def not_understood(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the 400 page, which needs neither user nor database; an unknown host name gets the remedy."""
    context = {"unknown_host": isinstance(exception, DisallowedHost)}
    return render(request, "mailadmin/400.html", context, status=400)


def not_ours(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return the 403 page of a form without the right token: it is old, or it was forged (`CSRF_FAILURE_VIEW`)."""
    return render(request, "mailadmin/403_csrf.html", status=403)


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the 403 page of a refusal that comes from Django itself."""
    return render(request, "mailadmin/403.html", {"reason": str(exception)}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the 404 page; somebody who is not signed in sees it without the side bar."""
    return render(request, "mailadmin/404.html", status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """Return the 500 page, which needs neither user nor database."""
    return render(request, "mailadmin/500.html", status=500)
