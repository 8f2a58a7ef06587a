"""What is to be sent, and how a contender says what it took: plain values that travel as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

SENDER = "bench@example.org"
GRAPH_BURST = 10  # messages of a mailbox that may come at once: as many as we let
_TEXT = "This line is here to be carried from one place to another, as fast as may be.\n"


@dataclass(frozen=True)
class Work:
    """The messages of one round: how many, to how many recipients each, the bytes of text and of one attachment;
    `way` is "each" (send_mail for each, shared out to `threads`) or "list" (one send_messages)."""

    way: str = "each"
    messages: int = 40
    recipients: int = 1
    text_bytes: int = 2048
    attachment_bytes: int = 0
    threads: int = 1


@dataclass(frozen=True)
class Target:
    """Where a contender sends to: the port on loopback, whether STARTTLS and AUTH are wanted, the server's CA."""

    port: int
    secured: bool = False
    ca_pem: str = ""


@dataclass(frozen=True)
class Figures:
    """What a contender measured: seconds on the clock and of the CPU, and the bytes of memory it needed more."""

    seconds: float
    cpu_seconds: float
    memory_bytes: int = 0


@dataclass(frozen=True)
class Order:
    """One order to a contender: who sends what to where, with the contender's own options."""

    contender: str
    work: Work
    target: Target
    options: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the order as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Order:
        """Return the order of a line."""
        values = json.loads(line)
        return cls(
            values["contender"],
            Work(**values["work"]),
            Target(**values["target"]),
            values["options"],
        )


def text(work: Work) -> str:
    """Return the body of each message."""
    return (_TEXT * (work.text_bytes // len(_TEXT) + 1))[: work.text_bytes - 1] + "\n"


def recipients(work: Work) -> list[str]:
    """Return whom each message is for."""
    return [f"user{number}@example.net" for number in range(work.recipients)]


def attachment(work: Work) -> bytes:
    """Return the bytes of the attachment: not all the same, so that nothing can be clever about them."""
    return bytes(range(251)) * (work.attachment_bytes // 251 + 1)
