"""What can be refused before any connection."""

from __future__ import annotations

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import SmtpRoute
from mailadmin.transports.base import Mail

from .payload import path


def check(mail: Mail, route: SmtpRoute) -> None:
    """Refuse an envelope that no server could take. Raises MailError with phase MESSAGE."""
    if not mail.recipients:
        raise MailError(Fault(Phase.MESSAGE, Kind.NO_RECIPIENTS, host=route.host))
    for address in (*filter(None, [mail.sender]), *mail.recipients):
        path(address, mail.needs_utf8)
