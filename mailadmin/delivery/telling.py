"""The logger `mailadmin.delivery`: lines that no roll-back removes."""

from __future__ import annotations

import contextlib
import logging
import threading

_logger = logging.getLogger("mailadmin.delivery")
_thread = threading.local()


def tell(level: int, line: str, *values: object) -> None:
    """Log `line` with its `values`, unless this thread is in the middle of doing so: a handler that sends mail
    (Django's AdminEmailHandler) would else report the failure of its own message, and so on without an end."""
    if not _logger.isEnabledFor(level) or getattr(_thread, "telling", False):
        return
    _thread.telling = True
    try:
        with contextlib.suppress(Exception):  # a handler's own trouble must not undo what became of the message
            _logger.log(level, line, *values)
    finally:
        _thread.telling = False
