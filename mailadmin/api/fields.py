"""From the fields of a request to a checked message of the API, and from what is wrong with it to the names that the
caller used."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .problems import Wrong, bad_fields
from .schemas import EVENT_NAMES, AttachmentIn, MessageIn

Model = TypeVar("Model", bound=BaseModel)
Given = Mapping[str, str]  # what the caller called a field, by its name here

# What `mailadmin.Message` calls what the API calls otherwise.
_OF_MESSAGE = {"from_email": "from", "body": "text", "idempotency_key": "Idempotency-Key", "endpoint": "label"}
# Headers that say nothing about who sends or gets a message, or how it is built. All others have fields, or are made.
_HEADER_NAME = re.compile(r"(X|List)-[!-9;-~]{1,70}", re.IGNORECASE)
_HEADERS = frozenset(
    (
        *("auto-submitted", "comments", "feedback-id", "in-reply-to", "keywords", "organization", "precedence"),
        *("references", "sensitivity", "thread-index", "thread-topic"),
    )
)
_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


def message_of(fields: Mapping[str, Any]) -> tuple[MessageIn, Given]:
    """Return the message that `fields` describe, and what the caller called them. Raises Problem."""
    values: dict[str, Any] = {}
    given: dict[str, str] = {}
    for name, value in fields.items():
        known = EVENT_NAMES.get(name, name)
        if known in given and value is not None and values[known] is not None:
            text = _("“{one}” and “{other}” say the same; give one of them.").format(one=given[known], other=name)
            raise bad_fields([Wrong(name, "given-twice", text)])
        if known not in given or value is not None:
            values[known], given[known] = value, name
    found = checked(MessageIn, values, given)
    if wrong := [*_wrong_headers(found.headers or {})]:
        raise bad_fields(wrong)
    return found, given


def checked(model: type[Model], values: Mapping[str, Any], given: Given | None = None) -> Model:
    """Return `values` as `model`. Raises Problem (422) that names every field that does not fit."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise bad_fields(
            [_wrong(one, given or {}) for one in error.errors(include_url=False, include_input=False)]
        ) from None


def named(place: str, given: Given) -> str:
    """Return the field `place` of a message ("to.2") by the name that the caller gave it."""
    first, dot, rest = place.partition(".")
    first = _OF_MESSAGE.get(first, first)
    return f"{given.get(first, first)}{dot}{rest}"


def content_of(attachment: AttachmentIn, place: int) -> bytes:
    """Return the bytes of an attachment; `place` counts from 1. Raises Problem."""
    letters = attachment.content.translate({ord(blank): None for blank in " \t\r\n"})
    try:
        return base64.b64decode(letters.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        text = _("Attachment {place} is not in base64 (RFC 4648), with its padding.").format(place=place)
        raise bad_fields([Wrong(f"attachments.{place}.content", "bad-base64", text)]) from None


def _wrong_headers(headers: Mapping[str, str]) -> Sequence[Wrong]:
    found = []
    for name, value in headers.items():
        shown = name[:60]
        if not (_HEADER_NAME.fullmatch(name) or name.lower() in _HEADERS):
            text = _("The header “{name}” cannot be set here: X-… and List-… can, and {others}.").format(
                name=shown, others=", ".join(sorted(_HEADERS))
            )
            found.append(Wrong(f"headers.{shown}", "header-not-allowed", text))
        elif _BREAKS.search(value):
            text = _("The header “{name}” holds a line break or control character.").format(name=shown)
            found.append(Wrong(f"headers.{shown}", "bad-header", text))
    return found


def _wrong(error: ErrorDetails, given: Given) -> Wrong:
    first, *rest = error["loc"] or ("",)
    places = [str(one + 1) if isinstance(one, int) else one for one in rest if one != "[key]"]
    place = ".".join([given.get(str(first), str(first)), *places])[:200]
    code, text = _said(error, place)
    return Wrong(place, code, text)


def _said(error: ErrorDetails, place: str) -> tuple[str, str]:
    """Return the code and the sentence for what the library found at `place`."""
    kind, ctx = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown-field", _("There is no field “{name}” here.").format(name=place)
    if kind == "missing":
        return "missing", _("The field “{name}” is missing.").format(name=place)
    if kind in ("string_type", "string_unicode"):
        return "wrong-type", _("“{name}” must be a text.").format(name=place)
    if kind in ("bool_type", "bool_parsing"):
        return "wrong-type", _("“{name}” must be true or false.").format(name=place)
    if kind == "list_type":
        return "wrong-type", _("“{name}” must be a list.").format(name=place)
    if kind in ("dict_type", "dict_attributes_type"):
        return "wrong-type", _("“{name}” must be an object with names and texts.").format(name=place)
    if kind in ("model_type", "model_attributes_type"):
        text = _("“{name}” must be an object with “name” and “content” (in base64); a path is never read.")
        return "wrong-type", text.format(name=place)
    if kind == "literal_error":
        return "bad-value", _("“{name}” must be {choices}.").format(name=place, choices=ctx.get("expected", ""))
    if kind in ("too_long", "string_too_long"):
        text = _("“{name}” is longer than {number}.").format(name=place, number=ctx.get("max_length", ""))
        return "too-long", text
    if kind in ("bad-text", "bad-time", "wrong-type"):
        return kind, error["msg"]
    return "bad-value", f"“{place}”: {error['msg']}."


def only_known(names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a parameter of the address that is none of `known`: a mistyped filter would filter nothing. Raises
    Problem."""
    if wrong := [name[:60] for name in names if name not in known]:
        text = _("There is no parameter “{name}” here; there are {known}.")
        raise bad_fields(
            [Wrong(name, "unknown-field", text.format(name=name, known=", ".join(known))) for name in wrong]
        )


def unfit(error: Mapping[str, Any]) -> Wrong:
    """Return what is wrong with a parameter of the address, from what the library says of it."""
    where, *place = error["loc"]
    details = ErrorDetails(type=error["type"], loc=tuple(place[-1:]), msg=error["msg"], input=None)
    if "ctx" in error:
        details["ctx"] = error["ctx"]
    wrong = _wrong(details, {})
    return wrong if where != "body" else Wrong("", wrong.code, wrong.message)
