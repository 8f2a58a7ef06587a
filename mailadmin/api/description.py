"""The API describes itself: in OpenAPI 3.1 for programs, and on a page for people, made from the same description."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe
from pydantic import BaseModel, Field

from mailadmin.core import limits

from .authentication import DESCRIPTION, NEEDS, client_of
from .endpoints import NAMESPACE, api
from .handing_over import KEY_HEADER
from .page import operations
from .problems import CONTENT_TYPE
from .reading import JSON, MULTIPART
from .schemas import Addresses, AttachmentIn, MessageIn, ResendIn, TestIn, Text

VIEW = "mailadmin.view_apiclient"
_REFERENCE = "#/components/schemas/{model}"


class EventIn(BaseModel):
    """The same in the words of an event. They may stand beside those of a message."""

    model_config = {"extra": "forbid", "strict": True}

    message: Text | None = Field(None, description="The body: plain text, or HTML with `isHtml`.")
    subject: Text | None = None
    isHtml: bool | None = None  # noqa: N815 -- the event's own name
    attachments: list[AttachmentIn] | None = Field(None, max_length=limits.ATTACHMENTS)
    recipients: Addresses | None = Field(None, description="To, with commas between or as a list.")
    endpoint: Text | None = Field(None, max_length=80, description="The endpoint label.")


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """Return the description in OpenAPI, for whoever has a token, and for people who may see the API clients. Raises
    Problem."""
    user = getattr(request, "user", None)
    if "Authorization" in request.headers or user is None or not user.has_perm(VIEW):
        client_of(request, DESCRIPTION)
    return JsonResponse(description())


@require_safe
@login_not_required  # it looks itself, and leads to the sign-in page of the project
def docs(request: HttpRequest) -> HttpResponseBase:
    """Show the page for people. Raises PermissionDenied, and Http404 where there is no console around it."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    try:
        reverse("mailadmin:dashboard")
    except NoReverseMatch:
        raise Http404 from None
    found = description()
    root = request.build_absolute_uri(_root())
    page = {"operations": operations(found, root), "root": root, "limits": limits, "key_header": KEY_HEADER}
    response = render(request, "mailadmin/api/docs.html", page)
    add_never_cache_headers(response)
    return response


def description() -> dict[str, Any]:
    """Return the description in OpenAPI 3.1, with the addresses as this project has them."""
    return _described(_root())


def _root() -> str:
    return reverse(f"{NAMESPACE}:api-root")


@cache
def _described(root: str) -> dict[str, Any]:
    """Return what the library says of the operations, with the bodies, which we read ourselves, and with the type that
    our problems have."""
    found: dict[str, Any] = copy.deepcopy(dict(api.get_openapi_schema(path_prefix=root)))
    schemas = found["components"]["schemas"]
    for model in (MessageIn, EventIn, ResendIn, TestIn):
        schema = model.model_json_schema(ref_template=_REFERENCE)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    for path in found["paths"].values():
        for operation in path.values():
            name = operation["operationId"]
            operation |= _said_of(name)
            operation["parameters"] = [*operation["parameters"], *_HEADERS.get(name, [])]
            scopes = " or ".join(f"`{scope}`" for scope in NEEDS[name].scopes)
            operation["description"] += f"\n\nScope: {scopes}."
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = {CONTENT_TYPE: next(iter(response["content"].values()))}
                if int(status) in (429, 503):
                    response["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return found


def _said_of(name: str) -> dict[str, Any]:
    if name == "send_message":
        either = {"anyOf": [_named(MessageIn), _named(EventIn)]}
        return {"requestBody": {"required": True, "content": {JSON: {"schema": either}, MULTIPART: _as_parts()}}}
    bodies: dict[str, type[BaseModel]] = {"resend_message": ResendIn, "test_connection": TestIn}
    one = bodies.get(name)
    return {"requestBody": {"required": False, "content": {JSON: {"schema": _named(one)}}}} if one else {}


def _as_parts() -> dict[str, Any]:
    """Return a message in multipart: the whole of it as one part in JSON, and its files."""
    file = {"type": "string", "contentMediaType": "application/octet-stream", "contentEncoding": "binary"}
    properties = {"message": _named(MessageIn), "attachments": {"type": "array", "items": file}}
    schema = {
        "type": "object",
        "properties": properties,
        "required": ["message"],
        "description": "The part `message` in JSON, and files. Instead of it each field may be a part of its own.",
    }
    return {"schema": schema, "encoding": {"message": {"contentType": JSON}}}


def _named(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


_HEADERS: dict[str, list[dict[str, Any]]] = {
    "send_message": [
        {
            "in": "header",
            "name": KEY_HEADER,
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 167, "pattern": "^[!-~]+$"},
            "description": "Your name for the message, so that a repeated request sends nothing twice.",
        }
    ]
}
