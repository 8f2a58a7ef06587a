"""What the findings look at, read at once: a bounded number of statements, however many messages there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from mailadmin import testruns
from mailadmin.core import limits
from mailadmin.core.outcome import DeliveryState
from mailadmin.core.settings import Route, RouteKey
from mailadmin.delivery import routes
from mailadmin.models import (
    AlertChannel,
    ApiClient,
    ConnectionTest,
    ConnectionTestStep,
    Delivery,
    DeliveryAttempt,
    IntegratedService,
    OAuthService,
    RouteState,
    Settings,
    SmtpConnection,
)

from .outbox import Overview, overview
from .route_vitals import Condition, RouteVital, route_vital, vitals_of
from .silence import silent_since

Row = OAuthService | SmtpConnection
_ENDED = (
    ConnectionTest.State.OK,
    ConnectionTest.State.WARNING,
    ConnectionTest.State.NOT_PROVEN,
    ConnectionTest.State.FAILED,
)

_UNFINISHED = (DeliveryState.SENDING, DeliveryState.QUEUED, DeliveryState.HELD, DeliveryState.CANCELLED)
# API clients whose tokens are used, and will end.
_USED = {"enabled": True, "revoked_at": None, "last_used_at__isnull": False, "expires_at__isnull": False}


@dataclass(frozen=True)
class RouteSeen:
    """One enabled route: its row, how it stands, what is known of it, its latest finished test of saved values, when a
    message went by it last, and whether it was changed after both. `certificate_ends_on` is of the server's, as that
    test saw it."""

    row: Row
    vital: RouteVital
    state: RouteState | None = None
    test: ConnectionTest | None = None
    used_at: datetime | None = None
    changed: bool = False
    certificate_ends_on: date | None = None

    @property
    def used_since_test(self) -> bool:
        """Tell whether a message went by it after the test."""
        return bool(self.used_at and self.test and self.used_at > self.test.started_at)

    def well_since(self, moment: datetime) -> bool:
        """Tell whether it is well, and passed a test that began after `moment`."""
        passed = self.test and self.test.state != ConnectionTest.State.FAILED and self.test.started_at > moment
        return bool(passed and self.vital.condition is Condition.WELL)


@dataclass(frozen=True)
class Reading:
    """How the installation stands. `configured` tells that there are routes, be they enabled or not; `clients` are the
    API clients whose tokens are used and will end; `oauth` are all OAuth services; `latest` is the newest message that
    is over; `unsure` counts direct messages of the last day that may have been delivered; `silent_since` is since when
    messages were due and none got through, None when all is well; `alerts_wanted` tells that somebody wants alerts."""

    now: datetime
    settings: Settings
    outbox: Overview
    snapshot: routes.Snapshot
    configured: bool
    routes: Sequence[RouteSeen]
    services: Sequence[IntegratedService]
    clients: Sequence[ApiClient]
    oauth: Sequence[OAuthService]
    latest: Delivery | None
    unsure: int
    silent_since: datetime | None
    alerts_wanted: bool

    @property
    def today(self) -> date:
        """Return the day, where the people of the installation live."""
        return timezone.localdate(self.now)


def read() -> Reading:
    """Return how things stand. Raises what the database raises, MailError and ConfigurationError."""
    now = timezone.now()
    snapshot, settings = routes.current(), Settings.load()
    outbox = overview(snapshot.preferences)
    oauth, smtp = _rows(OAuthService, now), _rows(SmtpConnection, now)
    rows: list[Row] = [*oauth, *smtp]
    return Reading(
        now=now,
        settings=settings,
        outbox=outbox,
        snapshot=snapshot,
        configured=bool(rows),
        routes=_seen([row for row in rows if row.enabled], snapshot),
        services=list(IntegratedService.objects.all()),
        clients=list(ApiClient.objects.filter(**_USED)),
        oauth=[row for row in oauth if isinstance(row, OAuthService)],
        latest=_latest(),
        unsure=_unsure(now),
        silent_since=None if outbox.held else silent_since(settings.silence_hours, now, outbox.oldest),
        alerts_wanted=AlertChannel.objects.filter(enabled=True).exists(),
    )


def _rows(model: type[OAuthService] | type[SmtpConnection], now: datetime) -> list[Row]:
    """Return all routes of one kind in their order, each with the key of its latest finished test (`test_pk`) and the
    time of the last message that it took (`used_at`): one look into an index for each. A test of a time that has not
    come, because the clock was set back, is not the latest."""
    ahead = now + timedelta(seconds=limits.SHARED_AHEAD_SECONDS)
    newest = ConnectionTest.objects.filter(
        route_id=OuterRef("pk"), saved_values=True, state__in=_ENDED, started_at__lte=ahead
    )
    taken = DeliveryAttempt.objects.filter(route_id=OuterRef("pk"), accepted=True).order_by("-logged_at")
    return list(
        model._default_manager.select_related("integrated_service").annotate(
            test_pk=Subquery(newest.order_by("-started_at").values("pk")[:1]),
            used_at=Subquery(taken.values("started_at")[:1]),
        )
    )


def _seen(rows: Sequence[Row], snapshot: routes.Snapshot) -> list[RouteSeen]:
    tests = ConnectionTest.objects.in_bulk([row.test_pk for row in rows if row.test_pk])  # type: ignore[union-attr]  # annotated
    ends = _certificates([test.pk for test in tests.values()])
    values: Mapping[RouteKey, Route] = {route.key: route for route in snapshot.routes}
    vitals = {vital.key: vital for vital in vitals_of(snapshot)}
    states = {state.key: state for state in RouteState.objects.all()}
    found = []
    for row in rows:
        test, used = tests.get(row.test_pk), row.used_at  # type: ignore[union-attr]  # annotated
        found.append(
            RouteSeen(
                row=row,
                vital=vitals.get(row.key) or route_vital(row.key, row.name, None),
                state=states.get(row.key),
                test=test,
                used_at=used,
                changed=_changed(row, values.get(row.key), test, used),
                certificate_ends_on=ends.get(test.pk) if test else None,
            )
        )
    return found


def _changed(row: Row, value: Route | None, test: ConnectionTest | None, used: datetime | None) -> bool:
    """Tell whether the route was changed after its latest test, and no message has gone by it since then. A test that
    was made before tests kept a digest is compared by the times."""
    changed_at = max(row.changed_at, row.integrated_service.changed_at) if row.integrated_service else row.changed_at
    if value is None or (used and used > changed_at):
        return False
    if test is None:
        return used is not None
    if test.digest:
        return test.digest != testruns.digest_of(value)
    return (test.saved_at or test.started_at) < changed_at


def _certificates(tests: Sequence[UUID]) -> dict[UUID, date]:
    """Return the last day of the server's certificate for each of `tests` that saw one."""
    steps = ConnectionTestStep.objects.filter(test__in=tests, key="tls").values_list("test", "certificate_ends_on")
    return {test: day for test, day in steps if day}


def _latest() -> Delivery | None:
    """Return the newest message that is over, of the latest ones."""
    rows = Delivery.objects.only("state", "route_name", "route_id", "created_at")[: limits.PAGE_ROWS]
    return next((row for row in rows if row.state not in _UNFINISHED), None)


def _unsure(now: datetime) -> int:
    """Return how many direct messages of the last day may have been delivered; those of the outbox wait there."""
    rows = Delivery.objects.filter(state=DeliveryState.UNSURE, created_at__gte=now - timedelta(days=1))
    return rows.filter(mode=Delivery.Mode.DIRECT)[: limits.OUTBOX_COUNTED].count()
