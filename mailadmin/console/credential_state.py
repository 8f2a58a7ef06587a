"""What was saved of an integrated service, but will not work."""

from __future__ import annotations

from django.utils import timezone

from mailadmin.core import clouds
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
    if state is None or state.label != "Missing":
        return []
    return [
        f"The {row.second_secret.word} was stored for what the service was before, so it is forgotten. Type it again "
        "on the page of the second credential, or forget that one."
    ]


def second_warnings_of(row: IntegratedService) -> list[str]:
    """Return what was saved of the second credential but will not work."""
    state = second_state(row, 0, timezone.localdate())
    ended = [f"The {state.noun} {state.countdown}: Entra refuses it."] if state and state.ended else []
    return [*ended, *_reference_warning(row.second_secret)]


def _credential_warnings(row: IntegratedService) -> list[str]:
    state = first_state(row, 0, timezone.localdate())
    if state.label == "Missing":
        return [f"No {row.secret.word} is stored yet, so no token can be fetched with this."]
    if state.ended and state.ends_on:
        return [
            f"The {state.noun} ended on {state.ends_on:%d %b %Y}: Entra refuses it. Make a new one and type it here; "
            "if this is the new one, correct the date."
        ]
    return []


def _host_warnings(row: IntegratedService) -> list[str]:
    if row.cloud == clouds.CUSTOM and not row.mail_hosts.strip() and row.smtp_connections.exists():
        return [
            "An SMTP connection signs in with this, and a custom cloud knows no mail host by itself: name it under "
            "Advanced, or no token goes there."
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
        return [f"{error.fault.text} It is saved; a token needs it on the server that sends."]
    return []
