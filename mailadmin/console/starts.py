"""Links that open the empty form of a connection filled in: what they carry is signed, so that nobody else can make
one that leads a password to a server of theirs. No secret is ever in them."""

from __future__ import annotations

from urllib.parse import urlencode

from django.core import signing
from django.urls import reverse

from mailadmin.core import limits
from mailadmin.core.providers import Provider
from mailadmin.core.settings import Security, SmtpAuth

FIELDS = frozenset({"name", "host", "security", "port", "auth", "user_name", "from_address"})
QUERY = "start"
_SALT = "mailadmin.console.starts"


def smtp_link(
    host: str, port: int, security: Security, *, user: str = "", address: str = "", provider: Provider | None = None
) -> str:
    """Return the address of the new SMTP connection to this server, with the user name as far as it is known and the
    sender's address."""
    values = {
        "name": provider.name if provider else host,
        "host": host,
        "security": security.value,
        "port": "" if port == security.default_port else str(port),
        "auth": SmtpAuth.PASSWORD.value,
        "user_name": user,
        "from_address": address,
    }
    told = {name: value for name, value in values.items() if value}
    return f"{reverse('mailadmin:smtp-new')}?{urlencode({QUERY: signing.dumps(told, salt=_SALT, compress=True)})}"


def oauth_link(address: str) -> str:
    """Return the address of the new OAuth service that sends from this mailbox ("" for none yet)."""
    filled = urlencode({"service_identity": address} if address else {})
    return f"{reverse('mailadmin:oauth-new')}?{filled}".rstrip("?")


def opened(token: str) -> dict[str, str]:
    """Return the values that `smtp_link` put into its link, by the fields of the form; none when it is not ours, is too
    old, or there is none."""
    try:
        values = signing.loads(token, salt=_SALT, max_age=limits.DISCOVERY_LINK_SECONDS)
    except signing.BadSignature:
        return {}
    return {name: str(value) for name, value in values.items() if name in FIELDS}
