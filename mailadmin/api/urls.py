"""The addresses of the API. A project includes them where it likes: `path("mail/api/", include("mailadmin.api.urls"))`.

Raises ImproperlyConfigured without django-ninja.
"""

from __future__ import annotations

from importlib.util import find_spec

from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, re_path

if find_spec("ninja") is None:
    raise ImproperlyConfigured(
        "The HTTP API of mailadmin needs django-ninja, which is not installed. Install it with "
        '"pip install mailadmin[api]", or remove "mailadmin.api.urls" from the addresses of this project.'
    )

from .description import docs, openapi
from .endpoints import NAMESPACE, api
from .guard import guarded


def nothing(request: HttpRequest) -> HttpResponseBase:
    """Say in JSON that there is nothing at this address."""
    raise Http404


def _guarded(pattern: URLPattern) -> URLPattern:
    return URLPattern(pattern.pattern, guarded(pattern.callback), pattern.default_args, pattern.name)


app_name = NAMESPACE
urlpatterns = [
    path("docs/", docs, name="docs"),
    path("v1/openapi.json", guarded(openapi), name="openapi"),
    *(_guarded(pattern) for pattern in api.urls[0] if isinstance(pattern, URLPattern)),
    re_path(r"^[\s\S]*\Z", guarded(nothing), name="nothing"),
]
