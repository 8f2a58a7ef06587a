"""What a fault to rehearse is, and when it strikes. The faults themselves are entries of tables: `smtp_faults`,
`entra_faults`, `graph_faults`, `mailbox_faults`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from mailadmin.core.texts import N_, _

# Where a Graph fault strikes.
TOKEN = "token"  # noqa: S105 -- a request for a token
REQUEST = "request"  # any request to Graph, before its content is looked at
MESSAGE = "message"  # a message is handed over: sendMail, or /send of a draft
ATTACHMENT = "attachment"  # a file is put into a draft in one request
RANGE = "range"  # a piece of a file comes to an upload address
SEND = "send"  # /send of a draft alone


@dataclass(frozen=True)
class _Described:
    """A fault in English, as the table has it; what it is shown with is in the language of whoever looks."""

    english_group: str
    english_label: str
    english_does: str

    @property
    def group(self) -> str:
        """Return under which heading the console's list has it."""
        return _(self.english_group)

    @property
    def label(self) -> str:
        """Return what the console's list says."""
        return _(self.english_label)

    @property
    def does(self) -> str:
        """Return in a sentence what happens."""
        return _(self.english_does)


@dataclass(frozen=True)
class SmtpFault(_Described):
    """An SMTP fault: where it strikes ("auth", "sender", "recipient", "data") and the reply; without a reply the
    message is taken and the connection cut."""

    at: str = ""
    reply: str = ""


@dataclass(frozen=True)
class GraphFault(_Described):
    """A fault of Entra or Graph: where it strikes (`at`, one of the places above) and the answer.

    `status` 0 cuts the connection; `code` and `message` are those of the error body (with `aadsts` at TOKEN); `page`
    is sent instead of one, "" for none at all. `taken` tells that the request was acted on all the same. It strikes
    at every `every`th occasion, beginning with the first; `other_sender` only when From is not the mailbox.

    `roles` are the permissions of tokens, new and old, while the fault is chosen, and `scoped` lets Graph do
    everything without them; such an entry may have no `at`.
    """

    at: str = ""
    status: int = 0
    code: str = ""
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    aadsts: int = 0
    page: str | None = None
    taken: bool = False
    every: int = 1
    other_sender: bool = False
    roles: tuple[str, ...] | None = None
    scoped: bool = False

    @property
    def label(self) -> str:
        """Return what the console's list says: the code of Entra first."""
        return f"AADSTS{self.aadsts}: {_(self.english_label)}" if self.aadsts else _(self.english_label)

    @property
    def does(self) -> str:
        """Return in a sentence what happens."""
        return _(self.english_does).format(status=self.status, code=self.code, aadsts=self.aadsts)


def refused(group: str, label: str, at: str, status: int, code: str, text: str, does: str = "") -> GraphFault:
    """Return the fault that refuses with Graph's error body."""
    usual = N_("Refuses every request: HTTP {status}, {code}.")
    if at in (MESSAGE, SEND):
        usual = N_("Refuses every message: HTTP {status}, {code}.")
    return GraphFault(group, label, does or usual, at, status, code, text)


class Struck(Exception):
    """A rehearsed fault ends the request with its answer."""

    def __init__(self, fault: GraphFault) -> None:
        super().__init__(fault.label)
        self.fault = fault


class Faults:
    """The fault that one request meets, if any."""

    def __init__(self, name: str, fault: GraphFault | None, occasions: Occasions) -> None:
        self._name, self._fault, self._occasions = name, fault, occasions

    def strike(self, *places: str, other_sender: bool = False) -> GraphFault | None:
        """Return the fault when it strikes at one of these places now."""
        fault = self._fault
        if fault is None or fault.at not in places or (fault.other_sender and not other_sender):
            return None
        return fault if self._occasions.next(self._name) % fault.every == 0 else None

    @contextmanager
    def around(self, *places: str, other_sender: bool = False) -> Iterator[None]:
        """Run the block and end the request after it, or instead of it, when the fault strikes. Raises Struck."""
        fault = self.strike(*places, other_sender=other_sender)
        if fault and not fault.taken:
            raise Struck(fault)
        yield
        if fault:
            raise Struck(fault)

    def roles(self, own: Sequence[str]) -> tuple[str, ...]:
        """Return the permissions that a token carries, whose `own` are these."""
        chosen = self._fault.roles if self._fault else None
        return tuple(own) if chosen is None else chosen

    def granted(self, carried: Sequence[str], all_roles: Sequence[str]) -> tuple[str, ...]:
        """Return what Graph allows with a token that carries these permissions."""
        return tuple(all_roles) if self._fault and self._fault.scoped else self.roles(carried)

    @property
    def withdrawn(self) -> bool:
        """Tell whether tokens that were issued before are refused: Entra refuses the app for good, and whoever keeps
        a token would not notice for an hour."""
        return bool(self._fault and self._fault.at == TOKEN and 400 <= self._fault.status < 429)


class Occasions:
    """Counts how often a fault could have struck, for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()

    def next(self, name: str) -> int:
        """Return how often `name` had the occasion before, and count this one."""
        with self._lock:
            self._seen[name] += 1
            return self._seen[name] - 1
