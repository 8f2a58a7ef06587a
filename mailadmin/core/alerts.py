"""What is told to people who do not look at the console (pure)."""

from __future__ import annotations

from enum import StrEnum


class ChannelKind(StrEnum):
    """What a channel of alerts speaks."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    SLACK = "slack"
    TEAMS = "teams"


class Event(StrEnum):
    """What an alert is about."""

    FAILING = "failing"  # a route or the whole sending fails newly
    RECOVERED = "recovered"
    FALLBACK = "fallback"  # another route than the preferred one had to send
    UNSURE = "unsure"  # a message may have been delivered
    EXPIRY = "expiry"  # a secret or certificate ends
    SILENCE = "silence"  # no success for hours although messages were due
    TEST = "test"

    @property
    def label(self) -> str:
        """Return the event as a person reads it."""
        return {
            Event.FAILING: "Newly failing",
            Event.RECOVERED: "Recovered",
            Event.FALLBACK: "Sent by fallback",
            Event.UNSURE: "Maybe delivered",
            Event.EXPIRY: "A secret or certificate ends",
            Event.SILENCE: "No message got through",
            Event.TEST: "Test alert",
        }[self]
