"""Tokens at rest: sealed with the key ring, each bound to the key under which it is kept."""

from __future__ import annotations

import time

from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core.keyring import CannotOpen
from mailadmin.core.secret import Secret
from mailadmin.transports.shared import SharedToken


@sensitive_variables()
def sealed(key: str, token: SharedToken) -> str:
    """Return the token as it is kept. Raises ConfigurationError when there is no key ring."""
    return conf.key_ring().seal(_context(key), token.value.reveal())


@sensitive_variables()
def opened(key: str, text: str, expires_at: float) -> SharedToken | None:
    """Return what `sealed` made of a token; None when it is past, or was sealed with a key that is gone.

    Raises ConfigurationError when there is no key ring.
    """
    if expires_at <= time.time():
        return None
    try:
        return SharedToken(Secret(conf.key_ring().open(_context(key), text)), expires_at)
    except CannotOpen:
        return None


def _context(key: str) -> str:
    return f"mailadmin.sharedtoken|{key}"
