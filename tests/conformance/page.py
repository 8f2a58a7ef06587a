"""docs/conformance.md, from the very table that the test runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mailadmin.delivery.convert import convert
from tests.fakes.sandbox import running_sandbox

from .kinds import KINDS, Kind
from .ways import Outcome, Ways

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
COLUMNS = ("SMTP", "Graph, MIME", "Graph, no copy in Sent Items", "Graph, draft and upload")
_HEAD = """\
# What arrives, by SMTP and by Microsoft Graph

Each row is a kind of message that a Django application may send. A test sends it by SMTP and by each form that Graph
knows, to the sandbox of mailadmin, and compares what arrives with what Django built: recipients, headers, subject,
texts, structure, and each file with its name, type, bytes and Content-ID. `make conformance` writes this page; the test
fails when it is out of date.

- **same**: nothing was lost or changed.
- **by MIME**: Graph's JSON form would lose something, so the message goes in MIME form, nothing is lost, and Exchange
  keeps a copy in Sent Items; the delivery log says so.
- **by upload**: the message is too large for one request, so it goes as a draft with its files uploaded one by one
  (“Send large messages by upload” on the OAuth service), and nothing is lost.
- **in one request only**: there is no file beside the text that could be uploaded by itself, or none may be taken out.
  Such a message goes by Graph up to about 3 MB, and by the next route if it is larger.
- **refused**: Graph does not take such a message, nothing is sent, and the next route gets it.

What is written in brackets behind “same” is all that arrives otherwise. “Graph, MIME” is how messages go unless the
OAuth service says otherwise. “Graph, draft and upload” sends every file by itself that can travel so, however small.

The sandbox is a simulator. Exchange Online itself was seen to take a few headers away from messages, such as
Auto-Submitted, whichever form they came in, and it may write a Message-ID of its own.

"""


@contextmanager
def ways() -> Iterator[Ways]:
    """Run a sandbox to send to."""
    with running_sandbox() as (sandbox, memory):
        yield Ways(sandbox, memory)


def row(kind: Kind, to: Ways) -> tuple[Outcome, ...]:
    """Return what becomes of one kind, in the order of COLUMNS."""
    draft = convert(kind.build())
    return (to.smtp(draft), to.mime(draft), to.json(draft), to.upload(draft))


def page(rows: Mapping[str, tuple[Outcome, ...]]) -> str:
    """Return the page for `rows`, by the titles of the kinds."""
    lines = ["| Kind of message | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += [f"| {kind.title} | " + " | ".join(map(str, rows[kind.title])) + " |" for kind in KINDS]
    return _HEAD + "\n".join(lines) + "\n"
