"""What was saved of an integrated service, but will not work."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from mailadmin.core import clouds
from mailadmin.core.dates import day
from mailadmin.core.errors import MailError
from mailadmin.models import IntegratedService
from mailadmin.models.secrets import HeldSecret
from mailadmin.watch.credentials import first_state, second_state


def warnings_of(row: IntegratedService) -> list[str]:
    """Return what was saved but will not work."""
    found = [*_credential_warnings(row), *_host_warnings(row)]
    return [*found, *_reference_warning(row.secret)]


def lost_second_of(row: IntegratedService) -> list[str]:
    """Return that the second credential was forgotten, where a change of the service took its destination away."""
    state = second_state(row, 0, timezone.localdate())
    if state is None or not state.missing:
        return []
    text = _(
        "The {secret} was stored for what the service was before, so it is forgotten. Type it again on the page of the "
        "second credential, or forget that one."
    )
    return [text.format(secret=row.second_secret.word)]


def second_warnings_of(row: IntegratedService) -> list[str]:
    """Return what was saved of the second credential but will not work."""
    state = second_state(row, 0, timezone.localdate())
    text = _("The {credential} {ended}: Entra refuses it.")
    ended = [text.format(credential=state.noun, ended=state.countdown)] if state and state.ended else []
    return [*ended, *_reference_warning(row.second_secret)]


def _credential_warnings(row: IntegratedService) -> list[str]:
    state = first_state(row, 0, timezone.localdate())
    if state.missing:
        return [_("No {secret} is stored yet, so no token can be fetched with this.").format(secret=row.secret.word)]
    if state.ended and state.ends_on:
        text = _(
            "The {credential} ended on {day}: Entra refuses it. Make a new one and type it here; if this is the new "
            "one, correct the date."
        )
        return [text.format(credential=state.noun, day=day(state.ends_on, wide=True))]
    return []


def _host_warnings(row: IntegratedService) -> list[str]:
    if row.cloud == clouds.CUSTOM and not row.mail_hosts.strip() and row.smtp_connections.exists():
        return [
            _(
                "An SMTP connection signs in with this, and a custom cloud knows no mail host by itself: name it under "
                "Advanced, or no token goes there."
            )
        ]
    return []


def _reference_warning(held: HeldSecret) -> list[str]:
    """Say when what is kept outside cannot be read at present."""
    secret = held.value() if held.reference else None
    if secret is None:
        return []
    try:
        secret.reveal()
    except MailError as error:
        text = _("{reason} It is saved; a token needs it on the server that sends.")
        return [text.format(reason=error.fault.text)]
    return []
