"""What the lists say of each route: its state in a word, when it was last used, and its last test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from mailadmin.core.settings import RouteKey, Security, SmtpAuth
from mailadmin.core.sizes import in_words
from mailadmin.core.texts import N_
from mailadmin.models import ConnectionTest, DeliveryAttempt, OAuthService, RouteState, SmtpConnection

Route = OAuthService | SmtpConnection
_GOOD = (ConnectionTest.State.OK, ConnectionTest.State.WARNING, ConnectionTest.State.NOT_PROVEN)
_SIGN_IN = {
    SmtpAuth.NONE: N_("no sign-in"),
    SmtpAuth.PASSWORD: N_("password"),
    SmtpAuth.XOAUTH2: "XOAUTH2",
    SmtpAuth.GSSAPI: "Kerberos",
    SmtpAuth.CERTIFICATE: N_("client certificate"),
}


@dataclass(frozen=True)
class LearnedSize:
    """The largest message that a server said it takes, in words ("35 MB"), and when it said so."""

    text: str
    at: datetime | None


def learned_size(state: RouteState | None) -> LearnedSize | None:
    """Return what is known of the sizes that a server takes, None when it sets no limit or was not asked yet."""
    return LearnedSize(in_words(state.size_limit), state.size_limit_at) if state and state.size_limit else None


@dataclass(frozen=True)
class RouteSummary:
    """One route in a list. `state` is ready, off, paused, resting, failing, stopped, failed (its last test) or
    untested; `label` its word; `reason` says why, where there is a reason; `until` is when a resting one is tried
    again; `size` is what its server takes, where it said so."""

    row: Route
    state: str
    label: str
    reason: str
    last_used: datetime | None
    last_test: ConnectionTest | None
    size: LearnedSize | None = None
    until: datetime | None = None

    @property
    def usual_port(self) -> int | None:
        """Return the port that an SMTP connection dials when none is typed."""
        return Security(self.row.security).default_port if isinstance(self.row, SmtpConnection) else None

    @property
    def sign_in(self) -> str:
        """Return in a word how an SMTP connection signs in."""
        return _(_SIGN_IN[SmtpAuth(self.row.auth)]) if isinstance(self.row, SmtpConnection) else ""

    @property
    def switch_url(self) -> str:
        """Return where its on and off button posts to."""
        return reverse(f"mailadmin:{self.row.kind}-switch", args=[self.row.pk])

    @property
    def blocked(self) -> bool:
        """Tell whether something is held against the route that a person can lift."""
        return self.state in ("stopped", "failing", "resting")

    @property
    def paused(self) -> bool:
        """Tell whether somebody paused the route."""
        return self.state == "paused"

    @property
    def pause_url(self) -> str:
        """Return where its pause button posts to."""
        return reverse("mailadmin:route-pause", args=[self.row.kind, self.row.pk])


def summaries(model: type[OAuthService] | type[SmtpConnection]) -> list[RouteSummary]:
    """Return all routes of one kind in their order: three statements, whatever their number."""
    newest = ConnectionTest.objects.filter(route_id=OuterRef("pk"), saved_values=True).order_by("-started_at")
    # One look into an index for each route, however many messages there are.
    taken = DeliveryAttempt.objects.filter(route_id=OuterRef("pk"), accepted=True).order_by("-logged_at")
    rows: Sequence[Route] = list(
        model._default_manager.select_related("integrated_service").annotate(
            test_pk=Subquery(newest.values("pk")[:1]), used_at=Subquery(taken.values("started_at")[:1])
        )
    )
    tests = ConnectionTest.objects.in_bulk([row.test_pk for row in rows if row.test_pk])  # type: ignore[union-attr]  # annotated
    states: dict[RouteKey, RouteState] = {state.key: state for state in RouteState.objects.all()}
    return [_summary(row, states.get(row.key), row.used_at, tests.get(row.test_pk)) for row in rows]  # type: ignore[union-attr]  # annotated


def _summary(row: Route, state: RouteState | None, used: datetime | None, test: ConnectionTest | None) -> RouteSummary:
    name, label, reason = _state(row, state, used, test)
    until = state.open_until if state and name == "resting" else None
    return RouteSummary(row, name, label, reason, used, test, learned_size(state), until)


def _state(
    row: Route, state: RouteState | None, used: datetime | None, test: ConnectionTest | None
) -> tuple[str, str, str]:
    if not row.enabled:
        return "off", _("Off"), ""
    if state and state.paused:
        by = _("By {who}.").format(who=state.paused_by) if state.paused_by else ""
        return "paused", _("Paused"), by
    if state and state.stopped:
        return "stopped", _("Stopped"), state.reason
    if state and state.failing and state.open_until and state.open_until > timezone.now():
        return "resting", _("Resting"), state.reason
    if state and state.failing:
        return "failing", _("Failing"), state.reason
    changed = changed_at(row)
    tested = test if test and _holds_for(test, row) else None
    if tested and tested.state == ConnectionTest.State.FAILED and not (used and used > tested.started_at):
        return "failed", _("Last test failed"), ""
    if (used and used > changed) or (tested and tested.state in _GOOD):
        return "ready", _("Ready"), ""
    if used or test:
        return "untested", _("Not tested since the change"), ""
    return "untested", _("Not tested yet"), ""


def _holds_for(test: ConnectionTest, row: Route) -> bool:
    """Tell whether `test` was made with the values in force: not changed since, or saved as they were tested."""
    service = row.integrated_service
    return (test.saved_at or test.started_at) > row.changed_at and (not service or test.started_at > service.changed_at)


def changed_at(row: Route) -> datetime:
    """Return when the route, or the integrated service that it signs in with, was changed last."""
    service = row.integrated_service
    return max(row.changed_at, service.changed_at) if service else row.changed_at
