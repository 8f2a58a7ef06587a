"""Saying again and again that claims are in force, in a thread of its own: neither a slow server nor a busy process may
let one lapse."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from django.db import connections

from mailadmin.core import limits
from mailadmin.delivery.telling import tell

from . import claims
from .claims import Claim


class Heart:
    """Beats for all claims that the process holds. Its thread begins with the first of them, and ends with the first
    beat that has nothing to do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[Claim] = set()
        self._beats = False

    @contextmanager
    def hold(self, claim: Claim) -> Iterator[None]:
        """Keep `claim` in force while the block runs. A claim that was lost all the same is found out by
        whoever writes with it."""
        with self._lock:
            self._held.add(claim)
            if not self._beats:
                threading.Thread(target=self._run, name="mailadmin-heart", daemon=True).start()
                self._beats = True
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(claim)

    def _run(self) -> None:
        seconds: float = limits.CLAIM_BEAT_SECONDS
        while True:
            time.sleep(seconds)
            with self._lock:
                held = tuple(self._held)
                if not held:
                    self._beats = False
                    return
            seconds = limits.CLAIM_BEAT_SECONDS if _beat(held) else limits.CLAIM_BEAT_AGAIN_SECONDS


def _beat(held: tuple[Claim, ...]) -> bool:
    """Move the end of these claims ahead, and tell whether that worked. The connection is not kept: the next beat is
    far away."""
    try:
        claims.beat(held)
    except Exception as error:  # of any type: what the host project hangs into its connections has a part in it
        tell(logging.WARNING, "Claims in the outbox could not be renewed (%s).", type(error).__name__)
        return False
    finally:
        connections.close_all()
    return True


_heart = Heart()


def hold(claim: Claim) -> AbstractContextManager[None]:
    """See `Heart.hold`; of the heart of this process."""
    return _heart.hold(claim)


def _forget() -> None:
    global _heart  # neither the thread nor what it held is the child's
    _heart = Heart()


os.register_at_fork(after_in_child=_forget)
