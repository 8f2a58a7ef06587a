"""What this process saw happen since the last look: kept in memory, because it is true whatever becomes of the
transaction in which it was seen, and because a sender writes nothing for it."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

from mailadmin.core.alert_texts import Facts
from mailadmin.core.alerts import Event


@dataclass(frozen=True)
class Happening:
    """Something that happened so many `times`; `facts` are those of the last time."""

    event: Event
    key: str
    facts: Facts
    times: int = 1


_lock = threading.Lock()
_news: dict[str, Happening] = {}


def put(happening: Happening) -> None:
    """Count `happening`."""
    with _lock:
        known = _news.get(happening.key)
        times = happening.times + (known.times if known else 0)
        _news[happening.key] = Happening(happening.event, happening.key, happening.facts, times)


def take() -> dict[str, Happening]:
    """Return what happened by its keys, and forget it."""
    with _lock:
        taken = dict(_news)
        _news.clear()
    return taken


def _renew() -> None:
    global _lock  # another thread may have held it when the process was forked; its news are the parent's to tell
    _lock = threading.Lock()
    _news.clear()


os.register_at_fork(after_in_child=_renew)
