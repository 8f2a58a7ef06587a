"""A Microsoft that takes drafts and uploads over HTTPS, as strict as the real one is known to be.

It keeps what it was given, sends what it is told to, and fails where a test wants it to: before or after it has done
what was asked, with an answer or without one.
"""

from __future__ import annotations

import base64
import binascii
import email
import hashlib
import json
import re
import secrets
from collections import Counter
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from tests.fakes.graph_server import Exchange, Says, ScriptedServer, graph_error, token_body

MAX_REQUEST = 4_000_000
MAX_RANGE = 4 * 1024 * 1024
SMALLEST_UPLOAD = 3_000_000
_MESSAGES = re.compile(r"/v1\.0/users/[^/]+/messages(?:/([^/]+)(/.*)?)?")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass
class Upload:
    """One upload session."""

    draft: str
    item: dict[str, Any]
    done: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    data: bytearray = field(default_factory=bytearray)


@dataclass
class Draft:
    """One draft: its MIME, and the files added to it."""

    mime: bytes
    files: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Trouble:
    """What goes wrong once: for a request of this method whose path has this piece, an answer of its own (None closes
    the connection), after it was `done` or instead of it."""

    method: str
    path: str
    answer: Says | None = None
    done: bool = False


class GraphDrafts(ScriptedServer):
    """Entra, Graph and the upload host on one port. `keep` False only counts what is uploaded."""

    def __init__(self, *troubles: Trouble, keep: bool = True, smallest: int = 0) -> None:
        super().__init__(self._talk)
        self.troubles, self.keep, self.smallest = list(troubles), keep, smallest or SMALLEST_UPLOAD
        self.drafts: dict[str, Draft] = {}
        self.uploads: dict[str, Upload] = {}
        self.sent: list[Draft] = []
        self.deleted = 0
        self.cancelled = 0
        self.asked: list[str] = []
        self.largest = Counter[str]()

    def arrived(self) -> list[EmailMessage]:
        """Return the messages that were sent, as a recipient of Exchange gets them."""
        return [assembled(draft.mime, draft.files) for draft in self.sent]

    def _talk(self, exchange: Exchange) -> None:
        while True:
            line, headers, rest = exchange.read_head()
            method, path, _ = line.split(" ")
            size = int(headers.get("content-length", 0))
            upload = path.startswith("/upload/")
            trouble = self._trouble(method, path)
            body, digest = bytearray(rest), None
            if upload and not self.keep:
                digest, left = hashlib.sha256(rest), size - len(rest)
                body.clear()
                while left:
                    piece = exchange.sock.recv(min(left, 65536))
                    digest.update(piece)
                    left -= len(piece)
            while digest is None and len(body) < size:
                body += exchange.sock.recv(65536)
            if not path.endswith(("/token", "openid-configuration")):
                self.asked.append(f"{method} {path.rpartition('/')[2] if not upload else 'upload'}")
            said = Says(0) if trouble and not trouble.done else self._do(method, path, headers, bytes(body), size)
            if trouble:
                if trouble.answer is None:
                    return
                said = trouble.answer
            self.largest[method] = max(self.largest[method], size)
            exchange.answer(said.status, said.body, **said.headers)

    def _trouble(self, method: str, path: str) -> Trouble | None:
        for trouble in self.troubles:
            if trouble.method == method and trouble.path in path:
                self.troubles.remove(trouble)
                return trouble
        return None

    def _do(self, method: str, path: str, headers: dict[str, str], body: bytes, size: int) -> Says:
        if path.endswith("openid-configuration"):
            base = f"https://{self.host}/tenant"
            return Says(200, {"token_endpoint": f"{base}/token", "authorization_endpoint": f"{base}/authorize"})
        if path.endswith("/token"):
            return Says(200, token_body())
        if path.startswith("/upload/"):
            return self._upload(method, path, headers, body, size)
        if not headers.get("authorization", "").startswith("Bearer "):
            return Says(401, graph_error("InvalidAuthenticationToken"))
        if size > MAX_REQUEST:
            return Says(413, graph_error("BadRequest", "The maximum request length was exceeded."))
        found = _MESSAGES.fullmatch(path)
        if not found:
            return Says(404, graph_error("ResourceNotFound"))
        name, action = found[1], found[2] or ""
        if name is None:
            return self._create(headers, body)
        if name not in self.drafts:
            return Says(404, graph_error("ErrorItemNotFound"))
        if method == "DELETE":
            del self.drafts[name]
            self.deleted += 1
            return Says(204)
        if action == "/send":
            if headers.get("content-length") != "0":
                return Says(411)
            self.sent.append(self.drafts.pop(name))
            return Says(202, b"", {"request-id": "r-202"})
        if headers.get("content-type") != "application/json":
            return Says(415, graph_error("RequestBodyRead"))
        return self._attach(name, action, json.loads(body))

    def _create(self, headers: dict[str, str], body: bytes) -> Says:
        if headers.get("content-type") != "text/plain":
            return Says(415, graph_error("RequestBodyRead"))
        try:
            mime = base64.b64decode(body, validate=True)
        except binascii.Error:
            return Says(400, graph_error("ErrorMimeContentInvalidBase64String"))
        name = f"AAMk{secrets.token_urlsafe(8)}="
        self.drafts[name.replace("=", "%3D")] = Draft(mime)
        return Says(201, {"id": name, "isDraft": True})

    def _attach(self, name: str, action: str, said: dict[str, Any]) -> Says:
        if action == "/attachments":
            if said.pop("@odata.type") != "#microsoft.graph.fileAttachment" or not said["name"]:
                return Says(400, graph_error("RequestBodyRead"))
            said["data"] = base64.b64decode(said.pop("contentBytes"), validate=True)
            self.drafts[name].files.append(said)
            return Says(201, {"id": "a"})
        item = said["AttachmentItem"]
        if item["attachmentType"] != "file" or not item["name"]:
            return Says(400, graph_error("RequestBodyRead"))
        if item["size"] < self.smallest:
            return Says(400, graph_error("ErrorAttachmentSizeShouldNotBeLessThanMinimumSize"))
        token = f"canary-upload-{secrets.token_hex(8)}"
        self.uploads[token] = Upload(name, item)
        url = f"https://{self.host}/upload/{token}?authtoken=canary-upload-key"
        return Says(201, {"uploadUrl": url, "nextExpectedRanges": ["0-"], "expirationDateTime": "2026-11-02T12:00:00Z"})

    def _upload(self, method: str, path: str, headers: dict[str, str], body: bytes, size: int) -> Says:
        token = path.removeprefix("/upload/").partition("?")[0]
        if "authorization" in headers or not path.endswith("?authtoken=canary-upload-key"):
            return Says(401)
        upload = self.uploads.get(token)
        if upload is None:
            return Says(404)
        if method == "DELETE":
            del self.uploads[token]
            self.cancelled += 1
            return Says(204)
        if method == "GET":
            return Says(200, {"nextExpectedRanges": [str(upload.done)]})
        start, end, total = map(int, _RANGE.fullmatch(headers["content-range"]).groups())  # type: ignore[union-attr]  # a test fails then
        right = start == upload.done and end - start + 1 == size <= MAX_RANGE and total == upload.item["size"]
        if not right or headers.get("content-type") != "application/octet-stream":
            return Says(416)
        upload.data += body
        upload.done = end + 1
        if upload.done < total:
            return Says(200, {"nextExpectedRanges": [str(upload.done)]})
        del self.uploads[token]
        self.drafts[upload.draft].files.append({**upload.item, "data": bytes(upload.data)})
        return Says(201, b"", {"Location": f"https://{self.host}/attachments/1"})


def assembled(mime: bytes, files: list[dict[str, Any]]) -> EmailMessage:
    """Return a draft with its files as Exchange sends it: without Bcc, the files behind the other parts."""
    message = email.message_from_bytes(mime, _class=EmailMessage, policy=SMTP)
    del message["Bcc"]
    for file in files:
        part = EmailMessage(policy=SMTP)
        part["Content-Type"] = file["contentType"]
        part["Content-Transfer-Encoding"] = "base64"
        part.add_header("Content-Disposition", "inline" if file["isInline"] else "attachment", filename=file["name"])
        if file.get("contentId"):
            part["Content-ID"] = f"<{file['contentId']}>"
        part.set_payload(base64.encodebytes(file["data"]).decode())
        if not message.is_multipart():
            message.make_mixed()
        message.attach(part)
    return message
