"""S25: the text part that is made from HTML."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.html_text import to_text

TAGS = [
    "a",
    "b",
    "blockquote",
    "br",
    "div",
    "h1",
    "hr",
    "i",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "script",
    "span",
    "style",
    "table",
    "td",
    "tr",
    "ul",
]
WORDS = st.text("abcdefgh", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hello,<br>there</p><p>Bye</p>", "Hello,\nthere\n\nBye"),
        ("a <b>bold</b>  and\n <i>it</i> &amp; &lt;b&gt;", "a bold and it & <b>"),
        ("<h1>Order 7</h1><p>Thanks</p>", "Order 7\n=======\n\nThanks"),
        ("<h2>Two</h2>x", "Two\n---\n\nx"),
        ('See <a href="https://x.org/a?b=1">the page</a>.', "See the page (https://x.org/a?b=1)."),
        ('<a href="https://x.org/">https://x.org</a> <a href="mailto:a@b.org">a@b.org</a>', "https://x.org a@b.org"),
        ('<a href="javascript:alert(1)">no</a> <a href="#top">up</a> <a>x</a>', "no up x"),
        ('<a href="https://x.org"><img alt="Logo"></a>', "[Logo] (https://x.org)"),
        ('<a href="https://x.org"><img></a>', "https://x.org"),
        ("<ul><li>one<li>two<ol><li>a</li><li>b</li></ol></li></ul>", "- one\n- two\n  1. a\n  2. b"),
        ("<ol><li>a<br>more</li><li>b</ol>after", "1. a\n  more\n2. b\n\nafter"),
        ("<table><tr><th>Item<th>Price<tr><td>Tea</td><td></td><td>3 €</table>", "Item | Price\nTea | 3 €"),
        ("<blockquote>said<blockquote>before</blockquote></blockquote>now", "> said\n\n> > before\n\nnow"),
        ("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc"),
        ("a<hr>b", "a\n\n--------------------\n\nb"),
        ("<title>T</title><style>p{}</style><script>x()</script><template>y</template>seen", "seen"),
        ("<!-- remark --><![CDATA[x]]><?php y ?>seen<!-- not closed", "seen"),
        ("zero\u200bwidth&nbsp;and\u00ad soft", "zerowidth and soft"),
        ("", ""),
        ("plain", "plain"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<p title=it's>a</p><p title='>'>b</p>", "a\n\nb"),
        ("a<p title='never closed>b", "a"),
        ("<SCRIPT>if (a</b>c)</script >seen</scripts>", "seen"),
        ("<img alt=Cat><img alt='a &lt; b'><img alt=''>", "[Cat][a < b]"),
    ],
)
def test_s25_what_a_reader_of_text_sees(html: str, text: str) -> None:
    assert to_text(html) == text


@given(st.lists(WORDS | st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]), max_size=60))
def test_no_word_is_lost_and_no_tag_is_kept(pieces: list[str]) -> None:
    shown, unseen = [], ""
    for piece in pieces:
        name = piece.strip("</>")
        if piece in ("<script>", "<style>") and not unseen:
            unseen = name
        elif piece == f"</{unseen}>":
            unseen = ""
        elif not unseen and not piece.startswith("<"):
            shown.append(piece)
    text = to_text(" ".join(pieces))
    assert re.findall(r"[a-h]+", text) == shown
    assert "<" not in text


@given(st.text("<>/!-abp&#x;= '\"\n?[]") | st.text())
def test_it_never_fails(html: str) -> None:
    assert isinstance(to_text(html), str)


def test_a_long_one_is_cut_and_says_so() -> None:
    text = to_text("<p>a</p>" * (limits.HTML_TEXT_CHARS // 8 + 1))
    assert text.endswith("a\n\n[…]")
    assert to_text("x" * limits.HTML_TEXT_CHARS) == "x" * limits.HTML_TEXT_CHARS


@pytest.mark.parametrize(
    "piece",
    ["<!--", "<![CDATA[", "<!", "<?", "</ ", "<", "&#x", "<blockquote>", "</ul>", "<a x='", "<td>x", "<script>"],
)
def test_time_grows_with_the_text_alone(piece: str) -> None:
    """Some of these take minutes with Python's own parser, where time grows with the square of the text."""
    to_text(piece * (300_000 // len(piece)))
