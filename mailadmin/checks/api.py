"""What the HTTP API needs of the deployment."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register
from django.urls import NoReverseMatch, reverse

from mailadmin import conf

from .common import TAG, a_warning


@register(TAG)
def check_api(**kwargs: Any) -> list[CheckMessage]:
    """Tell where the project's addresses include the API, and what it tells of messages is not kept."""
    try:
        conf.delivery()  # raises where E002 says so, which is about the log, too
        if conf.setting("DELIVERY_LOG") or not _is_mounted():
            return []
    except (conf.ConfigurationError, TypeError, ValueError):
        return []
    return [
        a_warning(
            "W030",
            'The HTTP API is among the addresses of this project, and MAILADMIN["DELIVERY_LOG"] is off: programs can '
            "send, but not queue, ask what became of a message, or use idempotency keys.",
            "Switch the delivery log on, or remove mailadmin.api.urls from the addresses.",
        )
    ]


def _is_mounted() -> bool:
    if not getattr(settings, "ROOT_URLCONF", None):
        return False
    try:
        reverse("mailadmin-api:openapi")
    except NoReverseMatch:
        return False
    return True
