"""Every word that a template shows is marked for translation.

A template is read as Django reads it (with its lexer), and what is left as a browser does (with an HTML parser). Words
outside `{% translate %}`, `{% blocktranslate %}` and `_("…")` are told with their line; names and codes pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template.base import Lexer, TokenType

TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "mailadmin"
# A script for PowerShell is code: a translated comment or prompt could break it.
CODE = {"script.ps1"}

# Names, protocols and headers: they are the same in every language.
NAMES = (
    "Mail Admin", "Microsoft Graph", "Office 365", "Entra", "Graph", "Slack", "Teams", "SMTP", "HTML", "Send As",
    "SPF", "DKIM", "DMARC", "Message-ID", "localhost", "https",
)  # fmt: skip
# What a reader sees or hears of a tag, beside its content.
SPOKEN = {"alt", "aria-label", "aria-description", "data-label", "data-copied", "label", "placeholder", "title"}
# Elements whose content is code, or nothing that is read.
UNREAD = {"code", "pre", "script", "style"}
# Tags whose constants are names of pages, icons and files. `if` compares with codes.
NAMING = {"block", "elif", "extends", "icon", "if", "ifchanged", "load", "lucide", "static", "url"}
# Arguments of `include` that name something.
NAMED = {"address", "icon", "small", "move_url"}
CONSTANT = re.compile(r"""(?:(?P<key>\w+)=)?(?P<marked>_\()?(?P<quote>["'])(?P<text>.*?)(?P=quote)""")
FILTER = re.compile(r"""\|(?P<name>\w+):(?P<marked>_\()?(?P<quote>["'])(?P<text>.*?)(?P=quote)""")
# Constants that are no words.
CODES = {"info"}
# Filters whose argument a reader sees, and those that build the words of one language.
TELLING, ENGLISH = {"default", "default_if_none", "date", "time"}, {"pluralize", "yesno", "lower", "upper"}


def words(text: str) -> str:
    """Return what of `text` is words of a language: "" when there are only names, numbers and signs."""
    for name in NAMES:
        text = re.sub(rf"\b{re.escape(name)}\b", " ", text)
    return " ".join(text.split()) if re.search(r"[^\W\d_]{2}", text) else ""


class _Page(HTMLParser):
    """Collect the unmarked words of a page from which Django's tags were taken."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in UNREAD
        for name, value in attrs:
            if name in SPOKEN and words(value or ""):
                self.found.append((self.getpos()[0], f'{name}="{words(value or "")}"'))

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in UNREAD

    def handle_data(self, data: str) -> None:
        if words(data) and not self._unread:
            blank = data[: len(data) - len(data.lstrip())]
            self.found.append((self.getpos()[0] + blank.count("\n"), words(data)))


def constants(kind: TokenType, contents: str) -> Iterator[str]:
    """Yield the words in the constants of one of Django's tags or variables that are not in `_()`."""
    for found in FILTER.finditer(contents):
        shown = found["name"] in TELLING and not found["marked"]
        if (
            shown
            and found["text"] not in CODES
            and (words(found["text"]) or (found["name"] == "date" and " " in found["text"]))
        ):
            yield found[0]
    yield from (f"|{name}" for name in re.findall(r"\|(\w+)", contents) if name in ENGLISH)
    tag = contents.split(None, 1)[0]
    if kind is TokenType.VAR or tag in NAMING:
        return
    for found in CONSTANT.finditer(FILTER.sub("", contents)):
        if found["marked"] or found["key"] in NAMED or not words(found["text"]):
            continue
        if tag in {"translate", "trans"} or found["text"].startswith("mailadmin/"):
            continue
        if (tag == "pill" and found.start() == len("pill ")) or tag in {"for", "with"}:
            continue  # the state of a pill is a code; `for` and `with` only name
        yield found[0]


def unmarked(source: str) -> list[tuple[int, str]]:
    """Return the line and the words of every text in a template that no translator would get to see."""
    page, found, skipped = [], [], ""
    for token in Lexer(source).tokenize():
        command = token.contents.split(None, 1)[0] if token.contents.strip() else ""
        text = ""
        if skipped:
            skipped = "" if token.token_type is TokenType.BLOCK and command == skipped else skipped
        elif token.token_type is TokenType.TEXT:
            text = token.contents
        elif token.token_type is TokenType.BLOCK and command in {"comment", "blocktranslate", "verbatim"}:
            skipped = f"end{command}"
        elif token.token_type in {TokenType.BLOCK, TokenType.VAR}:
            found += [(token.lineno or 0, one) for one in constants(token.token_type, token.contents)]
        # Lines are counted by what stands in the file, whatever becomes of it.
        missing = (token.lineno or 1) - 1 - sum(part.count("\n") for part in page)
        page.append("\n" * max(missing, 0) + (text or " "))
    parser = _Page()
    parser.feed("".join(page))
    parser.close()
    return sorted(found + parser.found)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ('<p>{% translate "Saved" %}</p>\n<p>Forgotten</p>', [(2, "Forgotten")]),
        ("<p>{% if row %}Change it{% else %}{% translate 'Add it' %}{% endif %}</p>", [(1, "Change it")]),
        ('<th data-label="State">{{ row.state }}</th>', [(1, 'data-label="State"')]),
        (
            '<p{% if row %} class="dim"{% endif %} title="Nothing is sent">–</p>',
            [(1, 'title="Nothing is sent"')],
        ),
        ('{{ row.name|default:"nobody" }}', [(1, '|default:"nobody"')]),
        ("{{ row.at|date:'j M Y' }} {{ row.at|date:'H:i' }}", [(1, "|date:'j M Y'")]),
        ("{% blocktranslate %}{{ n }} things{% endblocktranslate %}{{ n|pluralize }}", [(1, "|pluralize")]),
        ('{% pill "off" "Off" %}', [(1, '"Off"')]),
        ('{% include "mailadmin/a.html" with icon="bell" title="Nobody is told" %}', [(1, 'title="Nobody is told"')]),
    ],
)
def test_a_forgotten_word_is_told_with_its_line(source: str, told: list[tuple[int, str]]) -> None:
    assert unmarked(source) == told


def test_names_codes_and_comments_pass() -> None:
    source = """{% load i18n %}{% comment %}Needs `row`.{% endcomment %}<p class="help">SMTP · Microsoft Graph</p>
    <code>manage.py mailworker</code><pre>250 OK</pre> 587 → {% if row.state == "sent" %}{% icon "sun" %}{% endif %}
    {{ row.at|date:"H:i" }} {{ name|default:"–" }} {% pill "off" _("Off") %} {% url "mailadmin:log" row.pk %}"""
    assert not unmarked(source)


FILES = sorted(path for path in TEMPLATES.rglob("*.*") if path.name not in CODE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_every_word_of_the_template_is_marked(path: Path) -> None:
    forgotten = unmarked(path.read_text())
    assert not forgotten, "\n".join(f"{path.name}:{line}: {text}" for line, text in forgotten)
