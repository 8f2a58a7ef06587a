"""The words of the knowledge base: whose job a remedy is, what an entry is about, and what follows a failure."""

from __future__ import annotations

from enum import StrEnum


class Owner(StrEnum):
    """Whose job the remedy is."""

    YOU = "you"
    MICROSOFT_365_ADMIN = "microsoft-365-admin"
    MAIL_PROVIDER = "mail-provider"
    NETWORK = "network"
    DEVELOPER = "developer"

    @property
    def label(self) -> str:
        """Return the owner as a person reads it."""
        return {
            Owner.YOU: "You, in this console",
            Owner.MICROSOFT_365_ADMIN: "Your Microsoft 365 administrator",
            Owner.MAIL_PROVIDER: "The mail provider",
            Owner.NETWORK: "Whoever runs this server's network",
            Owner.DEVELOPER: "The developer of the application that sends",
        }[self]


class Area(StrEnum):
    """What an entry is about, to find it in a list."""

    SETTINGS = "settings"
    NETWORK = "network"
    PROXY = "proxy"
    TLS = "tls"
    SMTP = "smtp"
    SIGN_IN = "sign-in"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"
    LIMITS = "limits"
    ENTRA = "entra"
    GRAPH = "graph"
    MESSAGE = "message"
    OUTBOX = "outbox"
    OTHER = "other"

    @property
    def label(self) -> str:
        """Return the area as a person reads it."""
        return {
            Area.SETTINGS: "Settings of a connection",
            Area.NETWORK: "Names and connections",
            Area.PROXY: "A proxy in between",
            Area.TLS: "Encryption and certificates",
            Area.SMTP: "Mail servers in general",
            Area.SIGN_IN: "Signing in to a mail server",
            Area.SENDER: "The sender",
            Area.RECIPIENT: "The recipients",
            Area.CONTENT: "The content",
            Area.LIMITS: "Limits and pauses",
            Area.ENTRA: "Microsoft Entra: the token",
            Area.GRAPH: "Microsoft Graph",
            Area.MESSAGE: "What the application hands over",
            Area.OUTBOX: "Routes and the outbox",
            Area.OTHER: "Everything else",
        }[self]


class Failover(StrEnum):
    """What happens to the message after this failure."""

    NEXT = "next"  # surely not taken: the next route now
    LATER = "later"  # the same routes again later; in direct mode the next route while one remains
    FAIL = "fail"  # permanent for this message or recipient: no route would do better
    UNSURE = "unsure"  # may have been taken: no other route in this call

    @property
    def label(self) -> str:
        """Return it as a person reads it."""
        return {
            Failover.NEXT: "It was surely not taken: the next route follows at once.",
            Failover.LATER: "It was surely not taken: the same routes try again later; while a caller waits, the next "
            "route follows.",
            Failover.FAIL: "It was surely not taken, and no other route would do better: it fails.",
            Failover.UNSURE: "It may have been taken: no other route gets it, so that nobody gets it twice.",
        }[self]


class Health(StrEnum):
    """What the failure says of the route itself."""

    NONE = "none"
    COUNT = "count"  # noted; the route stays in use
    TRIP = "trip"  # the route is failing for now
    CONFIG = "config"  # stop using the route until somebody looks

    @property
    def label(self) -> str:
        """Return it as a person reads it."""
        return {
            Health.NONE: "It stays in use: this says nothing about it.",
            Health.COUNT: "It stays in use: other messages may get through.",
            Health.TRIP: "It rests for a while, then one message tries it again.",
            Health.CONFIG: "It is stopped until its settings are changed or a test of it is good.",
        }[self]
