"""The body of a message: in which format it is written, and beside which other one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mailadmin.core.body_formats import BodyFormat, body_format
from mailadmin.core.errors import bad_message
from mailadmin.core.fault import Kind
from mailadmin.core.flowed import flow
from mailadmin.core.html_text import to_text
from mailadmin.core.texts import _


@dataclass(frozen=True)
class Bodies:
    """The body as Django has it: `subtype` follows "text/"; `html` stands beside it, "" for none."""

    body: str
    subtype: str
    html: str = ""


def bodies(body: Any, html: Any, format_name: str, is_html: bool, text_from_html: bool) -> Bodies:
    """Return what to send for a `body` in the format with this name ("" for text), with `html` beside it.

    `is_html` tells that the body is HTML; `text_from_html` makes a text to go beside it, where none is given. Raises
    BadMessage (field "body_format", "body" or "html").
    """
    text, other = _text(body, "body"), _text(html, "html")
    chosen = _chosen(format_name, is_html)
    if chosen is BodyFormat.HTML:
        if text and other:
            raise bad_message(Kind.BAD_BODY_FORMAT, _("The HTML is given twice, as body and as html."), "body_format")
        text, other, chosen = "", text or other, BodyFormat.TEXT
    if other and not text and text_from_html:
        text = to_text(other)
    if other and not text:
        return Bodies(other, BodyFormat.HTML.subtype)
    return Bodies(flow(text) if chosen is BodyFormat.FLOWED else text, chosen.subtype, other)


def _chosen(name: str, is_html: bool) -> BodyFormat:
    if not name:
        return BodyFormat.HTML if is_html else BodyFormat.TEXT
    try:
        chosen = body_format(str(name))
    except ValueError as error:
        raise bad_message(Kind.BAD_BODY_FORMAT, str(error), "body_format") from None
    if is_html and chosen is not BodyFormat.HTML:
        text = _("The body is said to be HTML, and to be written as “{format}”.").format(format=chosen.value)
        raise bad_message(Kind.BAD_BODY_FORMAT, text, "body_format")
    return chosen


def _text(given: Any, field: str) -> str:
    """Return a text, also where it is one that is translated late, or bytes of UTF-8. Raises BadMessage."""
    if given is None:
        return ""
    try:
        return given.decode() if isinstance(given, bytes) else str(given)
    except UnicodeDecodeError:
        raise bad_message(Kind.BAD_MESSAGE, _("The text is not in UTF-8."), field) from None
