"""One Done event to the address of its client: signed, by the guarded dialler, no redirect followed."""

from __future__ import annotations

import time

from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.alert_payloads import signature
from mailadmin.core.done_answers import Answered, of_fault, of_status
from mailadmin.core.done_payload import Done, Told, body
from mailadmin.core.errors import MailError
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import ApiClient, Delivery, DoneNotice
from mailadmin.net.webhook import post


def post_done(notice: DoneNotice) -> Answered:
    """Post `notice` once. Never raises a MailError: what went wrong is in the answer. Raises what the database
    raises."""
    content = body(done_of(notice.delivery))
    try:
        url = notice.client.checked_url()
        headers = _signed(notice.client, f"done-{notice.pk}", content)
        answer = post(url, content, headers, conf.network_policy(), limits.DONE_SECONDS)
    except MailError as error:
        return of_fault(error.fault)
    except (ValueError, conf.ConfigurationError) as error:
        return Answered(str(error))
    return of_status(notice.client.host, answer.status, answer.retry_after)


def done_of(delivery: Delivery) -> Done:
    """Return what is told of `delivery`, as the log knows it now: one statement, and none for a message that could not
    be tried."""
    rows = delivery.recipients.values_list("address", "state", "reason")
    return Done(
        id=str(delivery.pk),
        state=DeliveryState(delivery.state),
        endpoint=delivery.label,
        subject=delivery.subject,
        recipients=tuple(Told(*row) for row in rows),
        message_id=delivery.message_id,
        metadata=delivery.metadata,
        finished_at=delivery.finished_at,
    )


@sensitive_variables()
def _signed(client: ApiClient, event_id: str, content: bytes) -> dict[str, str]:
    """Return the headers with the signature. Raises MailError when the secret cannot be opened, and ValueError with a
    sentence when there is none or it cannot be used."""
    secret = client.signing.value()
    if secret is None:
        raise ValueError(_("The signing secret is missing; type it on the page of the API client."))
    return signature(secret.reveal(), event_id, int(time.time()), content)
