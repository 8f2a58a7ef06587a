"""HTML cut into tags and texts, in one pass and as browsers cut it (WHATWG HTML, section 13.2.5; pure).

Python's own parser looks for the end of each tag or comment that is not closed in all that follows, once for each, so
that a mail of some hundred kB could take minutes. Here whatever is not closed swallows the rest, as in browsers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

_UNSEEN = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style", "template", "title")}
_NAME = re.compile(r"/?[A-Za-z][^\s/>]*")
# Quotes count only behind an equals sign. Possessive, so that a tag that is not closed is looked through once.
_REST = re.compile(r"""(?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')|=(?!\s*+["']))*+>""")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""")


@dataclass(frozen=True)
class Tag:
    """A tag: its name in lower case, whether it ends an element, and the attributes that have a value."""

    name: str
    ends: bool = False
    attributes: dict[str, str] = field(default_factory=dict)


def tokens(html: str) -> Iterator[Tag | str]:
    """Yield the tags and the texts of `html` in their order; what no reader sees (comments, scripts, style sheets, the
    title) is left out."""
    begin = place = 0  # where the text begins, and from where the next tag is looked for
    while (start := html.find("<", place)) >= 0:
        name = _NAME.match(html, start + 1)
        if not name and not html.startswith(("<!", "<?", "</"), start):
            place = start + 1  # a sign like any other
            continue
        if text := html[begin:start]:
            yield unescape(text)
        if name:
            rest = _REST.match(html, name.end())
            if not rest:
                return
            tag = _tag(name[0], rest[0])
            yield tag
            place = _behind(html, tag, rest.end())
        else:
            place = _behind_remark(html, start)
        if place < 0:
            return
        begin = place
    if text := html[begin:]:
        yield unescape(text)


def _tag(name: str, rest: str) -> Tag:
    if name.startswith("/"):
        return Tag(name[1:].lower(), ends=True)
    found = ((one[1].lower(), unescape(one[2] or one[3] or one[4] or "")) for one in _ATTRIBUTE.finditer(rest))
    return Tag(name.lower(), attributes=dict(found))


def _behind(html: str, tag: Tag, place: int) -> int:
    """Return where it goes on behind `tag`: behind the content of what nobody sees. -1 for the end."""
    unseen = None if tag.ends else _UNSEEN.get(tag.name)
    if unseen is None:
        return place
    end = unseen.search(html, place)
    return end.start() if end else -1


def _behind_remark(html: str, start: int) -> int:
    """Return where a comment, a declaration or an instruction ends, -1 where it does not."""
    end = "-->" if html.startswith("<!--", start) else ">"
    close = html.find(end, start + 2)
    return close + len(end) if close >= 0 else -1
