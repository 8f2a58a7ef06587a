"""What monitors read: whether mail leaves, and the numbers behind it. The two pages that need no sign-in."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe

from mailadmin import conf
from mailadmin.console import metrics as writing
from mailadmin.core.errors import MailError
from mailadmin.watch import vitals as reading

VIEW = "mailadmin.view_delivery"
View = Callable[[HttpRequest], HttpResponse]


def _for_monitors(view: View) -> View:
    """Return `view` open to everybody, whatever the project asks for; it looks itself at who may see what."""
    return login_not_required(require_safe(never_cache(view)))


@_for_monitors
def health(request: HttpRequest) -> HttpResponse:
    """Say "ok" (200) or "failing" (503); to those who may see the log, why, and everything that was read."""
    vitals, found = _examined()
    answer: dict[str, Any] = {"status": "failing" if found else "ok"}
    if may_see(request):
        answer |= {"faults": found, **(reading.details(vitals) if vitals else {})}
    return _quietly(JsonResponse(answer, status=503 if found else 200))


@_for_monitors
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the numbers for Prometheus (200); 403 for whoever may not see them, 503 when they cannot be read."""
    if not may_see(request):
        return _text('Send the token of MAILADMIN["METRICS_TOKEN"] (Authorization: Bearer ...), or sign in.\n', 403)
    vitals, found = _examined()
    if vitals is None:
        return _quietly(_text("".join(f"{sentence}\n" for sentence in found), 503))
    text = writing.exposition(writing.gauges(vitals, healthy=not found))
    return HttpResponse(text, content_type=writing.CONTENT_TYPE)


@sensitive_variables()
def may_see(request: HttpRequest) -> bool:
    """Tell whether the request comes with the token of the deployment, or from somebody who may see the log. A wrong
    token is refused whoever sends it."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        try:
            token = conf.metrics_token()
        except conf.ConfigurationError:
            return False  # the system check says what is wrong
        return token is not None and hmac.compare_digest(given.strip().encode(), token.reveal().encode())
    try:
        return hasattr(request, "user") and request.user.has_perm(VIEW)
    except Error:
        return False  # nobody knows who it is


def _examined() -> tuple[reading.Vitals | None, list[str]]:
    """Return what was read, None when it cannot be, and what is wrong."""
    try:
        vitals = reading.read()
        return vitals, reading.faults(vitals)
    except Error as error:
        return None, [f"The database cannot be read ({type(error).__name__})."]
    except (ImproperlyConfigured, MailError) as error:
        return None, [str(error)]


def _quietly(response: HttpResponse) -> HttpResponse:
    """Return `response`, which Django is not to log: a line for each 503 would be an e-mail to ADMINS for each look of
    a monitor, just when mail does not leave."""
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django's own mark
    return response


def _text(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
