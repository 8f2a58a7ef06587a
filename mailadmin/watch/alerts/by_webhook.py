"""An alert to a webhook: our own JSON with a signature, or the form of Slack or Teams, whose address is the secret."""

from __future__ import annotations

import time

from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.alert_answers import Answered, of_fault, of_status
from mailadmin.core.alert_payloads import Notice, body, signature
from mailadmin.core.alerts import ChannelKind
from mailadmin.core.errors import MailError
from mailadmin.core.texts import _
from mailadmin.models import AlertChannel
from mailadmin.net.webhook import post


def send(channel: AlertChannel, notice: Notice) -> Answered:
    """Send `notice` to the webhook of `channel`. Never raises a MailError: what went wrong is in the answer."""
    kind = ChannelKind(channel.kind)
    content = body(kind, notice)
    try:
        url = channel.checked_url()
        wanted = kind is ChannelKind.WEBHOOK or channel.signing.stored
        headers = _signed(channel, notice.id, content) if wanted else {}
        answer = post(url, content, headers, conf.network_policy(), limits.ALERT_SECONDS)
    except MailError as error:
        return of_fault(error.fault)
    except ValueError as error:
        return Answered(problem=str(error))
    return of_status(kind, channel.host, answer.status, answer.retry_after)


@sensitive_variables()
def _signed(channel: AlertChannel, alert_id: str, content: bytes) -> dict[str, str]:
    """Return the headers with the signature. Raises MailError when the secret cannot be opened, and ValueError with a
    sentence when there is none or it cannot be used."""
    secret = channel.signing.value()
    if secret is None:
        raise ValueError(_("The signing secret is missing; type it on the Settings page."))
    return signature(secret.reveal(), alert_id, int(time.time()), content)
