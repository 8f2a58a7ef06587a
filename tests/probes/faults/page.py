"""docs/diagnosis.md, from the very table that the test runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from mailadmin.core.knowledge import Entry, entry_of
from mailadmin.core.terms import Failover

from . import clouds, lines, manners, replies, settings, tls
from .row import Row

PAGE = Path(__file__).parents[3] / "docs" / "diagnosis.md"
_HEAD = """\
# Diagnosis: what can fail, and what the console says

Each row is a fault. A test plays it on loopback (a mail server, a proxy, a resolver, Entra or Graph that does exactly
this), walks the real Test Connection into it, and checks the step that fails, the entry of the knowledge base, whose
job the remedy is, what becomes of a message, and that the result is there within the time limit of its phase plus one
second. `make diagnosis-page` writes this page; the test fails when it is out of date.

There are {count} faults. “What the console says” links to the whole entry, with the cause and every step of the
remedy. “Message” is what becomes of one that meets the fault: **next**, it goes by the next route at once; **later**,
it waits for the same routes; **fails**, no route would do better; **unsure**, it may have been taken, so that no other
route gets it. “Passes” marks what may be over later without anybody's doing.

An error that is in no row gets an honest answer all the same: from the step, and from the class of the code.
"""
_WORDS = {Failover.NEXT: "next", Failover.LATER: "later", Failover.FAIL: "fails", Failover.UNSURE: "unsure"}


def sections() -> dict[str, list[Row]]:
    """Return every fault, under its heading, in the order in which a message meets them."""
    told = [*replies.smtp_rows(), *replies.microsoft_rows()]
    said = {heading: [row for _, row in some] for heading, some in groupby(told, key=itemgetter(0))}
    before, sign_in, sender, recipient, message = list(said)[:5]
    entra, mailbox, graph = list(said)[5:]
    return {
        "Our own settings": [*settings.connections(), *settings.services(), *settings.credentials()],
        "The name system": [*lines.names()],
        "The connection": [*lines.connections()],
        "A proxy in between": [*lines.proxies()],
        "Encryption and certificates": [*tls.rows()],
        before: [*said[before], *manners.before_sign_in()],
        sign_in: [*said[sign_in], *manners.during_sign_in(), *manners.with_tokens()],
        sender: said[sender],
        recipient: said[recipient],
        message: said[message],
        "What servers do in place of an answer": [*manners.during_the_envelope(), *manners.during_the_message()],
        "The sign-in host of Microsoft": [*clouds.sign_in_host(), *clouds.tokens()],
        entra: said[entra],
        mailbox: said[mailbox],
        graph: said[graph],
        "What comes in the place of Graph's answer": [*clouds.graph_host()],
    }


def page(found: Mapping[str, Sequence[Row]]) -> str:
    """Return the page as Markdown."""
    count = sum(len(rows) for rows in found.values())
    return _HEAD.format(count=count) + "".join("\n".join(_section(*pair)) + "\n" for pair in found.items())


def title_of(row: Row, entry: Entry, **words: str) -> str:
    """Return the title of `entry` as the product fills it in for `row`."""
    known = {"host": "the server", "where": "the server", "recipient": "the recipient", "code": row.code} | words
    text = entry.title if known["code"] else entry.title.replace(" ({code})", "")
    filled = text.format_map(known)
    return filled[0].upper() + filled[1:] if filled.startswith("the ") else filled


def _section(heading: str, rows: Sequence[Row]) -> Iterator[str]:
    yield f"\n## {heading}\n"
    yield "| fault | step | what the console says | the first thing to do | who | message |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        entry = entry_of(row.entry)
        assert entry, row.entry
        said = f"<br>`{row.said}`" if row.said else ""
        passes = ", passes" if row.retry else ""
        known = entry.explained()
        cells = (
            f"{row.what}{said}",
            row.step,
            f"[{title_of(row, entry)}](errors.md#{row.entry})",
            known.remedy[0],
            row.owner.label,
            f"{_WORDS[row.failover]}{passes}",
        )
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
