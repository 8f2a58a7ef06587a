"""The one family of sending errors: `MailError`, also an `smtplib.SMTPException` and so an `OSError`,
so that code written for Django's SMTP backend catches it.

Configuration errors of the deployment are not in the family (see `mailadmin.conf`), so that
`fail_silently` cannot hide them.
"""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from .fault import Fault, Kind, Phase
from .knowledge import Explanation, Failover, explain
from .texts import _


class Scope(StrEnum):
    """How far a failure reaches."""

    ROUTE = "route"  # another route may do it
    MESSAGE = "message"  # no route will take this message
    RECIPIENT = "recipient"  # this recipient is refused; the others are not touched
    UNSURE = "unsure"  # the message may have been taken


class MailError(smtplib.SMTPException):
    """A message, or one recipient of it, was not sent (or nobody can say: scope "unsure").

    `str()` gives a sentence with the cause; `explanation` holds remedy, owner and the next step. The
    text never holds a secret. `recipients` maps those addresses to their own errors that have one.
    """

    recipients: Mapping[str, MailError] = MappingProxyType({})

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault

    @cached_property
    def explanation(self) -> Explanation:
        """Return what the knowledge base says about this failure."""
        return explain(self.fault)

    @property
    def scope(self) -> Scope:
        """Return how far the failure reaches."""
        if self.explanation.failover is Failover.UNSURE:
            return Scope.UNSURE
        if self.fault.recipient:
            return Scope.RECIPIENT
        return Scope.MESSAGE if self.explanation.failover is Failover.FAIL else Scope.ROUTE

    @property
    def code(self) -> str:
        """Return the id of the knowledge entry, stable for programs."""
        return self.explanation.id

    @property
    def summary(self) -> str:
        """Return what is wrong and what the server said, short enough for a list."""
        return f"{self.explanation.title} {self.fault.text}".strip()

    @property
    def temporary(self) -> bool:
        """Tell whether the same message may succeed later without anybody changing anything."""
        return self.explanation.retry

    def __str__(self) -> str:
        fault, parts = self.fault, [self.explanation.problem]
        if fault.text and (fault.smtp_code or fault.http_status or fault.graph_code or fault.aadsts):
            parts.append(_("The answer was: “{text}”.").format(text=fault.text))
        elif fault.text:  # our own words
            parts.append(f"{fault.text.removesuffix('.')}.")
        parts.append(_("What to do: {steps}").format(steps=" ".join(self.explanation.remedy)))
        return " ".join(parts).strip()


class DeliveryUnsure(MailError):
    """No final answer was read after the whole message had left: it may have been delivered.

    It is not sent by another route, because no other provider could recognise the double. `recipients` has the errors
    of those whom the server had refused before: they surely did not get it.
    """

    def __init__(self, fault: Fault, refused: Mapping[str, MailError] = MappingProxyType({})) -> None:
        super().__init__(fault)
        self.recipients = dict(refused)
        self.args = (fault, self.recipients)  # what a copy or a pickle is made from


class SendingHeld(MailError):
    """All mail is held on purpose: by the switch on the Settings page, or because this database belongs to another
    environment. Nothing was handed to any server."""


class BadMessage(MailError, ValueError):
    """The message itself cannot be sent: a bad address, header or body. Nothing was handed to any server.

    Also a ValueError, as Django raises for header injection, and like there not hidden by `fail_silently`.
    """


class RecipientsRefused(MailError):
    """Every recipient was refused. `recipients` maps each address to its own MailError."""

    def __init__(self, fault: Fault, recipients: Mapping[str, MailError]) -> None:
        super().__init__(fault)
        self.recipients = dict(recipients)
        self.args = (fault, self.recipients)  # what a copy or a pickle is made from


def bad_message(kind: Kind, text: str = "", field: str = "") -> BadMessage:
    """Return the error of a message that is wrong in its part `field`, see `Fault.field`."""
    return BadMessage(Fault(Phase.MESSAGE, kind, text=text, field=field))


def mail_error(fault: Fault) -> MailError:
    """Return the error of the family that fits `fault`."""
    if fault.kind is Kind.SENDING_HELD:
        return SendingHeld(fault)
    error = MailError(fault)
    return DeliveryUnsure(fault) if error.scope is Scope.UNSURE else error
