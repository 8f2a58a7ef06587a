"""What the dashboard says besides its numbers: the delivery order, what is wrong now, and the first steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailadmin import conf
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import ConnectionTest, Delivery, OAuthService, SmtpConnection
from mailadmin.watch.finding import Finding, Link
from mailadmin.watch.findings import shown
from mailadmin.watch.route_vitals import Condition

from .route_rows import RouteSummary

Row = OAuthService | SmtpConnection
_LIFTED = {Condition.STOPPED, Condition.RESTING, Condition.FAILING}
_TESTABLE = {*_LIFTED, "changed", "untested", "test-failed"}


@dataclass(frozen=True)
class RouteLine:
    """One route in the delivery order; `place` counts the enabled ones from 1."""

    summary: RouteSummary
    place: int

    @property
    def row(self) -> Row:
        """Return the row itself."""
        return self.summary.row

    @property
    def family(self) -> str:
        """Return by what it sends."""
        return "Graph" if isinstance(self.row, OAuthService) else "SMTP"

    @property
    def edit_url(self) -> str:
        """Return the URL name of its form."""
        return f"mailadmin:{self.row.kind}-edit"


@dataclass(frozen=True)
class Banner:
    """One finding as the dashboard shows it: with the links that this user may follow."""

    finding: Finding
    links: Sequence[Link]

    @property
    def may_be_tested(self) -> bool:
        """Tell whether a test of the route would say more."""
        return self.finding.kind in _TESTABLE

    @property
    def may_be_used_again(self) -> bool:
        """Tell whether something is held against the route that a person can lift."""
        return self.finding.kind in _LIFTED


@dataclass(frozen=True)
class Guide:
    """The three first steps and which of them are done."""

    connected: bool
    tested: bool
    sent: bool
    fresh: Sequence[Row] = field(default_factory=tuple)  # the routes to test
    logged: bool = True  # without the log nobody knows whether anything was sent

    @property
    def done(self) -> bool:
        """Tell whether nothing is left to guide through."""
        return self.connected and self.tested and (self.sent or not self.logged)


def delivery_order(summaries: Sequence[RouteSummary]) -> list[RouteLine]:
    """Return the enabled ones of `summaries` (OAuth services first) in the order in which they are tried."""
    enabled = (summary for summary in summaries if summary.row.enabled)
    return [RouteLine(summary, place) for place, summary in enumerate(enabled, 1)]


def guide(rows: Sequence[Row]) -> Guide:
    """Return how far the first steps are. Two statements."""
    good = (ConnectionTest.State.OK, ConnectionTest.State.WARNING)
    return Guide(
        connected=bool(rows),
        tested=ConnectionTest.objects.filter(state__in=good).exists(),
        sent=Delivery.objects.filter(state__in=[state for state in DeliveryState if state.accepted]).exists(),
        fresh=rows,
        logged=conf.setting("DELIVERY_LOG"),
    )


def banners(found: Iterable[Finding], user: Any, guiding: bool) -> list[Banner]:
    """Return what is to be said on the dashboard to `user`, the worst first. What every page says of all mail is left
    out, and, while the first steps are shown (`guiding`), what is one of them. No statement."""
    left_out = {"objection", "sending", *(("untested",) if guiding else ())}
    return [
        Banner(finding, [link for link in finding.links if link.path and _may(user, link)])
        for finding in shown(found)
        if finding.kind not in left_out
    ]


def _may(user: Any, link: Link) -> bool:
    return not link.permission or user.has_perm(link.permission)
