"""The words of the knowledge base: whose job a remedy is, what an entry is about, and what follows a failure."""

from __future__ import annotations

from enum import StrEnum

from .texts import _


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
            Owner.YOU: _("You, in this console"),
            Owner.MICROSOFT_365_ADMIN: _("Your Microsoft 365 administrator"),
            Owner.MAIL_PROVIDER: _("The mail provider"),
            Owner.NETWORK: _("Whoever runs this server's network"),
            Owner.DEVELOPER: _("The developer of the application that sends"),
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
            Area.SETTINGS: _("Settings of a connection"),
            Area.NETWORK: _("Names and connections"),
            Area.PROXY: _("A proxy in between"),
            Area.TLS: _("Encryption and certificates"),
            Area.SMTP: _("Mail servers in general"),
            Area.SIGN_IN: _("Signing in to a mail server"),
            Area.SENDER: _("The sender"),
            Area.RECIPIENT: _("The recipients"),
            Area.CONTENT: _("The content"),
            Area.LIMITS: _("Limits and pauses"),
            Area.ENTRA: _("Microsoft Entra: the token"),
            Area.GRAPH: _("Microsoft Graph"),
            Area.MESSAGE: _("What the application hands over"),
            Area.OUTBOX: _("Routes and the outbox"),
            Area.OTHER: _("Everything else"),
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
            Failover.NEXT: _("It was surely not taken: the next route follows at once."),
            Failover.LATER: _(
                "It was surely not taken: the same routes try again later; while a caller waits, the next "
                "route follows."
            ),
            Failover.FAIL: _("It was surely not taken, and no other route would do better: it fails."),
            Failover.UNSURE: _("It may have been taken: no other route gets it, so that nobody gets it twice."),
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
            Health.NONE: _("It stays in use: this says nothing about it."),
            Health.COUNT: _("It stays in use: other messages may get through."),
            Health.TRIP: _("It rests for a while, then one message tries it again."),
            Health.CONFIG: _("It is stopped until its settings are changed or a test of it is good."),
        }[self]
