"""From a request to the fields of a message: a bounded body, as JSON or as multipart.

The limit of the API (limits.API_REQUEST_BYTES) stands in the place of Django's DATA_UPLOAD_MAX_MEMORY_SIZE, which is
meant for forms: the body is read here, and never by `request.body` or `request.POST`.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from django.http import HttpRequest, UnreadablePostError
from django.utils.translation import gettext as _

from mailadmin.core import limits
from mailadmin.core.sizes import in_words

from .multipart import MultipartError, Part, parts
from .problems import Problem, Wrong, bad_fields, bad_request

JSON, MULTIPART = "application/json", "multipart/form-data"
_FILES = "attachments"  # the one field that takes files
_WHOLE = "message"  # as a part of its own in JSON, it is the whole message
_LISTS = ("to", "cc", "bcc", "reply_to", "recipients")
_TRUTH = ("is_html", "isHtml", "text_from_html")
_OBJECTS = ("headers", "metadata")
_MOST_PARTS = limits.ATTACHMENTS + 100  # more addresses than that stand in one field, with commas


def fields_of(request: HttpRequest) -> tuple[dict[str, Any], list[Part]]:
    """Return the fields that the request gives, by the names that it uses, and its files. Raises Problem."""
    if request.content_type == JSON:
        return json_object(request), []
    if request.content_type == MULTIPART:
        return _of_parts(_parts(request))
    text = _("Send the message as {json} or as {multipart}.").format(json=JSON, multipart=MULTIPART)
    raise Problem(415, "unsupported-type", text, headers={"Accept-Post": f"{JSON}, {MULTIPART}"})


def json_object(request: HttpRequest, *, empty: bool = False) -> dict[str, Any]:
    """Return the JSON object in the body; {} where there may be an `empty` one. Raises Problem."""
    data = _body(request)
    if not data.strip() and empty:
        return {}
    if request.content_type != JSON:
        text = _("Send the body as {json}.").format(json=JSON)
        raise Problem(415, "unsupported-type", text, headers={"Accept-Post": JSON})
    return _object(data)


def _body(request: HttpRequest) -> bytes:
    """Return the body, of which no more than the limit is ever read. Raises Problem."""
    most = limits.API_REQUEST_BYTES
    if _promised(request) > most:
        raise _too_large()
    if hasattr(request, "_body"):  # a middleware of the project has read it
        data = request.body
    else:
        try:
            data = request.read(most + 1)
        except UnreadablePostError:
            raise bad_request(_("The request broke off before its end.")) from None
    if len(data) > most:
        raise _too_large()
    if not data and request.headers.get("Transfer-Encoding"):
        text = _("This server reads no body without a length: send the header “Content-Length”.")
        raise bad_request(text, "length-required", 411)
    return data


def _promised(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _too_large() -> Problem:
    text = _("A request has at most {size}, with its attachments as they are sent.")
    return bad_request(text.format(size=in_words(limits.API_REQUEST_BYTES)), "too-large", 413)


# -- JSON ------------------------------------------------------------------------------------------------


def _object(data: bytes) -> dict[str, Any]:
    """Return the JSON object that `data` is (RFC 8259: in UTF-8, and no name twice). Raises Problem."""
    try:
        found = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise bad_request(_("The JSON is nested too deeply."), "bad-json") from None
    except UnicodeDecodeError:
        raise bad_request(_("The JSON is not in UTF-8."), "bad-json") from None
    except ValueError as error:
        text = _("The body is no JSON that can be read: {error}.").format(error=str(error).removesuffix("."))
        raise bad_request(text, "bad-json") from None
    if not isinstance(found, dict):
        raise bad_request(_("The body must be a JSON object: {…}."), "bad-json")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


# -- multipart -------------------------------------------------------------------------------------------


def _parts(request: HttpRequest) -> list[Part]:
    if hasattr(request, "_files"):  # a middleware of the project has read the form
        if _promised(request) > limits.API_REQUEST_BYTES:
            raise _too_large()
        texts = [Part(name, value.encode()) for name, values in request.POST.lists() for value in map(str, values)]
        files = [
            Part(name, one.read(), one.name or "", one.content_type or "")
            for name, some in request.FILES.lists()
            for one in some
        ]
        return texts + files
    content_params = request.content_params or {}
    try:
        return parts(_body(request), content_params.get("boundary", ""), _MOST_PARTS)
    except MultipartError as error:
        text = _("The multipart body cannot be read. {error}").format(error=error)
        raise bad_request(text, "bad-multipart") from None


def _of_parts(given: list[Part]) -> tuple[dict[str, Any], list[Part]]:
    whole = [part for part in given if part.name == _WHOLE and part.type == JSON]
    files = [part for part in given if part.filename is not None and part not in whole]
    if stray := next((part for part in files if part.name != _FILES), None):
        text = _("Files come in the field “{name}”; “{stray}” is none.").format(name=_FILES, stray=stray.name[:60])
        raise bad_fields([Wrong(stray.name[:60], "unknown-field", text)])
    texts = [part for part in given if part not in files and part not in whole]
    if whole:
        if len(whole) > 1 or texts:
            text = _("Beside the part “{name}” in JSON, which holds the whole message, there are only files.")
            raise bad_request(text.format(name=_WHOLE), "bad-multipart")
        return _object(whole[0].data), _filled(files)
    return _of_texts(texts), _filled(files)


def _filled(files: list[Part]) -> list[Part]:
    """Return `files` without those that a browser sends for a field without a file."""
    return [part for part in files if part.filename or part.data]


def _of_texts(texts: list[Part]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in texts:
        text = _text(part)
        if part.name in _LISTS:
            found.setdefault(part.name, []).append(text)
        elif part.name in found:
            wrong = _("The field “{name}” is given twice.").format(name=part.name[:60])
            raise bad_fields([Wrong(part.name[:60], "given-twice", wrong)])
        elif part.name in _TRUTH:
            found[part.name] = {"true": True, "1": True, "on": True, "false": False, "0": False, "": None}.get(
                text.strip().lower(), text
            )
        elif part.name in _OBJECTS:
            found[part.name] = _object(part.data)
        else:
            found[part.name] = text
    return found


def _text(part: Part) -> str:
    try:
        return part.data.decode()
    except UnicodeDecodeError:
        text = _("The field “{name}” is not in UTF-8.").format(name=part.name[:60])
        raise bad_fields([Wrong(part.name[:60], "not-utf8", text)]) from None
