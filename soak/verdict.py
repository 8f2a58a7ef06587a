"""The verdict: every message that was queued is accounted for, by what the database says and what the server took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from soak.ledger import Copy, Queued, Taken

SENT, REFUSED = "sent", "refused"


@dataclass(frozen=True)
class Row:
    """What the database says of one message: its state, each recipient's state, how many of its attempts were unclear,
    whether it is flagged as a possible duplicate, whether it still waits, and how often a person sent it again."""

    state: str
    recipients: Mapping[str, str]
    unsure: int = 0
    flagged: bool = False
    waits: bool = False
    released: int = 0


@dataclass
class Verdict:
    """What was found: `wrong` are sentences, empty when all is well, and `figures` are numbers for the report."""

    wrong: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def add(self, other: Verdict) -> None:
        """Take what another one found as well."""
        self.wrong += other.wrong
        self.figures.update(other.figures)


def judge(queued: Queued, taken: Taken, rows: Mapping[str, Row]) -> Verdict:
    """Account for every message of `queued`.

    Nothing is lost: each recipient of a message that was committed was taken by the server at least once, or refused
    by it for good, and its row says so. Nothing is doubled: there is no copy more than there were unclear answers, and
    whoever may have got two is flagged. Nothing was sent that was rolled back. Nothing waits any more.
    """
    verdict = Verdict()
    doubled = 0
    for message_id, recipients in queued.recipients.items():
        row = rows.get(message_id)
        copies = {one: taken.copies.get((message_id, one), []) for one in recipients}
        if message_id in queued.rolled_back:
            verdict.wrong += _ghosts(message_id, row, copies)
        elif row is None:
            verdict.wrong += [f"{message_id}: LOST, committed and not in the log"] * (message_id in queued.committed)
            verdict.wrong += _ghosts(message_id, row, copies)
        else:
            verdict.wrong += _lost(message_id, row, copies, taken)
            verdict.wrong += _doubled(message_id, row, copies)
            doubled += any(len(one) > 1 for one in copies.values())
    verdict.wrong += _strangers(taken, queued)
    verdict.figures = _figures(queued, taken, rows) | {"messages with an extra copy": doubled}
    return verdict


def _ghosts(message_id: str, row: Row | None, copies: Mapping[str, list[Copy]]) -> list[str]:
    """Tell of a message that was rolled back, or never written, and is there all the same."""
    found = [f"{message_id}: rolled back, and in the log as {row.state}"] if row else []
    return found + [f"{message_id}: GHOST, not committed and sent to {one}" for one, some in copies.items() if some]


def _lost(message_id: str, row: Row, copies: Mapping[str, list[Copy]], taken: Taken) -> list[str]:
    """Tell of recipients who did not get the message, or of whom the log says something else than the server."""
    found = [f"{message_id}: still waits, as {row.state}"] if row.waits or row.state in ("sending", "queued") else []
    for address, some in copies.items():
        state = row.recipients.get(address, "not in the log")
        refused = address in taken.refused or message_id in taken.refused_messages
        if not some and not refused:
            found.append(f"{message_id}: LOST, {address} is “{state}” and the server never took it")
        if state == SENT and not some:
            found.append(f"{message_id}: {address} is said to be sent, and the server never took it")
        if state == REFUSED and not refused:
            found.append(f"{message_id}: {address} is said to be refused, and the server did not refuse it")
        if state == REFUSED and some and not row.unsure:
            found.append(f"{message_id}: {address} is said to be refused, and the server took it")
        if state not in (SENT, REFUSED, "unsure"):
            found.append(f"{message_id}: {address} ended as “{state}”")
    return found


def _doubled(message_id: str, row: Row, copies: Mapping[str, list[Copy]]) -> list[str]:
    """Tell of copies for which there is no unclear answer, or which nobody is warned of, or by another route."""
    found = []
    for address, some in copies.items():
        extra = max(len(some) - 1, 0)
        if extra > row.unsure:
            found.append(f"{message_id}: DOUBLED, {address} got {len(some)} with {row.unsure} unclear answers")
        if extra > 1 + row.released:
            found.append(f"{message_id}: {address} got {len(some)}; more than one further copy needs a person")
        if extra and not row.flagged:
            found.append(f"{message_id}: {address} got {len(some)}, and the log does not warn of it")
        if extra and not row.released and len({copy.port for copy in some}) > 1:
            found.append(f"{message_id}: {address} got copies by different routes")
    return found


def _strangers(taken: Taken, queued: Queued) -> list[str]:
    """Tell of copies for somebody whom the message was not for."""
    known = {(message_id, one) for message_id, some in queued.recipients.items() for one in some}
    return [
        f"{message_id}: sent to {address}, whom it was not for" for message_id, address in taken.copies.keys() - known
    ]


def _figures(queued: Queued, taken: Taken, rows: Mapping[str, Row]) -> dict[str, float]:
    copies = [copy for some in taken.copies.values() for copy in some]
    in_doubt = queued.recipients.keys() - queued.committed - queued.rolled_back
    return {
        "messages committed": len(queued.committed),
        "messages rolled back": len(queued.rolled_back),
        "messages in doubt (the database ended while it committed)": len(in_doubt),
        "aborts": queued.aborts,
        "copies taken by the server": len(copies),
        "copies that it did not confirm": sum(not copy.told for copy in copies),
        "unclear answers in the log": sum(row.unsure for row in rows.values()),
        "faults of the server": sum(taken.faults.values()),
        "sent again by a person": sum(row.released for row in rows.values()),
        **{f"messages {state}": count for state, count in sorted(_counted(row.state for row in rows.values()).items())},
    }


def _counted(words: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts
