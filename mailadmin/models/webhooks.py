"""What alerts and Done events have in common: an address that is a secret, and a secret to sign with."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from mailadmin.core.alert_payloads import signing_key
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.validation import webhook_url

from .secrets import HeldSecret


@sensitive_variables("text")
def checked_url(url: HeldSecret, host: str) -> Secret:
    """Return the address to post to, which was saved for `host`. Raises MailError when it is missing, cannot be opened,
    or leads to another host (it may be kept outside the database, where others change it)."""
    secret = url.value()
    text = secret.reveal() if secret else ""
    try:
        text, found = webhook_url(text)
    except ValueError as error:
        raise _unusable(str(error)) from None
    if found != host.lower():
        said = _("The webhook address leads to another host than {host}, for which it was saved.")
        raise _unusable(said.format(host=host))
    return Secret(text)


@sensitive_variables()
def signing_fault(signing: HeldSecret) -> str:
    """Say in a sentence why the stored secret cannot sign, "" when it can or there is none."""
    secret = signing.value()
    try:
        if secret:
            signing_key(secret.reveal())
    except (ValueError, MailError) as error:
        return str(error)
    return ""


def _unusable(text: str) -> MailError:
    return MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, text))
