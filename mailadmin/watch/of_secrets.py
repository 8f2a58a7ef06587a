"""What ends soon or has ended: credentials of apps, client certificates, own CAs, certificates of servers, and tokens
of API clients. Each stage (60, 30, 14, 7 and 1 days before, and the end) is a finding of its own, so that each is told
once.

Federated assertions are left out: their file is written anew all the time, so that its end is no date to plan for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone
from django.utils.formats import date_format

from mailadmin.core import limits, pfx
from mailadmin.core.alerts import Event
from mailadmin.core.expiry import advice, stage
from mailadmin.core.settings import RouteKey
from mailadmin.core.texts import N_, _, ngettext
from mailadmin.models import ApiClient, ConnectionTest, IntegratedService, SmtpConnection

from .credentials import NOUNS, CredentialState, first_state, second_ready, second_state
from .finding import ERROR, WARNING, Finding, Link, link
from .reading import Reading, RouteSeen

_CHANGE, _CHANGE_CLIENT = "mailadmin.change_integratedservice", "mailadmin.change_apiclient"


@dataclass(frozen=True)
class Ending:
    """Something that ends: `key` names it for programs, `kind` is what it is, in English ("client secret"), and `of`
    whose it is ("Contoso app"). `after` is what its end will mean and `since` what it means once it is over, both about
    the {day} and to be translated; `todo` what to do; `spare` that nothing depends on it yet. It is shown from
    `shown_days` before its end, and told from its first stage within `told_days`."""

    key: str
    kind: str
    of: str
    ends_on: date
    days: int
    links: tuple[Link, ...]
    after: str = ""
    since: str = ""
    todo: str = ""
    spare: bool = False
    route: RouteKey | None = None
    shown_days: int = limits.SECRET_WARNING_DAYS
    told_days: int = max(limits.CREDENTIAL_STAGES_DAYS)

    @property
    def noun(self) -> str:
        """Return what it is called, for programs."""
        return f"second credential ({self.kind})" if self.spare else self.kind

    @property
    def label(self) -> str:
        """Return what it is called, for people."""
        return _("second credential ({kind})").format(kind=_(self.kind)) if self.spare else _(self.kind)


def endings(found: Reading) -> list[Ending]:
    """Return everything of which the last day is known, the next to end first."""
    days = found.settings.secret_warning_days
    every = [
        *(one for service in found.services for one in _of_service(service, days, found.today)),
        *(one for seen in found.routes for one in _of_route(seen, days, found.today)),
        *(_of_client(row, days, found.today) for row in found.clients),
    ]
    return sorted(every, key=lambda one: one.days)


def secret_findings(every: Iterable[Ending]) -> Iterator[Finding]:
    """Yield what is to be said of those endings that are near."""
    for one in every:
        reached = stage(one.days)
        if one.days <= one.shown_days or (reached is not None and one.days <= one.told_days):
            yield _finding(one, reached if reached is not None else one.shown_days)


def _finding(one: Ending, reached: int) -> Finding:
    ended, day = one.days < 0, date_format(one.ends_on, _("j M Y"))
    title = _("The {noun} of “{name}” ended on {day}.")
    if not ended:
        title = _("The {noun} of “{name}” ends in {days}.") if one.days else _("The {noun} of “{name}” ends today.")
    meaning = _(one.since if ended else one.after).format(day=day)
    return Finding(
        ERROR if ended and not one.spare else WARNING,
        f"expiry:{one.key}:{reached}",
        "expiry",
        title.format(noun=one.label, name=one.of, day=day, days=_in_words(one.days)),
        f"{meaning} {one.todo or advice(one.days)}".strip(),
        Event.EXPIRY,
        route=one.route,
        name=one.of,
        links=one.links,
        early=one.days > one.shown_days,
    )


def _of_service(row: IntegratedService, warning_days: int, today: date) -> Iterator[Ending]:
    first, second = first_state(row, warning_days, today), second_state(row, warning_days, today)
    ready = second is not None and second_ready(row, today)
    for state in (first, second):
        if state and state.ends_on and state.days_left is not None and not state.missing:
            yield Ending(
                key=f"service:{row.pk}:{'second' if state.second else 'first'}",
                kind=NOUNS[state.kind],
                of=row.name,
                ends_on=state.ends_on,
                days=state.days_left,
                links=_service_links(row, state, ready),
                after="" if state.second else N_("After {day} Entra refuses it, and mail goes by the next route."),
                since="" if state.second else N_("Since {day} Entra refuses it, and mail goes by the next route."),
                todo=_("A second credential is ready: try it and switch.") if ready and not state.second else "",
                spare=state.second,
                shown_days=warning_days,
            )
    if found := _last_of(row.ca_pem, today):
        yield _authority(f"service:{row.pk}:ca", row.name, found, _open_service(row), warning_days)


def _of_client(row: ApiClient, warning_days: int, today: date) -> Ending:
    ends_on = timezone.localdate(row.expires_at)
    return Ending(
        key=f"client:{row.pk}",
        kind=N_("API token"),
        of=row.name,
        ends_on=ends_on,
        days=(ends_on - today).days,
        links=(link(_("Open “{name}”").format(name=row.name), "client-edit", row.pk, permission=_CHANGE_CLIENT),),
        after=N_("After {day} its requests are refused."),
        since=N_("Since {day} its requests are refused."),
        todo=_("Choose a later end, or make a new token and give it to the application in time."),
        shown_days=warning_days,
    )


def _of_route(seen: RouteSeen, warning_days: int, today: date) -> Iterator[Ending]:
    row = seen.row
    if not isinstance(row, SmtpConnection):
        return
    to_form = (
        link(
            _("Open “{name}”").format(name=row.name), "smtp-edit", row.pk, permission="mailadmin.change_smtpconnection"
        ),
    )
    if found := _first_of(row.client_certificate, today):
        after = N_("After {day} the server refuses it, and mail goes by the next route.")
        since = N_("Since {day} the server refuses it, and mail goes by the next route.")
        key, kind = f"{row.key}:client", N_("client certificate")
        yield Ending(key, kind, row.name, *found, to_form, after, since, route=row.key, shown_days=warning_days)
    if found := _last_of(row.ca_pem, today):
        yield _authority(f"{row.key}:ca", row.name, found, to_form, warning_days, row.key)
    if seen.certificate_ends_on and seen.test and not _renewed(seen, seen.certificate_ends_on):
        to_test = link(_("See the test that saw it"), "test", seen.test.pk, permission="mailadmin.view_connectiontest")
        yield Ending(
            key=f"{row.key}:server:{seen.certificate_ends_on:%Y%m%d}",
            kind=N_("server's certificate"),
            of=row.name,
            ends_on=seen.certificate_ends_on,
            days=(seen.certificate_ends_on - today).days,
            links=(to_test, *to_form),
            after=N_("After {day} its server is not trusted any more, and mail goes by the next route."),
            since=N_("Since {day} its server is not trusted any more, and mail goes by the next route."),
            todo=_("Whoever runs the server must renew it; ask when it is not done in time.") + _seen_at(seen.test),
            route=row.key,
            # It is renewed by itself, weeks before, as a rule: what is told earlier is noise.
            shown_days=limits.CERTIFICATE_WARNING_DAYS,
            told_days=limits.CERTIFICATE_WARNING_DAYS,
        )


def _renewed(seen: RouteSeen, ends_on: date) -> bool:
    """Tell whether the server must have another certificate by now: it took a message after the end of that one."""
    return bool(seen.used_at and timezone.localdate(seen.used_at) > ends_on + timedelta(days=1))


def _seen_at(test: ConnectionTest) -> str:
    """Say when `test` saw what it tells, where that may have changed since."""
    if timezone.now() - test.started_at < timedelta(days=1):
        return ""
    day = date_format(timezone.localtime(test.started_at), _("j M"))
    text = _("That was seen on {day}; test the connection to see whether it was renewed since.")
    return " " + text.format(day=day)


def _authority(
    key: str,
    of: str,
    found: tuple[date, int],
    links: tuple[Link, ...],
    warning_days: int,
    route: RouteKey | None = None,
) -> Ending:
    after = N_("After {day} the certificates that it signed are not trusted any more.")
    since = N_("Since {day} the certificates that it signed are not trusted any more.")
    todo = _("Ask who runs the server for the next one, and add it to this one.")
    return Ending(
        key, N_("own CA certificate"), of, *found, links, after, since, todo, route=route, shown_days=warning_days
    )


def _first_of(pem: str, today: date) -> tuple[date, int] | None:
    """Return the last day of the first certificate in `pem`, and the days until then."""
    days = _days(pem)
    return (days[0], (days[0] - today).days) if days else None


def _last_of(pem: str, today: date) -> tuple[date, int] | None:
    """Return the same of the one that ends last: others of a bundle may have ended long ago."""
    days = _days(pem)
    return (max(days), (max(days) - today).days) if days else None


def _days(pem: str) -> Sequence[date]:
    if not pem.strip():
        return []
    try:
        return pfx.last_days(pem)
    except ValueError:
        return []  # the form checks what is typed; a test says what is wrong


def _service_links(row: IntegratedService, state: CredentialState, ready: bool) -> tuple[Link, ...]:
    if state.second:
        return (link(_("Open the second credential"), "service-credential", row.pk, permission=_CHANGE),)
    renew = _("Try it and switch") if ready else _("Renew it without a gap")
    return (link(renew, "service-credential", row.pk, permission=_CHANGE), *_open_service(row))


def _open_service(row: IntegratedService) -> tuple[Link, ...]:
    return (link(_("Open “{name}”").format(name=row.name), "service-edit", row.pk, permission=_CHANGE),)


def _in_words(days: int) -> str:
    return ngettext("{count} day", "{count} days", days).format(count=days)
