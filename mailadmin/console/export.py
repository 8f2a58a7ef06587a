"""The delivery log as CSV (RFC 4180): read some rows at a time, and with no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from mailadmin.core.outcome import RecipientState
from mailadmin.models import Delivery

from .deliveries import shown_state, way

COLUMNS = (
    "id",
    "created_at",
    "finished_at",
    "state",
    "from",
    "sent_as",
    "recipients",
    "not_reached",
    "subject",
    "message_id",
    "size",
    "label",
    "mailer",
    "mode",
    "routes_tried",
    "route",
    "duration_ms",
    "code",
    "reason",
)
# Excel takes a file without this for one in the code page of the computer.
_MARK = "\ufeff"
# What makes a formula of a cell (OWASP, "CSV Injection"), also after quotes and blanks, which some programs take away.
_FORMULA = re.compile(r"[\s'\"`]*[=+\-@|%]")
_BREAKS = ("\t", "\r", "\n")


class _Line:
    """What csv.writer writes into: it hands the line back."""

    def write(self, text: str) -> str:
        return text


def lines(batches: Iterable[Sequence[UUID]]) -> Iterator[str]:
    """Yield the log as CSV: a mark of UTF-8 with the names of the columns, then the deliveries of each batch."""
    writer = csv.writer(_Line(), quoting=csv.QUOTE_ALL)
    yield _MARK + writer.writerow(COLUMNS)
    for batch in batches:
        found = Delivery.objects.prefetch_related("recipients", "attempts").in_bulk(batch)
        yield "".join(writer.writerow(_cells(found[key])) for key in batch if key in found)


def safe(value: Any) -> str:
    """Return `value` as a cell that no spreadsheet takes for a formula: an apostrophe makes it text."""
    text = "" if value is None else str(value)
    # Full-width signs (U+FF1D and others) are taken for the plain ones.
    plain = unicodedata.normalize("NFKC", text)
    return f"'{text}" if text.startswith(_BREAKS) or _FORMULA.match(plain) else text


def _cells(delivery: Delivery) -> list[str]:
    missed = [one.address for one in delivery.recipients.all() if one.state != RecipientState.SENT]
    finished = delivery.finished_at.isoformat() if delivery.finished_at else ""
    return [
        str(delivery.pk),
        delivery.created_at.isoformat(),
        finished,
        shown_state(delivery).value,
        *map(
            safe,
            (
                delivery.from_address,
                delivery.sent_as,
                "; ".join(address for _, address in delivery.recipient_list),
                "; ".join(missed),
                delivery.subject,
                delivery.message_id,
                delivery.size,
                delivery.label,
                delivery.mailer,
                delivery.mode,
                way([attempt.route_name for attempt in delivery.attempts.all()]),
                delivery.route_name,
                delivery.duration_ms,
                delivery.code,
                delivery.reason,
            ),
        ),
    ]
