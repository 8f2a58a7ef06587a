"""The two journals by which messages are accounted for: what was committed, and what the mail server took. Each line
is whole or missing, whichever process dies and when."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SENDER = "soak@example.org"


class Journal:
    """A file to which lines are added, each by one write, so that it is there before the next step is done. Several
    processes may write to one."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, event: str, **values: Any) -> None:
        """Add a line."""
        os.write(self._file, json.dumps({"event": event, **values}).encode() + b"\n")


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Return the lines of a journal; of one that nobody wrote, none."""
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            yield json.loads(line)


@dataclass(frozen=True)
class Copy:
    """One copy that the server took, through one of its ports; `told` says whether it answered that it did."""

    port: int
    told: bool


@dataclass
class Taken:
    """What the server did: the copies for each (Message-ID, recipient), the recipients that it refused for good, the
    Message-IDs of which it refused the content for good, and how often each fault occurred."""

    copies: dict[tuple[str, str], list[Copy]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    refused_messages: set[str] = field(default_factory=set)
    faults: dict[str, int] = field(default_factory=dict)


def read_taken(path: Path) -> Taken:
    """Return what the server wrote down."""
    taken = Taken()
    for line in lines(path):
        match line["event"]:
            case "took":
                for recipient in line["to"]:
                    copies = taken.copies.setdefault((line["id"], recipient), [])
                    copies.append(Copy(line["port"], line["told"]))
            case "refused":
                taken.refused.add(line["to"])
            case "refused message":
                taken.refused_messages.add(line["id"])
            case "fault":
                taken.faults[line["name"]] = taken.faults.get(line["name"], 0) + 1
    return taken


@dataclass
class Queued:
    """What the producer did, by Message-ID: whom each is for, those that are committed, those that surely are not; and
    whatever is in neither set may be either, because the database went away while it committed."""

    recipients: dict[str, tuple[str, ...]] = field(default_factory=dict)
    committed: set[str] = field(default_factory=set)
    rolled_back: set[str] = field(default_factory=set)
    aborts: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    ended: bool = False


def read_queued(path: Path) -> Queued:
    """Return what the producers wrote down."""
    queued = Queued()
    for line in lines(path):
        match line["event"]:
            case "begin":
                queued.recipients[line["id"]] = tuple(line["to"])
            case "committed":
                queued.committed.update(line["ids"])
            case "rolled back":
                queued.rolled_back.update(line["ids"])
                queued.aborts += line["aborts"]
            case "error":
                queued.errors[line["name"]] = queued.errors.get(line["name"], 0) + 1
            case "end":
                queued.ended = True
    return queued


@dataclass(frozen=True)
class Faults:
    """How often each fault occurs, as a part of the times when it could. The first ones are of a connection, then of a
    transaction in its order; a `slow` answer comes within the client's patience, a `late` one after it."""

    reset_at_connect: float = 0.0  # refused, as far as the client can tell
    busy_greeting: float = 0.0  # 421
    mail_later: float = 0.0  # 4xx
    shut_at_mail: float = 0.0  # 421, and the connection ends
    recipient_later: float = 0.0  # 450, for each recipient
    recipient_refused: float = 0.0  # 550, for each recipient
    too_many: float = 0.0  # 452, for a recipient that is not the first
    data_later: float = 0.0  # 451 instead of 354
    drop_before_end: float = 0.0  # while the content comes
    end_later: float = 0.0  # 451 for the whole message
    end_shut: float = 0.0  # 421 for the whole message
    end_refused: float = 0.0  # 554: content refused
    drop_not_taken: float = 0.0  # after the end, not having taken it
    drop_taken: float = 0.0  # after the end, having taken it
    half_answer: float = 0.0  # "25" and the end of the connection, having taken it
    late: float = 0.0  # taken, and answered when the client has given up
    slow: float = 0.0  # any answer

    def to_json(self) -> str:
        """Return them as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Faults:
        """Return those of a line."""
        return cls(**json.loads(line))


NO_FAULTS = Faults()
MANY_FAULTS = Faults(
    reset_at_connect=0.03,
    busy_greeting=0.03,
    mail_later=0.02,
    shut_at_mail=0.01,
    recipient_later=0.02,
    recipient_refused=0.01,
    too_many=0.03,
    data_later=0.01,
    drop_before_end=0.02,
    end_later=0.02,
    end_shut=0.01,
    end_refused=0.003,
    drop_not_taken=0.02,
    drop_taken=0.02,
    half_answer=0.005,
    late=0.005,
    slow=0.01,
)
