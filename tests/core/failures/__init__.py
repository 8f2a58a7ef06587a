"""One realistic failure, or several, for each entry of the knowledge base, by the entry's id."""

from __future__ import annotations

from mailadmin.core.fault import Fault

from . import lines, microsoft, smtp

FAILURES: dict[str, list[Fault]] = {
    entry: found if isinstance(found, list) else [found]
    for table in (lines.FAILURES, smtp.FAILURES, microsoft.FAILURES)
    for entry, found in table.items()
}
