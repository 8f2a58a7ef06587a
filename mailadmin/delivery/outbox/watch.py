"""The watch of a message that a worker sends: before it can be taken that is written down durably, so that the end of
the worker right then is found out by whoever claims the message next."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from django.db import Error, connections, router, transaction

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.outcome import RecipientOutcome, RecipientState
from mailadmin.core.settings import Route
from mailadmin.core.texts import _
from mailadmin.delivery.telling import tell
from mailadmin.models import Delivery, DeliveryRecipient, OutboxEntry

from .claims import LeaseLost, fenced, note_leaving
from .hand import Hand
from .writing import insist


class ClaimWatch:
    """See `transports.base.Watch`; for one try by one route. `left` are the recipients for whom the message may have
    been taken, as far as no answer is written down."""

    def __init__(self, hand: Hand, route: Route) -> None:
        self._hand, self._round, self._route = hand, hand.round, route
        self._home = threading.get_ident()
        self._left: set[str] = set()

    def leaving(self, recipients: Sequence[str]) -> None:
        """See `transports.base.Watch`: nothing leaves for whom the claim is lost, or while the database is away."""
        self._left |= set(self._round.asked_for(recipients))
        try:
            insist(self._note_leaving, limits.LEAVING_SECONDS)
        except LeaseLost:
            raise MailError(Fault(Phase.SETTINGS, Kind.CLAIM_LOST)) from None
        except Error as error:
            text = _("The database could not be reached ({error}).").format(error=type(error).__name__)
            raise MailError(Fault(Phase.SETTINGS, Kind.CLAIM_LOST, text=text)) from error
        finally:
            self._leave_no_connection()

    def taken(self, recipients: Sequence[str], answer: str) -> None:
        """See `transports.base.Watch`: what cannot be written here is written with the end of the run."""
        served = self._round.asked_for(recipients)
        try:
            with transaction.atomic(using=_alias()):
                self._left -= set(served)
                fenced(self._hand.claim, leaving=sorted(self._left))
                rows = DeliveryRecipient.objects.filter(delivery=self._hand.claim.delivery_id, address__in=served)
                rows.update(state=RecipientState.SENT, code="", reason="")
            self._hand.stored |= {asked: RecipientOutcome(RecipientState.SENT) for asked in served}
        except Exception as error:  # of any type: no failure of the log is one of the send
            self._left |= set(served)
            tell(logging.WARNING, "An outcome could not be written at once (%s).", type(error).__name__)
        finally:
            self._leave_no_connection()

    def _note_leaving(self, again: bool) -> None:
        claim, leaving = self._hand.claim, (sorted(self._left), str(self._route.key), self._route.name)
        if not self._round.resends:
            note_leaving(claim, *leaving)
            return
        with transaction.atomic(using=_alias()):
            note_leaving(claim, *leaving)
            fenced(claim, unsure_resends=self._hand.entry.unsure_resends + 1)
            Delivery.objects.filter(pk=self._hand.claim.delivery_id).update(possible_duplicate=True)

    def _leave_no_connection(self) -> None:
        """A thread of the transport must not be left with a database connection of its own."""
        if threading.get_ident() != self._home:
            connections[_alias()].close()


def _alias() -> str:
    return router.db_for_write(OutboxEntry)
