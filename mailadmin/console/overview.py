"""What the dashboard says besides its numbers: the delivery order, what is wrong now, and the first steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from django.utils.formats import date_format

from mailadmin import conf
from mailadmin.core.expiry import advice
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import ConnectionTest, Delivery, IntegratedService, OAuthService, SmtpConnection
from mailadmin.watch.credentials import CredentialState, first_state, second_ready, second_state
from mailadmin.watch.outbox import Overview, verdict
from mailadmin.watch.waiting import Why

from .route_rows import RouteSummary

Row = OAuthService | SmtpConnection


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
    """Something that is wrong now. `tone` is "error" or "warning"; `kind` tells the template which links to show;
    `line` is the route and `service` the integrated service that it is about, `why` the reason to filter by."""

    tone: str
    title: str
    text: str
    kind: str = ""
    line: RouteLine | None = None
    service: IntegratedService | None = None
    why: str = ""


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


def banners(
    lines: Sequence[RouteLine],
    services: Sequence[IntegratedService],
    latest: Sequence[Delivery],
    warning_days: int,
    today: date,
    configured: bool,
) -> list[Banner]:
    """Return what is wrong now, the worst first. No statement."""
    found = [*_key_banner(), *_route_banners(lines, configured)]
    for service in services:
        found += _credential_banners(service, warning_days, today)
    return found + _fallback_banner(lines, latest) + log_banner()


def log_banner() -> list[Banner]:
    """Return the banner of a deployment that keeps no log, so that nobody takes an empty one for silence."""
    if conf.setting("DELIVERY_LOG"):
        return []
    text = (
        "MAILADMIN in the settings of the server says so: messages are sent, and leave a line in the server's log only."
    )
    return [Banner("warning", "The delivery log is switched off.", text)]


def outbox_banners(found: Overview) -> list[Banner]:
    """Return what is wrong in the outbox: that it is not drained, and what waits for a person. No statement."""
    banners = []
    if found.late:
        banners.append(Banner("error", "The outbox is not drained.", verdict(found)[1], "outbox", why=Why.DUE))
    if unsure := found.counts[Why.UNSURE]:
        title = f"{unsure.of('message').capitalize()} may have been delivered, and somebody must decide."
        text = "Sending again could deliver a second copy, so nothing happens by itself. Ask who should have got it."
        banners.append(Banner("warning", title, text, "outbox", why=Why.UNSURE))
    if crashed := found.counts[Why.CRASHED]:
        what = "it" if crashed.number == 1 else "them"
        title = f"{crashed.of('message').capitalize()} held: workers ended while they had {what}."
        text = "The outbox shows what happened at the end; release what shall be tried again, or cancel it."
        banners.append(Banner("warning", title, text, "outbox", why=Why.CRASHED))
    return banners


def _key_banner() -> list[Banner]:
    try:
        conf.key_ring()
    except conf.ConfigurationError as error:
        return [Banner("error", "The encryption key is missing: no stored password can be read.", str(error))]
    return []


def _route_banners(lines: Sequence[RouteLine], configured: bool) -> list[Banner]:
    if configured and not lines:
        return [
            Banner(
                "error",
                "No mail can leave: every connection is switched off.",
                "Switch on an OAuth service or an SMTP connection; until then each message fails.",
                kind="none-enabled",
            )
        ]
    return [
        Banner("error", f"“{line.row.name}” is stopped: no message goes by it.", line.summary.reason, "stopped", line)
        for line in lines
        if line.summary.state == "stopped"
    ]


def _credential_banners(service: IntegratedService, warning_days: int, today: date) -> list[Banner]:
    """Return what is to be said of the credentials of `service`: that one has ended, or ends soon."""
    first, second = first_state(service, warning_days, today), second_state(service, warning_days, today)
    ready = second is not None and second_ready(service, today)
    found = _ending(service, first, warning_days, ready)
    return found + (_ending(service, second, warning_days, ready=False) if second else [])


def _ending(service: IntegratedService, state: CredentialState, warning_days: int, ready: bool) -> list[Banner]:
    if not state.ends_on or state.days_left is None or state.days_left > warning_days or state.label == "Missing":
        return []
    noun = f"second credential ({state.noun})" if state.second else state.noun
    day = date_format(state.ends_on, "j M Y")
    text = "A second credential is ready: try it and switch." if ready else advice(state.days_left)
    kind = "switch" if ready else "second-credential" if state.second else "credential"
    if state.ended:
        title = f"The {noun} of “{service.name}” ended on {day}."
        meaning = "" if state.second else "Entra refuses it, so mail goes by the next route. "
        tone = "warning" if state.second else "error"
        return [Banner(tone, title, f"{meaning}{text}", kind, service=service)]
    days = state.days_left
    when = "today" if days == 0 else f"in {days} {'day' if days == 1 else 'days'}"
    meaning = "" if state.second else f"After {day} Entra refuses it and mail goes by the next route. "
    return [
        Banner("warning", f"The {noun} of “{service.name}” ends {when}.", f"{meaning}{text}", kind, service=service)
    ]


def _fallback_banner(lines: Sequence[RouteLine], latest: Sequence[Delivery]) -> list[Banner]:
    """Warn when the newest finished message went by fallback."""
    finished = next((delivery for delivery in latest if delivery.state != DeliveryState.SENDING), None)
    if finished is None or finished.state != DeliveryState.FALLBACK:
        return []
    preferred = next((line.row.name for line in lines if line.row.name != finished.route_name), "The preferred route")
    return [
        Banner(
            "warning",
            "Mail goes by fallback now.",
            f"{preferred} did not take the latest message, so {finished.route_name} sent it.",
            "fallback",
        )
    ]
