"""What the pages of API clients show, and the token, which is shown once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from mailadmin.core.clients import SHOWN_CHARS, Scope, digest, new_token
from mailadmin.core.secret import Secret
from mailadmin.core.texts import N_
from mailadmin.models import ApiClient, OAuthService, Settings, SmtpConnection

from . import audit

TOKEN_MADE, REVOKED = N_("made a new token"), N_("revoked the token")

# What a scope means for people.
SCOPES: dict[Scope, Any] = {
    Scope.SEND: gettext_lazy("Send: hand over messages, and read what became of its own."),
    Scope.READ: gettext_lazy("Read: the state of every message, with its addresses and its subject."),
    Scope.MANAGE: gettext_lazy("Manage: cancel messages that wait, and send messages again."),
    Scope.TEST: gettext_lazy("Test: test connections, as the button does."),
    Scope.HEALTH: gettext_lazy("Health: whether mail gets through, for a monitor."),
}
_WORDS = {
    Scope.SEND: gettext_lazy("Send"),
    Scope.READ: pgettext_lazy("scope", "Read"),
    Scope.MANAGE: gettext_lazy("Manage"),
    Scope.TEST: gettext_lazy("Test"),
    Scope.HEALTH: gettext_lazy("Health"),
}


@dataclass(frozen=True)
class Line:
    """One client in the list: `state` names the colour and shape of `word`; `ends` says when its token ends."""

    row: ApiClient
    state: str
    word: str
    ends: str = ""

    @property
    def may(self) -> str:
        """Return in words what its token is for."""
        return ", ".join(str(_WORDS[scope]) for scope in Scope if scope in self.row.scopes)


def installed() -> bool:
    """Tell whether the extra `[api]` is installed, without which there is no API."""
    return find_spec("ninja") is not None


def docs_address() -> str:
    """Return where the description of the API is, "" where the project has none."""
    try:
        return reverse("mailadmin-api:docs")
    except NoReverseMatch:
        return ""


def lines() -> list[Line]:
    """Return all clients as the list shows them: two statements."""
    days = Settings.load().secret_warning_days
    return [line_of(row, days) for row in ApiClient.objects.all()]


def line_of(row: ApiClient, warning_days: int) -> Line:
    """Return `row` as the list shows it; a token that ends within `warning_days` is warned of."""
    if not row.token_start:  # a settings file made it
        return Line(row, "warning", _("No token yet"))
    if row.revoked_at:
        return Line(row, "stopped", _("Revoked"))
    if not row.enabled:
        return Line(row, "off", _("Off"))
    if row.expired:
        return Line(row, "expired", _("Expired"))
    if row.expires_at and row.expires_at <= timezone.now() + timedelta(days=warning_days):
        return Line(row, "warning", _("Ends soon"), _in_words(row))
    if row.last_used_at is None:
        return Line(row, "untested", _("Never used"))
    return Line(row, "ready", _("In use"))


def _in_words(row: ApiClient) -> str:
    days = (row.expires_at - timezone.now()).days if row.expires_at else 0
    if days < 1:
        return _("in less than a day")
    return ngettext("in {days} day", "in {days} days", days).format(days=days)


def give_token(row: ApiClient) -> Secret:
    """Put a new token into `row` (not the database), and return it: the one before opens nothing any more, and a
    revoked client is one no more."""
    token = new_token()
    text = token.reveal()
    row.token_digest, row.token_start = digest(text), text[:SHOWN_CHARS]
    row.token_made_at, row.revoked_at = timezone.now(), None
    return token


def route_choices(chosen: list[str]) -> list[tuple[str, Any]]:
    """Return every route as a choice, by `str(RouteKey)`. What was deleted stays a choice as long as it is among those
    `chosen`: without it the list could become empty, and an empty one means any route."""
    rows: list[OAuthService | SmtpConnection] = [*OAuthService.objects.all(), *SmtpConnection.objects.all()]
    known: dict[str, Any] = {str(row.key): row.name for row in rows}
    gone = {key: format_lazy(_("A deleted connection ({key})"), key=key) for key in chosen if key not in known}
    return [*known.items(), *gone.items()]


def record_token(request: HttpRequest, row: ApiClient) -> None:
    """Write into the audit trail that this user made a new token for `row`, by which it begins."""
    audit.record(request, TOKEN_MADE, row, detail=f"{row.token_start}…")
