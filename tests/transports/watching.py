"""Somebody who watches what leaves, for tests: what was told, and what the server knew then."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase

LOOK_SECONDS = 0.03  # what had left before would have arrived by then


class Killed(BaseException):
    """The end of the process, as far as it can be had in one that goes on."""


def claim_lost() -> MailError:
    return MailError(Fault(Phase.SETTINGS, Kind.CLAIM_LOST))


class Watcher:
    """Notes what it is told, in order: ("leaving" or "taken", recipients), and what `look` sees at each leaving.

    `objections` are raised by the first calls of `leaving`, one for each; None lets it pass.
    """

    def __init__(self, *objections: BaseException | None, look: Callable[[], object] = lambda: None) -> None:
        self.told: list[tuple[str, tuple[str, ...]]] = []
        self.answers: list[str] = []
        self.seen: list[object] = []
        self._objections = list(objections)
        self._look = look

    def leaving(self, recipients: Sequence[str]) -> None:
        self.told.append(("leaving", tuple(recipients)))
        self.seen.append(self._look())
        objection = self._objections.pop(0) if self._objections else None
        if objection:
            raise objection

    def taken(self, recipients: Sequence[str], answer: str) -> None:
        self.told.append(("taken", tuple(recipients)))
        self.answers.append(answer)
