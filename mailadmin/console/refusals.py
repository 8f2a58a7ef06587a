"""The senders that a route may not send as, as its form page tells them: how often, since when, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from mailadmin.core.knowledge import entries
from mailadmin.models import IntegratedService, OAuthService, SenderRefusal, SmtpConnection


@dataclass(frozen=True)
class RefusedSender:
    """One sender of one route; `remedy` are the steps of the knowledge base, with its address filled in."""

    sender: str
    count: int
    last_at: datetime
    reason: str
    remedy: tuple[str, ...]


def refused_senders(row: OAuthService | SmtpConnection | IntegratedService | None) -> list[RefusedSender]:
    """Return the senders that were refused on a saved route, the latest first. One statement."""
    if row is None or isinstance(row, IntegratedService):
        return []
    account = row.service_identity if isinstance(row, OAuthService) else row.user_name
    return [_refused(found, account) for found in SenderRefusal.objects.filter(kind=row.kind, route_id=row.pk)]


def _refused(found: SenderRefusal, account: str) -> RefusedSender:
    entry = next((entry for entry in entries() if entry.id == found.code), None)
    steps = tuple(_filled(gettext(step), found.sender, account) for step in entry.remedy) if entry else ()
    return RefusedSender(found.sender, found.count, found.last_at, found.reason, steps)


def _filled(step: str, sender: str, account: str) -> str:
    words = {"<address>": sender, "<account>": account, "<service identity>": account}
    for word, value in words.items():
        step = step.replace(word, value or word)
    return step
