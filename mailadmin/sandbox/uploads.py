"""Files of a draft: small ones in one request, large ones piece by piece to an upload address.

Rules: learn.microsoft.com, "Attach large files to Outlook messages or events" and "attachment: createUploadSession".
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .faults import RANGE, Faults
from .json_message import FILE_TYPE, Fields, describe_file, read_file, read_json, unreadable
from .mailboxes import DRAFT_SECONDS, Draft, Mailboxes, Upload, written
from .mime import Attached
from .refusal import Refused
from .web import WebAnswer, WebRequest

SESSION_BYTES = 3_000_000  # from this size on a file needs an upload session; below it gets none
MAX_FILE_BYTES = 150_000_000
MAX_RANGE_BYTES = 4_000_000
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_ADDRESS = re.compile(r"/uploads/([0-9a-f]{32})")


class Uploads:
    """Puts files into the drafts of `mailboxes`; `host` is the server's own ("localhost:8443")."""

    def __init__(self, mailboxes: Mailboxes, host: Callable[[], str]) -> None:
        self._mailboxes, self._host = mailboxes, host

    def attach(self, draft: Draft, body: bytes) -> dict[str, Any]:
        """Put a small file into a draft and return it as Graph shows it. Raises Refused."""
        file = read_file(read_json(body))
        if len(file.content) >= SESSION_BYTES:
            raise Refused(413, "BadRequest", "A file of 3 MB or more needs an upload session.")
        number = f"AAMkfile{secrets.token_hex(16)}"
        draft.files[number] = file
        return file_item(number, file)

    def begin(self, draft: Draft, body: bytes) -> dict[str, Any]:
        """Begin an upload session. Raises Refused."""
        outer = Fields(read_json(body), "createUploadSession")
        fields = Fields(outer.take("AttachmentItem", dict, {}), "AttachmentItem")
        outer.done()
        kind, size = fields.take("attachmentType", str, ""), fields.take("size", int, 0)
        file = describe_file(fields, b"")
        fields.done()
        if kind != "file":
            raise unreadable("'attachmentType' must be file.")
        if size < SESSION_BYTES:
            code = "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize"
            raise Refused(400, code, "The attachment size should not be less than the minimum size of 3 MB.")
        if size > MAX_FILE_BYTES:
            raise Refused(413, "ErrorAttachmentSizeLimitExceeded", "An attachment has at most 150 MB.")
        upload = Upload(secrets.token_urlsafe(24), draft, file, size)
        draft.uploads[upload.id] = upload
        address = f"https://{self._host()}/uploads/{upload.id}?authtoken={upload.secret}"
        return {"uploadUrl": address, **_progress(upload, "0-")}

    def answer(self, request: WebRequest, faults: Faults) -> WebAnswer:
        """Answer a request to an upload address. Raises Refused, Struck."""
        parts = urlsplit(request.path)
        if "authorization" in request.headers:
            raise Refused(401, "InvalidAuthenticationToken", "An upload address takes no Authorization header.")
        found = _ADDRESS.fullmatch(parts.path)
        secret = parse_qs(parts.query).get("authtoken", [""])[0]
        with self._mailboxes.upload(found[1] if found else "", secret) as upload:
            if request.method == "PUT":
                return self._put(upload, request, faults)
            if request.method == "GET":
                return WebAnswer(200, _progress(upload, f"{upload.received}-"))
            if request.method == "DELETE":
                del upload.draft.uploads[upload.id]
                return WebAnswer(204)
        raise Refused(405, "BadRequest", "An upload address knows PUT, GET and DELETE.")

    def _put(self, upload: Upload, request: WebRequest, faults: Faults) -> WebAnswer:
        """Take the next piece; with the last one the file is in the draft."""
        _check_range(upload, request)
        with faults.around(RANGE):
            upload.pieces.append(request.body)
            upload.received += len(request.body)
            whole = upload.received == upload.size
            return self._end(upload) if whole else WebAnswer(200, _progress(upload, str(upload.received)))

    def _end(self, upload: Upload) -> WebAnswer:
        number, draft = f"AAMkfile{secrets.token_hex(16)}", upload.draft
        draft.files[number] = replace(upload.file, content=b"".join(upload.pieces))
        del draft.uploads[upload.id]
        place = f"https://{self._host()}/v1.0/users/{draft.mailbox}/messages/{draft.id}/attachments/{number}"
        return WebAnswer(201, headers={"Location": place})


def file_item(number: str, file: Attached) -> dict[str, Any]:
    """Return a file of a draft as Graph shows it in a list, without its content."""
    return {
        "@odata.type": FILE_TYPE,
        "id": number,
        "name": file.name,
        "contentType": file.content_type,
        "size": len(file.content),
        "isInline": file.inline,
        "contentId": file.content_id or None,
    }


def _check_range(upload: Upload, request: WebRequest) -> None:
    """Check one piece: its type, its place and its size. Raises Refused."""
    if request.content_type != "application/octet-stream":
        raise Refused(415, "RequestBodyRead", "A piece of a file has the type application/octet-stream.")
    found = _RANGE.fullmatch(request.headers.get("content-range", ""))
    if not found:
        raise Refused(400, "BadRequest", "A piece of a file needs Content-Range: bytes first-last/total.")
    first, last, total = map(int, found.groups())
    if total != upload.size or last >= total:
        raise Refused(400, "BadRequest", f"The Content-Range does not fit a file of {upload.size} bytes.")
    if last - first + 1 != len(request.body) or not request.body:
        raise Refused(400, "BadRequest", "Content-Range and Content-Length do not fit together.")
    if len(request.body) > MAX_RANGE_BYTES:
        raise Refused(413, "BadRequest", "A piece of a file has at most 4 MB.")
    if first != upload.received:
        raise Refused(416, "InvalidRange", f"The next piece begins at byte {upload.received}.")


def _progress(upload: Upload, next_range: str) -> dict[str, Any]:
    ends = datetime.now(UTC) + timedelta(seconds=DRAFT_SECONDS)
    return {"expirationDateTime": written(ends), "nextExpectedRanges": [next_range]}
