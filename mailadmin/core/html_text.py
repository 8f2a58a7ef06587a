"""The text part of a message, made from its HTML: what a reader without HTML would want to see (pure).

Links keep their address, lists their signs, tables their rows, pictures their alternative text; scripts and style
sheets are left out. The layout is not kept, and nothing is wrapped: mail programs do that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .html_tokens import Tag, tokens
from .limits import HTML_DEPTH, HTML_TEXT_CHARS

_CUT = "[…]"
_APART = frozenset({"blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"})
_LINES = frozenset(
    {"address", "article", "aside", "body", "caption", "center", "dd", "div", "dt", "figcaption", "figure", "footer"}
    | {"form", "header", "li", "main", "nav", "section", "tbody", "tfoot", "thead", "tr"}
)
_UNDERLINED = {"h1": "=", "h2": "-"}
_UNDERLINE_CHARS = 60
_BLANKS = re.compile(r"[ \t\r\n\f\xa0]+")
_NOTHING = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\xad\u034f\u200b\ufeff\ud800-\udfff]+")  # also what fills previews
_TARGETS = ("http://", "https://", "mailto:", "tel:")
_RULE = "-" * 20


def to_text(html: str) -> str:
    """Return `html` as text, with LF between lines. Of longer HTML than limits.HTML_TEXT_CHARS the beginning is read,
    and a sign tells that the rest is missing. Never fails: whatever is no HTML is taken as browsers take it."""
    reader = _Reader()
    for token in tokens(html[:HTML_TEXT_CHARS]):
        if isinstance(token, str):
            reader.text(token)
        elif token.ends:
            reader.end(token.name)
        else:
            reader.start(token)
    text = reader.whole()
    return f"{text}\n\n{_CUT}".lstrip() if len(html) > HTML_TEXT_CHARS else text


@dataclass
class _Nest:
    """A list or a quotation that is open: what its lines begin with, and how many entries it had."""

    tag: str
    indent: str
    entries: int = 0


class _Reader:
    """Gathers lines while the tags come by."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []  # the pieces of the line in the making
        self._blank = False  # an empty line goes before the next text
        self._sign = ""  # of a list's entry, before its first text
        self._cell = False  # a cell begins, beside another one
        self._nests: list[_Nest] = []
        self._pre = 0
        self._link: tuple[str, int] | None = None  # the address, and where its text begins in the line

    def whole(self) -> str:
        """Return what was gathered."""
        self._end_line()
        return "\n".join(self._lines).strip("\n")

    def start(self, tag: Tag) -> None:
        """Begin an element."""
        self._begin_block(tag.name)
        if tag.name == "a":
            self._link = (tag.attributes.get("href", "").strip(), len(self._line))
        elif tag.name == "img" and (alt := _BLANKS.sub(" ", tag.attributes.get("alt", "")).strip()):
            self._say(f"[{alt}]")
        elif tag.name == "br":
            self._end_line(even_if_empty=True)
        elif tag.name == "hr":
            self._rule()
        elif tag.name == "pre":
            self._pre += 1

    def end(self, name: str) -> None:
        """End an element."""
        if name == "a":
            self._end_link()
        else:
            self._end_block(name)

    def text(self, text: str) -> None:
        """Take a text of the page."""
        text = _NOTHING.sub("", text)
        if not self._pre:
            self._say(_BLANKS.sub(" ", text))
            return
        first, *others = text.replace("\r\n", "\n").split("\n")
        self._say(first)
        for line in others:
            self._end_line(even_if_empty=True)
            self._say(line)

    # -- blocks ----------------------------------------------------------------------------------------------

    def _begin_block(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = bool(self._line)
        if tag not in _APART and tag not in _LINES:
            return
        self._end_line()
        inside = bool(self._nests) and tag in ("ol", "ul")
        self._blank = self._blank or (tag in _APART and not inside)
        if tag in ("ol", "ul", "blockquote") and len(self._nests) < HTML_DEPTH:
            self._nests.append(_Nest(tag, "> " if tag == "blockquote" else "  "))
        elif tag == "li":
            self._begin_entry()

    def _begin_entry(self) -> None:
        lists = [nest for nest in self._nests if nest.tag != "blockquote"]
        self._sign = "- "
        if lists and lists[-1].tag == "ol":
            lists[-1].entries += 1
            self._sign = f"{lists[-1].entries}. "

    def _end_block(self, tag: str) -> None:
        if tag in _UNDERLINED and self._line:
            width = len("".join(self._line).strip())
            self._end_line()
            self._lines.append(self._indent() + _UNDERLINED[tag] * min(width, _UNDERLINE_CHARS))
        if tag in _APART or tag in _LINES:
            self._end_line()
        self._pre = max(self._pre - (tag == "pre"), 0)
        places = [place for place, nest in enumerate(self._nests) if nest.tag == tag]
        if places:
            del self._nests[places[-1] :]
            self._sign = ""
        inside = bool(self._nests) and tag in ("ol", "ul")
        self._blank = self._blank or (tag in _APART and not inside)

    # -- lines -------------------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        if not self._pre and (not self._line or self._line[-1].endswith(" ")):
            text = text.lstrip(" ")
        if not text:
            return
        if self._cell and text.strip():
            self._line.append("| " if self._line[-1].endswith(" ") else " | ")
            self._cell = False
        self._line.append(text)

    def _end_link(self) -> None:
        address, begin = self._link or ("", 0)
        self._link = None
        if not address.lower().startswith(_TARGETS):
            return
        address = _BLANKS.sub("", _NOTHING.sub("", address))
        shown = "".join(self._line[begin:]).strip()
        bare = address.split(":", 1)[1].removeprefix("//").rstrip("/")
        if shown.rstrip("/") in (address.rstrip("/"), bare):
            return
        gap = " " if self._line and not self._line[-1].endswith(" ") else ""
        self._say(f"{gap}({address})" if shown else f"{gap}{address}")

    def _rule(self) -> None:
        self._end_line()
        if self._lines and self._lines[-1]:
            self._lines.append("")
        self._lines.append(self._indent() + _RULE)
        self._blank = True

    def _end_line(self, even_if_empty: bool = False) -> None:
        line = "".join(self._line)
        line = line.rstrip() if self._pre else line.strip()
        self._line, self._cell = [], False
        if self._link:
            self._link = (self._link[0], 0)
        if not line and not even_if_empty:
            return
        if not line:
            self._blank = self._blank or bool(self._lines)
            return
        if self._blank and self._lines and self._lines[-1]:
            self._lines.append("")
        self._blank = False
        self._lines.append(f"{self._indent()}{line}")
        self._sign = ""

    def _indent(self) -> str:
        """Return what the next line begins with: the marks of the open quotations, and the sign of its entry, or as
        many blanks."""
        indents = [nest.indent for nest in self._nests]
        if self._sign and indents and indents[-1] != "> ":
            return "".join(indents[:-1]) + self._sign
        return "".join(indents) + self._sign
