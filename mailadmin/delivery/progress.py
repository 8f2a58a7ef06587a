"""How far a long upload is, written into the log while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.db.backends.utils import CursorWrapper

from mailadmin.conf import setting
from mailadmin.core import limits
from mailadmin.core.redact import clean
from mailadmin.models import Delivery

from . import database
from .log import Entry

_CHARS = Delivery._meta.get_field("progress").max_length or 0


def reporter(entry: Entry) -> Callable[[str], None]:
    """Return a function that writes words about the progress into the row of `entry`, from any thread, at most once
    in limits.PROGRESS_SECONDS. Best effort, as all of the log."""
    home, last = threading.get_ident(), 0.0

    def report(words: str) -> None:
        nonlocal last
        if not entry.stored or time.monotonic() - last < limits.PROGRESS_SECONDS or not setting("DELIVERY_LOG"):
            return
        last = time.monotonic()
        text = clean(words, limit=_CHARS)

        def write(_: CursorWrapper) -> None:
            Delivery.objects.filter(pk=entry.values["id"]).update(progress=text)

        if threading.get_ident() == home:
            database.try_to_write(write, one_statement=True)
        else:  # a worker of the transport: its thread must not be left with a database connection of its own
            database.try_to_write_apart(write)

    return report
