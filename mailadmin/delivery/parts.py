"""Parts of a message that Django does not make: files whose bytes stay as they are, and files that the HTML shows
(cid:..., RFC 2392), which stand beside it in a multipart/related (RFC 2387)."""

from __future__ import annotations

import re
import secrets
from email.encoders import encode_base64
from email.message import Message as ParsedMessage
from email.message import MIMEPart
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from typing import Any

import django

from mailadmin.core import limits

_CONTENT_ID = re.compile(rf"[A-Za-z0-9._+@-]{{1,{limits.CONTENT_ID_CHARS}}}")  # needs no quoting, here nor in a URL
MODERN = django.VERSION >= (6, 0)  # builds with Python's modern e-mail API


def content_id(given: str) -> str:
    """Return `given` without its angle brackets, or a new one for "". Raises ValueError for what cannot be one."""
    cid = given.removeprefix("cid:").removeprefix("<").removesuffix(">") if given else f"{secrets.token_hex(8)}@inline"
    if not _CONTENT_ID.fullmatch(cid):
        raise ValueError(given)
    return cid


def file_part(name: str, data: bytes, kind: str, cid: str = "") -> ParsedMessage:
    """Return a file as a part of a message, in base64, so that no byte of it changes. With a Content-ID it is one that
    the HTML shows; a text in UTF-8 says so."""
    main, _, sub = kind.partition("/")
    part = MIMEPart() if MODERN else MIMEBase(main, sub)
    if isinstance(part, MIMEPart):
        part.set_content(data, maintype=main, subtype=sub)
    else:
        part.set_payload(data)
        encode_base64(part)
    if main == "text" and _is_utf8(data):
        part.set_param("charset", "utf-8")
    plain = name if name.isascii() else ("utf-8", "", name)
    part.add_header("Content-Disposition", "inline" if cid else "attachment", filename=plain)
    if cid:
        part["Content-ID"] = f"<{cid}>"
    return part


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_inline(attachment: Any) -> bool:
    """Tell whether `attachment` is a part that the HTML shows."""
    return (
        isinstance(attachment, ParsedMessage)
        and "Content-ID" in attachment
        and attachment.get_content_disposition() == "inline"
    )


def relate(built: ParsedMessage) -> None:
    """Move the inline files of `built`, a message that Django has built, beside the HTML that shows them. Without HTML
    they stay attachments."""
    if built.get_content_type() != "multipart/mixed":
        return
    body, *files = _parts(built)
    html, parent = _html(body, built)
    inline = [file for file in files if is_inline(file)]
    if html is None or not inline:
        return
    _parts(built)[1:] = [file for file in files if file not in inline]
    related = MIMEMultipart("related", _subparts=[html, *inline])
    del related["MIME-Version"]  # the message has it
    related.set_param("type", "text/html")
    siblings = _parts(parent)
    siblings[siblings.index(html)] = related
    if len(_parts(built)) == 1:  # nothing is mixed any more
        _become(built, _parts(built)[0])


def _parts(message: ParsedMessage) -> list[Any]:
    found: list[Any] = message.get_payload()  # type: ignore[assignment]  # a multipart has a list
    return found


def _html(body: Any, parent: ParsedMessage) -> tuple[Any, ParsedMessage]:
    """Return the HTML of a message and where it stands; None without."""
    if body.get_content_type() == "multipart/alternative":
        parent, candidates = body, _parts(body)
    else:
        candidates = [body]
    found = (one for one in candidates if one.get_content_type() == "text/html" and not one.get_content_disposition())
    return next(found, None), parent


def _become(whole: ParsedMessage, part: ParsedMessage) -> None:
    """Give `whole` the content of its only `part`."""
    del whole["Content-Type"]
    for name, value in part.items():
        if name.lower().startswith("content-"):
            whole[name] = value
    whole.set_payload(part.get_payload())
