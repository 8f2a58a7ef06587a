"""The shapes of what comes in and of what goes out, as the OpenAPI description has them.

What a message must be is not decided here but where it is built (`mailadmin.Message`), so that Python, the shell, the
browser and the API agree; here only the form is looked at.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.utils.translation import gettext as _
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState, RecipientState

# What the event of a process engine calls a field (S18), and what it is called in the message.
EVENT_NAMES = {"message": "text", "isHtml": "is_html", "recipients": "to", "endpoint": "label"}

_UNFIT = re.compile(r"[\x00\ud800-\udfff]")  # what no database takes, and no UTF-8
_PLAIN_TEXT = r"^[^\x00]*$"


def _fit(text: str) -> str:
    if _UNFIT.search(text):
        raise PydanticCustomError("bad-text", _("It holds a NUL, or half of a character, which no message may."))
    return text


def _one_or_more(value: Any) -> Any:
    if isinstance(value, str):
        value = [value] if value.strip() else []  # an empty text names nobody, as in Python
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise PydanticCustomError("wrong-type", _("Give one text with addresses, or a list of such texts."))
    if (number := sum(map(len, value))) > (most := limits.API_ADDRESSES_CHARS):
        raise PydanticKnownError("too_long", {"field_type": "Text", "max_length": most, "actual_length": number})
    return value


def _moment(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    try:
        found = found.astimezone(UTC) if found and found.utcoffset() is not None else None
    except OverflowError:  # the first or the last day that there is
        found = None
    if found is None:
        wanted = _("Give a moment with its time zone, such as 2026-05-01T09:00:00+02:00.")
        raise PydanticCustomError("bad-time", wanted)
    return found


Text = Annotated[str, AfterValidator(_fit), Field(json_schema_extra={"pattern": _PLAIN_TEXT})]
Addresses = Annotated[
    list[Text],
    BeforeValidator(_one_or_more),
    Field(max_length=limits.MESSAGE_RECIPIENTS),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "maxItems": limits.MESSAGE_RECIPIENTS},
            ]
        }
    ),
]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Names = dict[Text, Text]
HeaderText = Annotated[Text, Field(max_length=limits.API_HEADER_CHARS)]
PriorityName = Literal["urgent", "normal", "non-urgent"]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)


class AttachmentIn(_In):
    """A file, as it is and not as a path."""

    name: Text = Field("", max_length=limits.ATTACHMENT_NAME_CHARS, description="Its name, without folders.")
    type: Text | None = Field(None, description="Its MIME type; guessed from the name when it is missing.")
    content: Text = Field(description="Its bytes in base64 (RFC 4648 section 4).")
    content_id: Text | None = Field(
        None, description="For a picture inside the HTML, which names it as “cid:…”; then it is no attachment to open."
    )


class MessageIn(_In):
    """A message. It needs recipients, unless a connection has default ones. Null means: not given. `message`, `isHtml`,
    `recipients` and `endpoint` are taken for `text`, `is_html`, `to` and `label`."""

    from_: Text | None = Field(
        None, alias="from", description="The sender; without one, that of the client, of the route, or of the site."
    )
    to: Addresses | None = Field(
        None, description="Addresses, each with a name if you like; one text may hold several, separated by commas."
    )
    cc: Addresses | None = Field(None, description="Who gets a copy, named to everybody.")
    bcc: Addresses | None = Field(None, description="Who gets a copy, named to nobody.")
    reply_to: Addresses | None = Field(None, description="Where answers go.")
    subject: HeaderText | None = Field(None, description="One line.")
    text: Text | None = Field(
        None, description="The body as plain text (as HTML with `is_html`); also `message`, as events call it."
    )
    html: Text | None = Field(None, description="The body as HTML; with `text` both are sent, and the reader chooses.")
    is_html: bool | None = Field(None, description="That `text` is HTML.")
    body_format: Text | None = Field(None, description="“text”, “flowed”, “html” or “enriched”.")
    text_from_html: bool | None = Field(None, description="Make the text from the HTML.")
    attachments: list[AttachmentIn] | None = Field(
        None, max_length=limits.ATTACHMENTS, description="Files, as they are; a path is never read."
    )
    headers: dict[Text, HeaderText] | None = Field(
        None, max_length=limits.API_HEADERS, description="Further headers: X-…, List-… and a few others."
    )
    priority: Text | None = Field(None, description="“urgent”, “normal” or “non-urgent”.")
    label: Text | None = Field(None, max_length=80, description="The endpoint label: it groups messages in the log.")
    route: Text | None = Field(None, description="The name of the one connection to use, instead of any.")
    subject_prefix: HeaderText | None = Field(None, description="What stands in front of the subject.")
    delivery: Literal["direct", "queued"] | None = Field(
        None,
        description="“direct”: the answer waits for the server; “queued”: a worker sends; else as the site does.",
    )
    send_at: Moment | None = Field(None, description="Not before this moment (queued messages).")
    expires_at: Moment | None = Field(None, description="Not after this moment (queued messages).")
    on_unsure: Literal["resend", "hold"] | None = Field(
        None, description="What to do when nobody knows whether a server took it; else as the route is set."
    )
    metadata: Names | None = Field(None, description="Your own names and values, shown in the log and told with Done.")


class FiltersIn(BaseModel):
    """Which messages to list."""

    label: Text = Field("", max_length=80, description="Only messages with this endpoint label.")
    state: DeliveryState | None = Field(None, description="Only messages in this state.")
    since: Moment | None = Field(None, description="Only messages that were handed over then or later.")
    cursor: Text = Field("", max_length=200, description="Where to go on: `next` of the page before.")
    limit: int = Field(limits.API_PAGE_ROWS, ge=1, le=limits.API_PAGE_ROWS, description="How many at most.")


class ResendIn(_In):
    """Who gets a message again."""

    whom: Literal["all", "missed"] = Field("all", description="All of its recipients, or who did not surely get it.")
    delivery: Literal["direct", "queued"] | None = None


class TestIn(_In):
    """How to test a connection."""

    recipient: Text | None = Field(None, description="Where a real test message goes; without one, none is sent.")


# -- what goes out ---------------------------------------------------------------------------------------


class RecipientOut(BaseModel):
    """What became of one recipient. `code` and `reason` are those of a refusal."""

    address: str
    state: RecipientState
    code: str = ""
    reason: str = ""


class TakenOut(BaseModel):
    """A message that was taken. Queued, or sent directly: then `state` says how far."""

    id: UUID | None = Field(description="Its number in the log; null where that could not be written.")
    state: DeliveryState
    message_id: str
    route: str = Field(description="The connection that took it; empty while it is queued.")
    reason: str
    repeated: bool = Field(description="The idempotency key was known: nothing was sent, this is the first message.")
    recipients: list[RecipientOut]


class AttemptOut(BaseModel):
    """One try by one connection; `server_code` and `answer` are the server's own."""

    number: int
    started_at: datetime
    duration_ms: int
    route: str
    accepted: bool
    unsure: bool
    phase: str
    code: str
    server_code: str
    answer: str
    problem: str
    remedy: list[str]
    owner: str


class ShortOut(BaseModel):
    """A message in a list."""

    id: UUID
    state: DeliveryState
    created_at: datetime
    finished_at: datetime | None
    subject: str
    sender: str = Field(serialization_alias="from")
    label: str
    route: str
    message_id: str
    code: str
    reason: str
    metadata: dict[str, Any]


class MessageOut(ShortOut):
    """A message with all that is known of it. `next_try_at` and `waits_because` are of one that waits."""

    recipients: list[RecipientOut]
    attempts: list[AttemptOut]
    delivery: Literal["direct", "queued"]
    priority: PriorityName
    send_at: datetime | None
    expires_at: datetime | None
    next_try_at: datetime | None
    waits_because: str
    possible_duplicate: bool
    resend_of: UUID | None


class PageOut(BaseModel):
    """Messages, newest first. `next` is the cursor of the next page, null on the last one; a page may hold fewer
    messages than you asked for, and still have a next one."""

    messages: list[ShortOut]
    next: str | None


class StepOut(BaseModel):
    """One step of a test."""

    key: str
    title: str
    state: str
    fact: str
    notes: list[str]
    seconds: float
    code: str
    problem: str
    cause: str
    remedy: list[str]
    owner: str


class TestOut(BaseModel):
    """A finished test of a connection, with its verdict in a sentence."""

    id: UUID
    name: str
    kind: str
    target: str
    state: str
    verdict: str
    duration_ms: int | None
    steps: list[StepOut]


class HealthOut(BaseModel):
    """Whether mail leaves, and why not; with everything that was read."""

    model_config = ConfigDict(extra="allow")

    status: Literal["ok", "failing"]
    faults: list[str]


class WrongOut(BaseModel):
    """One thing that is wrong; `field` is "" for what is in no field, and counts places from 1 (“to.2”)."""

    field: str
    code: str
    message: str
    remedy: list[str]


class ProblemOut(BaseModel):
    """What went wrong (RFC 9457). `code` and `field` are for programs, the rest is for people."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[WrongOut]
    field: str | None = None
    cause: str | None = None
    remedy: list[str] | None = None
    owner: str | None = None
