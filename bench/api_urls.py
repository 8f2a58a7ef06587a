"""What the benchmark of the API asks: ours, a view that does nothing, and one as a project would write with a peer."""

from __future__ import annotations

import json
from importlib.util import find_spec

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def nothing(request: HttpRequest) -> HttpResponse:
    """Read the message and answer: what server and framework cost."""
    json.loads(request.body)
    return JsonResponse({"id": "none"}, status=202)


@csrf_exempt
def post_office(request: HttpRequest) -> HttpResponse:
    """Queue by django-post-office; no token, no limit, no log of recipients."""
    from post_office import mail

    asked = json.loads(request.body)
    taken = mail.send([asked["to"]], "shop@example.org", subject=asked["subject"], message=asked["text"])
    return JsonResponse({"id": str(taken.pk)}, status=202)


urlpatterns = [
    path("api/", include("mailadmin.api.urls")),
    path("nothing", nothing),
    *([path("post-office", post_office)] if find_spec("post_office") else []),
]
