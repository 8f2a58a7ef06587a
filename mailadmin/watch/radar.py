"""The password-SMTP radar: connections that sign in to Microsoft with a password, and the way to their Graph twin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from mailadmin.core import microsoft
from mailadmin.core.settings import SmtpAuth
from mailadmin.core.texts import _
from mailadmin.models import IntegratedService, OAuthService, SmtpConnection

_NAME_CHARS = 80


@dataclass(frozen=True)
class Blip:
    """One connection on the radar. `twins` are OAuth services that send from the same mailbox already; `twin_url` is
    the form that makes one, filled in as far as the connection says."""

    row: SmtpConnection
    twins: tuple[OAuthService, ...]
    twin_url: str

    @property
    def settled(self) -> bool:
        """Tell whether an enabled OAuth service sends from the same mailbox before this connection is tried."""
        return any(twin.enabled for twin in self.twins)


def signs_in_with_password(row: SmtpConnection) -> bool:
    """Tell whether `row` signs in to one of Microsoft's hosts with a password."""
    return row.auth == SmtpAuth.PASSWORD and microsoft.takes_password(row.host)


def blips() -> list[Blip]:
    """Return all such connections, enabled ones first. Three statements, whatever their number."""
    rows = SmtpConnection.objects.filter(auth=SmtpAuth.PASSWORD)
    found = blips_of(rows, list(OAuthService.objects.all()), IntegratedService.objects.all())
    return sorted(found, key=lambda blip: not blip.row.enabled)


def blips_of(
    rows: Iterable[SmtpConnection], services: Sequence[OAuthService], apps: Iterable[IntegratedService]
) -> list[Blip]:
    """Return those of `rows` that are on the radar; `services` and `apps` are all that there are. No statement."""
    usable = [app for app in apps if app.account_kind == IntegratedService.AccountKind.SERVICE_ACCOUNT]
    return [_blip(row, services, usable) for row in rows if signs_in_with_password(row)]


def mailbox_of(row: SmtpConnection) -> str:
    """Return the mailbox that a connection sends from: its user where that is an address, else its From address."""
    user = row.user_name.strip()
    return user if "@" in user else row.from_address.strip()


def _blip(row: SmtpConnection, services: Sequence[OAuthService], apps: Sequence[IntegratedService]) -> Blip:
    mailbox = mailbox_of(row).lower()
    twins = tuple(service for service in services if mailbox and mailbox in _mailboxes(service))
    return Blip(row, twins, _twin_url(row, services, apps))


def _mailboxes(service: OAuthService) -> set[str]:
    """Return the mailboxes that `service` sends from, in small letters."""
    further = service.mailboxes.lower().replace(",", " ").replace(";", " ").split()
    return {service.service_identity.strip().lower(), *further}


def _twin_url(row: SmtpConnection, services: Sequence[OAuthService], apps: Sequence[IntegratedService]) -> str:
    """Return the address of the new OAuth service, or "" when an integrated service has to come first."""
    if not apps:
        return ""
    taken = {service.name.lower() for service in services}
    wanted = _("{name} by Graph").format(name=row.name)[:_NAME_CHARS]
    values = {
        "name": "" if wanted.lower() in taken else wanted,
        "service_identity": mailbox_of(row),
        "label": row.label,
        "subject_prefix": row.subject_prefix,
    }
    filled = {name: value for name, value in values.items() if value}
    return f"{reverse('mailadmin:oauth-new')}?{urlencode(filled)}"
