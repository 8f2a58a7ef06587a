"""The last day of a server's certificate, as a test wrote it down (`probes.certificates`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime

# The server's own certificate is the first one of its chain: "3 Sep 2026 to 2 Dec 2026, 12 days left".
_LABEL = re.compile(r"Certificate 1 of \d+: valid")
_LAST_DAY = re.compile(r" to (\d{1,2} \w{3} \d{4}),")


def last_day(details: Sequence[Sequence[str]]) -> date | None:
    """Return the last day that `details` (pairs of label and value) name for the server's own certificate, None where
    none was seen."""
    for label, value in details:
        if _LABEL.fullmatch(label) and (found := _LAST_DAY.search(value)):
            try:
                return datetime.strptime(found[1], "%d %b %Y").date()  # noqa: DTZ007 -- a day, of no time zone
            except ValueError:
                return None
    return None
