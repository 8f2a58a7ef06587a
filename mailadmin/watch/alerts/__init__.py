"""Alerts: what is wrong is told to those who do not look at the console.

`look` compares what is wrong now (`watch.findings`) and what happened lately (`news`) with what was told, writes the
alerts and sends them. The schedule calls it; where no worker runs, a receiver of `mailadmin.signals` rings a bell
(`bell`), and a thread of the process looks a moment later.
"""

from __future__ import annotations

from . import bell, receivers


def connect() -> None:
    """Let this process tell what its messages meet (for the start of the app)."""
    receivers.connect()
    bell.install(bell.Bell(look, anybody))


# What looks is loaded when it is first needed: a process that sends has no other use for it.


def look() -> float | None:
    """Tell what is to be told, and send what is due: see `looking.look`. Never raises."""
    from . import looking

    return looking.look()


def anybody() -> bool:
    """Tell whether a channel is switched on. Never raises."""
    from . import looking

    return looking.anybody()
