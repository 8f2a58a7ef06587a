"""A simulated Microsoft Graph: sendMail in MIME and in JSON form, as strict as the real one is known to be.

Shapes: learn.microsoft.com, "user: sendMail" and "Microsoft Graph error responses"; the texts are ours.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from .behaviour import GRAPH_FAULTS, Inbox
from .entra import Tokens
from .web import WebAnswer, WebRequest

MAX_REQUEST_BYTES = 4_000_000
_SEND_MAIL = re.compile(r"/v1\.0/users/([^/]+)/sendMail")
_BCC = re.compile(rb"^bcc:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*", re.IGNORECASE | re.MULTILINE)
_JSON_RECIPIENTS = {"toRecipients": "To", "ccRecipients": "Cc", "bccRecipients": "Bcc"}


class Refused(Exception):
    """Graph's refusal of a request, as the answer to give."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Graph:
    """Answers the requests of a Graph host and puts accepted messages into the inbox."""

    def __init__(self, tokens: Tokens, inbox: Inbox) -> None:
        self._tokens, self._inbox = tokens, inbox

    def answer(self, request: WebRequest, fault_name: str) -> WebAnswer | None:
        """Return the answer, or None when the path is not one of Graph's."""
        path = urlsplit(request.path).path
        if not path.startswith("/v1.0/"):
            return None
        ids = {"request-id": str(uuid4()), "client-request-id": request.headers.get("client-request-id", "")}
        try:
            return WebAnswer(self._send_mail(path, request, fault_name), headers=ids)
        except Refused as refused:
            inner = {"date": "2026-11-02T10:00:00", **ids}
            error = {"code": refused.code, "message": refused.message, "innerError": inner}
            fault = GRAPH_FAULTS.get(fault_name)
            return WebAnswer(refused.status, {"error": error}, {**ids, **(fault.headers if fault else {})})

    def _send_mail(self, path: str, request: WebRequest, fault_name: str) -> int:
        """Take one message and return the status to answer with. Raises Refused."""
        self._check_token(request.headers.get("authorization", ""), request.headers.get("host", ""))
        found = _SEND_MAIL.fullmatch(path)
        if not found or request.method != "POST":
            raise Refused(404, "ResourceNotFound", "The sandbox knows no such resource.")
        identity = unquote(found[1])
        if "@" not in identity:
            raise Refused(404, "ErrorInvalidUser", f"The requested user '{identity}' is invalid.")
        if len(request.body) > MAX_REQUEST_BYTES:
            raise Refused(413, "BadRequest", "The maximum request length was exceeded.")
        message = _read_message(request, identity)
        recipients = _recipients(message)
        fault = GRAPH_FAULTS.get(fault_name)
        if fault and fault.at == "graph" and fault.status:
            raise Refused(fault.status, fault.code, fault.message)
        self._inbox.keep("graph", identity, recipients, _without_bcc(message))
        return 0 if fault and fault.at == "graph" else 202

    def _check_token(self, authorization: str, host: str) -> None:
        kind, _, token = authorization.partition(" ")
        claims = self._tokens.check(token) if kind.lower() == "bearer" else None
        if claims is None:
            raise Refused(401, "InvalidAuthenticationToken", "The access token is missing or not valid.")
        if urlsplit(claims["aud"]).netloc != host:
            raise Refused(401, "InvalidAuthenticationToken", "Access token validation failure: audience.")
        if "Mail.Send" not in claims["roles"]:
            raise Refused(403, "ErrorAccessDenied", "Access is denied: the token has no role Mail.Send.")


def _read_message(request: WebRequest, identity: str) -> bytes:
    """Return the message of a request as MIME bytes. Raises Refused."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "text/plain":
        return _from_base64(request.body)
    if content_type == "application/json":
        return _from_json(request.body, identity)
    if not content_type:
        raise Refused(400, "BadRequest", "A write request must have a Content-Type header.")
    raise Refused(415, "RequestBodyRead", f"The content type '{content_type}' is not supported.")


def _from_base64(body: bytes) -> bytes:
    try:
        raw = base64.b64decode(re.sub(rb"\s", b"", body), validate=True)
    except binascii.Error:
        raise Refused(400, "ErrorMimeContentInvalidBase64String", "The MIME content is not base64.") from None
    if not re.match(rb"[!-9;-~]+:", raw):
        raise Refused(400, "BadRequest", "The MIME content does not contain all required information.")
    return raw


def _from_json(body: bytes, identity: str) -> bytes:
    try:
        wrapped = json.loads(body)
        fields = dict(wrapped.pop("message"))
        wrapped.pop("saveToSentItems", None)
        message = EmailMessage(policy=SMTP)
        for name, header in _JSON_RECIPIENTS.items():
            if addresses := [_json_address(one) for one in fields.pop(name, [])]:
                message[header] = ", ".join(addresses)
        message["From"] = _json_address(fields.pop("from")) if "from" in fields else identity
        message["Subject"] = str(fields.pop("subject", ""))
        text: dict[str, Any] = fields.pop("body", {})
        subtype = "html" if str(text.get("contentType", "text")).lower() == "html" else "plain"
        message.set_content(str(text.get("content", "")), subtype=subtype)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused(400, "RequestBodyRead", "The JSON of the request cannot be read.") from None
    if unknown := [*wrapped, *fields]:
        raise Refused(400, "RequestBodyRead", f"The sandbox does not know the property '{unknown[0]}'.")
    return message.as_bytes()


def _json_address(recipient: dict[str, Any]) -> str:
    return str(recipient["emailAddress"]["address"])


def _recipients(raw: bytes) -> list[str]:
    """Return the addresses of To, Cc and Bcc. Raises Refused when there is none, or a bad one."""
    message = message_from_bytes(raw, policy=SMTP)
    found: list[str] = []
    for header in ("To", "Cc", "Bcc"):
        for value in message.get_all(header, []):
            for address in value.addresses:
                if not (address.username and address.domain):
                    text = f"At least one recipient is not valid: {address}"
                    raise Refused(400, "ErrorInvalidRecipients", text)
                found.append(address.addr_spec)
    if not found:
        raise Refused(400, "ErrorInvalidRecipients", "A message cannot be sent to no recipients.")
    return list(dict.fromkeys(found))


def _without_bcc(raw: bytes) -> bytes:
    """Return the message as recipients get it: Exchange takes the Bcc header away."""
    end = re.search(rb"\r?\n\r?\n", raw)
    head = raw[: end.start() + 2] if end else raw
    return _BCC.sub(b"", head) + raw[len(head) :]
