"""Which changes of settings would cure a step that failed."""

from __future__ import annotations

from mailadmin.core.errors import MailError
from mailadmin.core.fixes import Fix, propose

from .ladders import AppSubject, Subject


def fixes_for(subject: Subject, error: MailError) -> list[Fix]:
    """Return the changes to offer where a step of the test of `subject` failed with `error`, the likeliest first."""
    return propose(error.fault, error.code, subject.app if isinstance(subject, AppSubject) else subject)
