"""What holds for every address of the API: it is open to programs (no CSRF, no sign-in of the project, no transaction
around it), its answers are never kept in a cache, and every error is a problem in JSON."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from .endpoints import problem_of
from .problems import Problem

View = Callable[..., HttpResponseBase]


def guarded(view: View) -> View:
    """Return `view` as one of the API."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
            if isinstance(response, HttpResponseNotAllowed):
                response = _not_allowed(request, ", ".join(sorted(response["Allow"].split(", "))))
        except Exception as error:  # of any type: programs get JSON, and no page
            response = problem_of(error).response()
        add_never_cache_headers(response)
        if response.status_code >= 400:
            # Django would log a line for each, and e-mail one for each 503, just when mail does not leave.
            response._has_been_logged = True  # type: ignore[attr-defined]  # Django's own mark
        return response

    return _outside_transactions(csrf_exempt(login_not_required(answer)))


def _not_allowed(request: HttpRequest, allowed: str) -> HttpResponseBase:
    text = _("{method} cannot be used at this address; allowed: {allowed}.").format(
        method=request.method, allowed=allowed
    )
    return Problem(405, "not-allowed", text, headers={"Allow": allowed}).response()


def _outside_transactions(view: View) -> View:
    """Return `view` free of ATOMIC_REQUESTS: a client's row stays locked no longer than it takes to count, and what a
    server took is not rolled back."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view
