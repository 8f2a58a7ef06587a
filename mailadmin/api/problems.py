"""What goes wrong, as programs read it: problem details (RFC 9457) with our own members.

    {"type": "about:blank", "title": "Unprocessable Content", "status": 422, "code": "bad-address",
     "detail": "…", "field": "to.2", "cause": "…", "remedy": ["…"], "owner": "…",
     "errors": [{"field": "to.2", "code": "bad-address", "message": "…", "remedy": ["…"]}]}

`code` and `field` are for programs and stay as they are; the other texts are for people, in the language that the
request asks for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _

from mailadmin.core.errors import BadMessage, MailError, RecipientsRefused, Scope, SendingHeld
from mailadmin.core.fault import Kind

CONTENT_TYPE = "application/problem+json"

_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}  # RFC 9110; Python 3.11 has the older words
_CONFLICTS = (Kind.KEY_REUSED, Kind.CONTENT_LOST)
_TOO_LARGE = (Kind.TOO_LARGE, Kind.ATTACHMENTS_TOO_LARGE)
_UNAVAILABLE = (Kind.NO_ROUTE, Kind.ROUTE_RESTING, Kind.ROUTE_PAUSED, Kind.QUEUE_UNAVAILABLE, Kind.PACED, Kind.BUSY)


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong with a request: in which field ("" for none), by which code, in a sentence, and what to
    do about it."""

    field: str
    code: str
    message: str
    remedy: Sequence[str] = ()


@dataclass
class Problem(Exception):
    """An answer that is no success. `more` are further members of the body, `headers` of the answer."""

    status: int
    code: str
    detail: str
    errors: Sequence[Wrong] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the problem as JSON has it."""
        return {
            "type": "about:blank",
            "title": _TITLES.get(self.status) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "errors": [asdict(one) | {"remedy": list(one.remedy)} for one in self.errors],
            **({"field": self.errors[0].field} if len(self.errors) == 1 and self.errors[0].field else {}),
            **self.more,
        }

    def response(self) -> HttpResponse:
        """Return the answer."""
        return HttpResponse(
            json.dumps(self.body()), status=self.status, content_type=CONTENT_TYPE, headers=dict(self.headers)
        )


def bad_request(detail: str, code: str = "bad-request", status: int = 400) -> Problem:
    """Return the problem of a request that cannot be read."""
    return Problem(status, code, detail)


def bad_fields(errors: Sequence[Wrong]) -> Problem:
    """Return the problem of a request whose fields `errors` are wrong."""
    detail = errors[0].message
    if others := len(errors) - 1:
        detail = _("{first} There is more to correct: see “errors” ({number}).").format(first=detail, number=others + 1)
    return Problem(422, errors[0].code, detail, errors)


def too_soon(code: str, detail: str, seconds: float) -> Problem:
    """Return the problem of a client that has used up what it may; it may come again in `seconds`."""
    return Problem(429, code, detail, headers={"Retry-After": str(max(1, math.ceil(seconds)))})


def of_error(error: MailError, place: str = "") -> Problem:
    """Return the problem of a message that was not sent. `place` is the field that is wrong, by the name that the
    caller gave it."""
    known, fault = error.explanation, error.fault
    said = f"{known.title} {fault.text}".strip()
    wrong = [
        Wrong("", one.code, f"{address}: {one.summary}", one.explanation.remedy)
        for address, one in error.recipients.items()
    ]
    if place or isinstance(error, BadMessage):
        wrong = [Wrong(place, error.code, said, known.remedy)]
    seconds = fault.retry_after
    return Problem(
        status_of(error),
        error.code,
        said,
        wrong,
        {"cause": known.cause, "remedy": list(known.remedy), "owner": known.owner.label},
        {"Retry-After": str(max(1, math.ceil(seconds)))} if seconds is not None else {},
    )


def status_of(error: MailError) -> int:
    """Return the status that says whose turn it is: 4xx the caller's, who has to change the request; 502 a server's or
    an administrator's; 503 nobody's but time's, or that of whoever holds the mail."""
    kind = error.fault.kind
    if kind in _CONFLICTS:
        return 409
    if kind in _TOO_LARGE:
        return 413
    if isinstance(error, BadMessage):
        return 422
    if isinstance(error, SendingHeld) or kind in _UNAVAILABLE or error.temporary:
        return 503
    if isinstance(error, RecipientsRefused) or error.scope in (Scope.MESSAGE, Scope.RECIPIENT):
        return 422
    return 502
