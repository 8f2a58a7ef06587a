"""What is fine while one develops, and not on a site that people use (`check --deploy`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register

from mailadmin import conf
from mailadmin.core.validation import this_machine

from .common import TAG, a_warning, mail_backends


@register(TAG, deploy=True)
def check_sandbox(**kwargs: Any) -> list[CheckMessage]:
    """Tell when the sandbox is allowed on what looks like a production site."""
    try:
        if settings.DEBUG or not conf.setting("SANDBOX"):
            return []
    except (conf.ConfigurationError, TypeError):
        return []  # E002 says so
    return [
        a_warning(
            "W010",
            "The sandbox is allowed on this site: mail that goes through it reaches nobody.",
            'Remove MAILADMIN["SANDBOX"], unless this installation is only for trying things out.',
        )
    ]


@register(TAG, deploy=True)
def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Tell what is fine while one develops, and not on a site that people use."""
    found: list[CheckMessage] = []
    if settings.DEBUG:
        text = "DEBUG is on: an error page shows settings, addresses and subjects to everybody."
        found.append(a_warning("W012", text, "Set DEBUG = False."))
    if plain := sorted(_plain_passwords()):
        text = f"A password would leave this server without encryption: {', '.join(plain)}."
        hint = "Set use_tls or use_ssl (EMAIL_USE_TLS, EMAIL_USE_SSL), or take the user name and password away."
        found.append(a_warning("W011", text, hint))
    return found


def _plain_passwords() -> Iterator[str]:
    """Yield the mailers of Django's own SMTP backend that sign in without TLS, on another machine than this one."""
    smtp = "django.core.mail.backends.smtp.EmailBackend"
    mailers = conf.mailers()
    if mailers is not None:
        for alias, mailer in mailers.items():
            options = {name.lower(): value for name, value in mailer.get("OPTIONS", {}).items()}
            safe = options.get("use_tls") or options.get("use_ssl") or this_machine(options.get("host", "localhost"))
            if mailer.get("BACKEND", smtp) == smtp and options.get("username") and not safe:
                yield f"MAILERS[{alias!r}]"
    elif settings.EMAIL_HOST_USER and settings.EMAIL_HOST_PASSWORD and not this_machine(settings.EMAIL_HOST):
        used = {*mail_backends(), conf.setting("LAST_RESORT")}
        if smtp in used and not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL):
            yield "EMAIL_HOST_PASSWORD"
