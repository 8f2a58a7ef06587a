"""Who may open a page: every view function says which permissions it needs, and nothing opens without."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.auth.views import redirect_to_login
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def needs(*permissions: str) -> Callable[[View], View]:
    """Return a decorator that opens a view only to users with all `permissions` ("mailadmin.view_delivery").

    Without permissions, signing in is enough. Somebody who is not signed in is led to the sign-in page,
    somebody without the right gets a page (403) that names what is missing and who can give it. No answer is kept
    in a cache: pages show addresses and subjects, and must not come back after signing out.
    """

    return _guard(permissions, lambda missing: missing)


def needs_any(*permissions: str) -> Callable[[View], View]:
    """Return a decorator as that of `needs`, where one of `permissions` is enough."""
    return _guard(permissions, lambda missing: missing if len(missing) == len(permissions) else [])


def _guard(permissions: tuple[str, ...], wanting: Callable[[list[str]], list[str]]) -> Callable[[View], View]:
    """Return the decorator; `wanting` picks from what a user does not have what keeps them out."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            missing = wanting([name for name in permissions if not request.user.has_perm(name)])
            response = refuse(request, missing) if missing else view(request, *args, **kwargs)
            add_never_cache_headers(response)
            return response

        guarded.needs = permissions  # type: ignore[attr-defined]  # what a test walks through
        return cast("View", guarded)

    return decorate


def refuse(request: HttpRequest, missing: Iterable[str]) -> HttpResponse:
    """Return the calm 403 page: which permissions (such as "mailadmin.view_delivery") are missing, and who
    can give them."""
    return render(request, "mailadmin/403.html", {"missing": permission_names(missing)}, status=403)


def permission_names(permissions: Iterable[str]) -> list[str]:
    """Return what the permissions are called in Django's admin ("Can view delivery"), else their codes."""
    wanted = list(permissions)
    query = Q(pk__in=())
    for label, _, codename in (name.partition(".") for name in wanted):
        query |= Q(content_type__app_label=label, codename=codename)
    found = {
        f"{row.content_type.app_label}.{row.codename}": row.name
        for row in Permission.objects.filter(query).select_related("content_type")
    }
    return [found.get(name, name) for name in wanted]


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead to the sign-in page; a request by htmx must load it as a page, not into a fragment."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": resolve_url(settings.LOGIN_URL)})
    # A POST cannot be repeated after signing in.
    return redirect_to_login(request.get_full_path() if request.method in ("GET", "HEAD") else page_before(request))


def page_before(request: HttpRequest) -> str:
    """Return the page of ours on which a button was pressed; the dashboard when the browser does not say."""
    page = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return page if ours else reverse("mailadmin:dashboard")
