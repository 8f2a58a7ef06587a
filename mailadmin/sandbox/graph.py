"""A simulated Microsoft Graph: sending in MIME and in JSON form, drafts with their files, and a look into the mailbox;
as strict as the real one is known to be.

Shapes: learn.microsoft.com, "user: sendMail", "message: send" and "Microsoft Graph error responses"; the texts are
ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

from . import json_message, mime
from .behaviour import Inbox
from .faults import ATTACHMENT, MESSAGE, REQUEST, SEND, Faults, Struck
from .mailboxes import Mailboxes, not_found, written
from .manners import Manners
from .mime import Attached
from .refusal import Refused
from .tokens import READ, READ_WRITE, Registration, Tokens
from .tokens import SEND as SEND_ROLE
from .uploads import Uploads, file_item
from .web import WebAnswer, WebRequest

MAX_REQUEST_BYTES = 4_000_000
MAX_ATTACH_BYTES = 4 * 1024 * 1024  # a file of nearly 3 MB fits with its description
MAX_MESSAGE_BYTES = 150_000_000  # as far as an administrator may raise the limit of a mailbox
_ALL = (SEND_ROLE, READ_WRITE, READ)
_LOOK = re.compile(r"internetMessageId eq '((?:[^']|'')*)'")
_QUERY = {"$filter", "$select", "$top", "$orderby", "$count"}


@dataclass(frozen=True)
class Call:
    """A request that may be answered: whose mailbox, what of it, and the fault it meets."""

    request: WebRequest
    mailbox: str
    parts: tuple[str, ...]
    faults: Faults


@dataclass(frozen=True)
class _Route:
    kind: str
    method: str
    path: re.Pattern[str]
    roles: tuple[str, ...]  # one of them is needed
    answer: Callable[[Graph, Call], WebAnswer]


class Graph:
    """Answers the requests of a Graph host and puts accepted messages into the inbox."""

    def __init__(
        self, registration: Registration, tokens: Tokens, inbox: Inbox, manners: Manners, host: Callable[[], str]
    ) -> None:
        self._known, self._tokens, self._inbox = registration, tokens, inbox
        self._manners, self._host = manners, host
        self._mailboxes = Mailboxes()
        self._uploads = Uploads(self._mailboxes, host)

    def answer(self, request: WebRequest, faults: Faults) -> WebAnswer | None:
        """Return the answer, or None when the path is not one of Graph's."""
        path = urlsplit(request.path).path
        if not path.startswith(("/v1.0/", "/uploads/")):
            return None
        ids = {"request-id": str(uuid4()), "client-request-id": request.headers.get("client-request-id", "")}
        try:
            answer = self._upload(request, faults) if path.startswith("/uploads/") else self._api(request, path, faults)
            return WebAnswer(answer.status, answer.body, {**ids, **answer.headers})
        except Refused as refused:
            return WebAnswer(refused.status, _error(refused.code, refused.message, ids), {**ids, **refused.headers})
        except Struck as struck:
            fault = struck.fault
            body = _error(fault.code, fault.message, ids) if fault.page is None else fault.page or None
            return WebAnswer(fault.status, body, {**ids, **fault.headers})

    def _upload(self, request: WebRequest, faults: Faults) -> WebAnswer:
        self._manners.saw({"PUT": "range", "GET": "progress"}.get(request.method, "cancel"))
        with self._manners.under_way():
            return self._uploads.answer(request, faults)

    def _api(self, request: WebRequest, path: str, faults: Faults) -> WebAnswer:
        """Check what every request needs, then let its route answer. Raises Refused, Struck."""
        found = [(route, match) for route in ROUTES if (match := route.path.fullmatch(path))]
        fits = [(route, match) for route, match in found if route.method == request.method]
        self._manners.saw(fits[0][0].kind if fits else "unknown")
        granted = self._granted(request, faults)
        with self._manners.under_way():
            if fault := faults.strike(REQUEST):
                raise Struck(fault)
            if not fits:
                status = 405 if found else 404
                raise Refused(status, "ResourceNotFound", "The sandbox knows no such resource.")
            route, match = fits[0]
            if not set(route.roles) & set(granted):
                text = f"Access is denied: the token has no role {route.roles[0]}."
                raise Refused(403, "ErrorAccessDenied", text)
            mailbox, *parts = (unquote(part or "") for part in match.groups())
            if not re.fullmatch(r"[^@\s]+@[^@\s]+", mailbox):
                raise Refused(404, "ErrorInvalidUser", f"The requested user '{mailbox}' is invalid.")
            limit = MAX_ATTACH_BYTES if route.kind == "attachment" else MAX_REQUEST_BYTES
            if len(request.body) > limit:
                raise Refused(413, "BadRequest", "The maximum request length was exceeded.")
            return route.answer(self, Call(request, mailbox.lower(), tuple(parts), faults))

    def _granted(self, request: WebRequest, faults: Faults) -> tuple[str, ...]:
        """Return the permissions of the request's token. Raises Refused."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        claims = self._tokens.check(token) if kind.lower() == "bearer" and not faults.withdrawn else None
        if claims is None:
            raise Refused(401, "InvalidAuthenticationToken", "The access token is missing or not valid.")
        if urlsplit(claims["aud"]).netloc != self._host():
            raise Refused(401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.")
        if claims["tid"] != self._known.tenant:
            raise Refused(401, "InvalidAuthenticationToken", "Access token validation failure. Invalid tenant.")
        granted = faults.granted(claims.get("roles", ()), _ALL)
        if not granted:
            text = "No permissions were found in the access token."
            raise Refused(401, "NoPermissionsInAccessToken", text)
        return granted

    # -- sending ------------------------------------------------------------------------------------------

    def send_mail(self, call: Call) -> WebAnswer:
        """Send a message that comes whole."""
        saved, files = True, list[Attached]()
        if _content_type(call.request) == "text/plain":
            raw = mime.from_base64(call.request.body)
        else:
            raw, files, saved = json_message.read_send_mail(call.request.body, call.mailbox)
        return self._hand_over(call, mime.put_together(raw, files), (MESSAGE,), saved)

    def send_draft(self, call: Call) -> WebAnswer:
        """Send a draft; it is in Drafts no more."""
        if call.request.body:
            raise Refused(400, "BadRequest", "The request to send a draft has no body.")
        draft = self._mailboxes.take_away(call.mailbox, call.parts[0])
        try:
            if draft.uploads:
                raise Refused(400, "ErrorInvalidRequest", "A file of the draft was not brought to its end.")
            if draft.size > MAX_MESSAGE_BYTES:
                raise Refused(413, "ErrorMessageSizeExceeded", "The message is larger than the mailbox may send.")
            raw = mime.put_together(draft.raw, list(draft.files.values()))
            return self._hand_over(call, raw, (MESSAGE, SEND), saved=True)
        except Struck as struck:
            if not struck.fault.taken:
                self._mailboxes.put_back(draft)
            raise
        except Refused:
            self._mailboxes.put_back(draft)
            raise

    def _hand_over(self, call: Call, raw: bytes, places: tuple[str, ...], saved: bool) -> WebAnswer:
        """Put a message into the inbox, unless a fault strikes. Raises Refused, Struck."""
        found = mime.envelope(raw)
        with call.faults.around(*places, other_sender=found.sender.lower() != call.mailbox):
            self._manners.message(call.mailbox)
            self._inbox.keep("graph", call.mailbox, found.recipients, mime.without_bcc(raw))
            if saved:
                self._mailboxes.sent(call.mailbox, found.message_id, found.subject)
        return WebAnswer(202)

    # -- drafts -------------------------------------------------------------------------------------------

    def make_draft(self, call: Call) -> WebAnswer:
        """Make a draft of a message in MIME or JSON form."""
        files: list[Attached] = []
        if _content_type(call.request) == "text/plain":
            raw = mime.from_base64(call.request.body)
        else:
            raw, files = json_message.read_message(json_message.read_json(call.request.body), call.mailbox)
        return WebAnswer(201, self._mailboxes.add_draft(call.mailbox, raw, files).item())

    def show_draft(self, call: Call) -> WebAnswer:
        """Show one draft."""
        with self._mailboxes.draft(call.mailbox, call.parts[0]) as draft:
            return WebAnswer(200, draft.item())

    def delete_draft(self, call: Call) -> WebAnswer:
        """Throw a draft away."""
        self._mailboxes.take_away(call.mailbox, call.parts[0])
        return WebAnswer(204)

    def list_files(self, call: Call) -> WebAnswer:
        """List the files of a draft."""
        with self._mailboxes.draft(call.mailbox, call.parts[0]) as draft:
            return WebAnswer(200, {"value": [file_item(number, file) for number, file in draft.files.items()]})

    def attach(self, call: Call) -> WebAnswer:
        """Put a small file into a draft."""
        _json_only(call.request)
        with self._mailboxes.draft(call.mailbox, call.parts[0]) as draft, call.faults.around(ATTACHMENT):
            item = self._uploads.attach(draft, call.request.body)
        return WebAnswer(201, item)

    def detach(self, call: Call) -> WebAnswer:
        """Take a file out of a draft."""
        with self._mailboxes.draft(call.mailbox, call.parts[0]) as draft:
            if draft.files.pop(call.parts[1], None) is None:
                raise not_found()
        return WebAnswer(204)

    def begin_upload(self, call: Call) -> WebAnswer:
        """Begin to bring a large file into a draft."""
        _json_only(call.request)
        with self._mailboxes.draft(call.mailbox, call.parts[0]) as draft:
            return WebAnswer(201, self._uploads.begin(draft, call.request.body))

    # -- reading ------------------------------------------------------------------------------------------

    def look(self, call: Call) -> WebAnswer:
        """Find messages by their Message-ID; nothing else can be asked for."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(call.request.path).query).items()}
        if unknown := query.keys() - _QUERY:
            raise Refused(400, "BadRequest", f"The query parameter '{min(unknown)}' is not supported.")
        wanted = _LOOK.fullmatch(query.get("$filter", ""))
        if not wanted:
            raise Refused(400, "BadRequest", "The sandbox finds messages by internetMessageId only.")
        folder = call.parts[0].lower()
        items = self._mailboxes.find(call.mailbox, wanted[1].replace("''", "'"), folder)
        if names := query.get("$select"):
            kept = {name.strip() for name in names.split(",")} | {"id"}
            items = [{name: item[name] for name in item.keys() & kept} for item in items]
        top = query.get("$top", "10")
        return WebAnswer(200, {"value": items[: int(top) if top.isdigit() else 10]})

    def directory(self, call: Call) -> WebAnswer:
        """Refuse to read the directory: no permission to send mail allows it."""
        raise Refused(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def _route(
    kind: str, method: str, path: str, roles: tuple[str, ...], answer: Callable[[Graph, Call], WebAnswer]
) -> _Route:
    return _Route(kind, method, re.compile(r"/v1\.0/users/([^/]+)" + path), roles, answer)


_ITEM, _READING, _WRITING = r"/messages/([^/]+)", (READ, READ_WRITE), (READ_WRITE,)
ROUTES = (
    _route("sendMail", "POST", "/sendMail", (SEND_ROLE,), Graph.send_mail),
    _route("send", "POST", _ITEM + "/send", (SEND_ROLE,), Graph.send_draft),
    _route("draft", "POST", "/messages", _WRITING, Graph.make_draft),
    _route("show", "GET", _ITEM, _READING, Graph.show_draft),
    _route("delete", "DELETE", _ITEM, _WRITING, Graph.delete_draft),
    _route("attachment", "POST", _ITEM + "/attachments", _WRITING, Graph.attach),
    _route("attachments", "GET", _ITEM + "/attachments", _READING, Graph.list_files),
    _route("detach", "DELETE", _ITEM + r"/attachments/([^/]+)", _WRITING, Graph.detach),
    _route("session", "POST", _ITEM + "/attachments/createUploadSession", _WRITING, Graph.begin_upload),
    _route("look", "GET", r"(?:/mailFolders/([^/]+))?/messages", _READING, Graph.look),
    _route("directory", "GET", "", _ALL, Graph.directory),
)


def _content_type(request: WebRequest) -> str:
    """Return the form of a message: text/plain (MIME) or application/json. Raises Refused."""
    found = request.content_type
    if not found:
        raise Refused(400, "BadRequest", "A write request must have a Content-Type header.")
    if found not in ("text/plain", "application/json"):
        raise Refused(415, "RequestBodyRead", f"The content type '{found[:60]}' is not supported.")
    return found


def _json_only(request: WebRequest) -> None:
    if _content_type(request) != "application/json":
        raise Refused(415, "RequestBodyRead", "This request is sent as application/json.")


def _error(code: str, message: str, ids: dict[str, str]) -> dict[str, Any]:
    """Return an error body; some of Graph's have a code and an empty text."""
    inner = {"date": written(datetime.now(UTC)).rstrip("Z"), **ids}
    return {"error": {"code": code, "message": message, "innerError": inner}}
