"""The operations of the API, version 1: each one says what it does, and leaves the doing to others."""

from __future__ import annotations

import logging
from typing import Any, cast
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import NinjaAPI, Query, Status
from ninja.errors import HttpError, ValidationError

from mailadmin.core.errors import MailError
from mailadmin.models import ApiClient
from mailadmin.watch import vitals as reading

from . import asking, changing, handing_over
from .allowance import give_back, given_back_when_refused
from .authentication import ApiToken
from .fields import checked, only_known, unfit
from .problems import Problem, bad_fields, bad_request, of_error
from .reading import fields_of, json_object
from .schemas import FiltersIn, HealthOut, MessageOut, PageOut, ProblemOut, ResendIn, TakenOut, TestIn, TestOut, Text

logger = logging.getLogger("mailadmin.api")

NAMESPACE = "mailadmin-api"
api = NinjaAPI(
    title="mailadmin",
    version="1",
    description="Hand over messages, and ask what became of them.",
    urls_namespace=NAMESPACE,
    openapi_url=None,  # our own view gives it, to who may read it
    docs_url=None,
)

_ALWAYS = (401, 403, 429, 500, 503)


def _operation(name: str, status: int, answer: Any, *problems: int, summary: str) -> dict[str, Any]:
    """Return what the library is told of the operation `name`: whom it lets in, and which answers it gives."""
    responses = {status: answer} | dict.fromkeys(sorted({*_ALWAYS, *problems}), ProblemOut)
    return {
        "auth": ApiToken(name),
        "operation_id": name,
        "url_name": name.replace("_", "-"),
        "response": responses,
        "by_alias": True,
        "summary": summary,
    }


@api.post(
    "/v1/messages",
    **_operation("send_message", 202, TakenOut, 400, 409, 411, 413, 415, 422, 502, summary="Hand over a message"),
)
def send_message(request: HttpRequest, response: HttpResponse) -> Status[TakenOut]:
    """Take a message as JSON or as multipart, and send or queue it.

    The answer says how far it is: `queued`, or, where this site sends directly, what became of it. `unsure` means that
    nobody knows whether the server took it; do not send it again.

    With the header `Idempotency-Key` (a name of yours for the message) a request that you repeat sends nothing twice:
    the answer tells of the first message, with the header `Idempotent-Replayed: true`. The same key with another
    message is refused (409).
    """
    client = _client(request)
    with given_back_when_refused(client):
        fields, files = fields_of(request)
        result = handing_over.hand_over(client, fields, files, request.headers.get(handing_over.KEY_HEADER))
    if result.delivery_id:
        response["Location"] = reverse(f"{NAMESPACE}:read-message", args=[result.delivery_id])
    if result.repeated:
        give_back(client)
        response["Idempotent-Replayed"] = "true"
    return Status(202, asking.taken(result))


@api.get("/v1/messages", **_operation("list_messages", 200, PageOut, 422, summary="List messages"))
def list_messages(request: HttpRequest, filters: Query[FiltersIn]) -> Status[PageOut]:
    """List messages, newest first: those of this client, or all with the scope `read`."""
    only_known(tuple(request.GET), tuple(FiltersIn.model_fields))
    return Status(200, asking.page(_client(request), filters))


@api.get("/v1/messages/{uuid:id}", **_operation("read_message", 200, MessageOut, 404, summary="Read a message"))
def read_message(request: HttpRequest, id: UUID) -> Status[MessageOut]:  # noqa: A002 -- as in the address
    """Tell what became of a message: its state, that of each recipient, and each attempt with the server's answer."""
    return Status(200, asking.told(asking.one(_client(request), id)))


@api.post(
    "/v1/messages/{uuid:id}/cancel",
    **_operation("cancel_message", 200, MessageOut, 404, 409, summary="Cancel a message"),
)
def cancel_message(request: HttpRequest, id: UUID) -> Status[MessageOut]:  # noqa: A002 -- as in the address
    """Send a message that waits to nobody any more. Who has it already, has it."""
    return Status(200, asking.told(changing.cancel(request, _client(request), id)))


@api.post(
    "/v1/messages/{uuid:id}/resend",
    **_operation(
        "resend_message", 202, MessageOut, 400, 404, 409, 411, 413, 415, 422, 502, summary="Send a message again"
    ),
)
def resend_message(request: HttpRequest, id: UUID) -> Status[MessageOut]:  # noqa: A002 -- as in the address
    """Send a message of the log again, where its content was kept. The answer is the new message; look at its state."""
    client = _client(request)
    with given_back_when_refused(client):
        asked = checked(ResendIn, json_object(request, empty=True))
        return Status(202, asking.told(changing.resend(request, client, id, asked)))


@api.post(
    "/v1/connections/{path:name}/test",
    **_operation("test_connection", 200, TestOut, 400, 404, 409, 411, 413, 415, 422, summary="Test a connection"),
)
def test_connection(request: HttpRequest, name: Text) -> Status[TestOut]:
    """Test an SMTP connection, an OAuth service or an integrated service as the console does, and give every step.
    With a recipient a real message is sent. It may take minutes where a server does not answer."""
    asked = checked(TestIn, json_object(request, empty=True))
    return Status(200, changing.test(_client(request), name, asked.recipient or ""))


@api.get("/v1/health", **_operation("read_health", 200, HealthOut, summary="Ask whether mail leaves"))
def read_health(request: HttpRequest) -> Status[HealthOut]:
    """Tell whether mail leaves, and everything that was read to say so. The status is 200 also when it does not."""
    vitals = reading.read()
    faults = reading.faults(vitals)
    return Status(200, HealthOut(status="failing" if faults else "ok", faults=faults, **reading.details(vitals)))


def _client(request: HttpRequest) -> ApiClient:
    return cast("ApiClient", request.auth)  # type: ignore[attr-defined]  # the library puts it there


# -- what goes wrong --------------------------------------------------------------------------------------


def problem_of(error: Exception) -> Problem:
    """Return the problem that an error is; what nobody expected is logged, and no word of it told."""
    match error:
        case Problem():
            return error
        case ValidationError():
            return bad_fields([unfit(one) for one in error.errors])
        case MailError():
            return of_error(error)
        case ImproperlyConfigured():
            return Problem(503, "not-set-up", str(error))
        case Error():
            text = _("The database of this server cannot be used just now ({error}). Try again a little later.")
            return Problem(503, "unavailable", text.format(error=type(error).__name__))
        case Http404():
            return Problem(404, "not-found", _("There is nothing at this address."))
        case HttpError():
            return bad_request(_("The request cannot be read."), status=error.status_code)
    logger.error("A request to the API ended with an unexpected error.", exc_info=error)
    text = _("This server made an error of its own. It is in its log, for its administrator.")
    return Problem(500, "server-error", text)


@api.exception_handler(Exception)
@api.exception_handler(ValidationError)
@api.exception_handler(Http404)
@api.exception_handler(HttpError)
def _failed(request: HttpRequest, error: Any) -> HttpResponse:
    return problem_of(error).response()
