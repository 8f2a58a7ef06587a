"""What is wrong with routes: stopped, failing, paused, broken, changed and not tested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format

from mailadmin.core.alerts import Event
from mailadmin.core.settings import RouteKind
from mailadmin.core.texts import _
from mailadmin.models import ConnectionTest

from .finding import ERROR, WARNING, Finding, Link, link
from .reading import Reading, RouteSeen
from .route_vitals import Condition

_TROUBLE = {Condition.STOPPED, Condition.BROKEN, Condition.RESTING, Condition.FAILING}


def route_findings(found: Reading) -> Iterator[Finding]:
    """Yield one where no mail can leave at all, and at most one for each enabled route."""
    if found.configured and not found.routes:
        yield _none_enabled()
    yield from _none_usable(found.routes)
    for seen in found.routes:
        yield from _route(seen)


def _none_enabled() -> Finding:
    return Finding(
        ERROR,
        "routes:none",
        "none-enabled",
        _("No mail can leave: every connection is switched off."),
        _("Switch on an OAuth service or an SMTP connection; until then each message fails."),
        Event.FAILING,
        links=(
            link(_("OAuth services"), "oauth-list", permission="mailadmin.view_oauthservice"),
            link(_("SMTP connections"), "smtp-list", permission="mailadmin.view_smtpconnection"),
        ),
    )


def _none_usable(every: Sequence[RouteSeen]) -> Iterator[Finding]:
    """Say plainly that nothing leaves, where it would have to be gathered from several findings; an alert tells of each
    of those. That everything is paused is somebody's wish."""
    broken = [seen for seen in every if seen.vital.condition is not Condition.PAUSED]
    if len(every) < 2 or not broken or any(seen.vital.usable for seen in every):
        return
    title = _("No mail leaves: none of the {number} connections can be used.").format(number=len(every))
    text = _("Messages fail or wait until one of them works again. Begin with the one that is mended soonest.")
    first = broken[0]
    links = (_edit(first), *_test(first))
    yield Finding(ERROR, "routes:unusable", "none-usable", title, text, links=links)


def _route(seen: RouteSeen) -> Iterator[Finding]:
    condition = seen.vital.condition
    if condition in _TROUBLE:
        yield _trouble(seen)
    elif condition is Condition.PAUSED:
        yield _paused(seen)
    elif seen.changed:
        yield _changed(seen)
    elif seen.test and seen.test.state == ConnectionTest.State.FAILED and not seen.used_since_test:
        yield _failed_test(seen, seen.test)
    elif seen.test is None and seen.used_at is None:
        yield _never_tested(seen)


def _trouble(seen: RouteSeen) -> Finding:
    """Return that messages do not go by a route, until somebody looks or for now."""
    condition, name = seen.vital.condition, seen.row.name
    stopped = condition in (Condition.STOPPED, Condition.BROKEN)
    title = {
        Condition.STOPPED: _("“{name}” is stopped: no message goes by it."),
        Condition.BROKEN: _("“{name}” cannot be used: no message goes by it."),
    }.get(condition, _("“{name}” fails now."))
    text = seen.vital.reason
    if seen.vital.until and not stopped:
        rests = _("It rests until {time}; then one message tries it.")
        text += " " + rests.format(time=f"{timezone.localtime(seen.vital.until):%H:%M}")
    code = seen.state.code if seen.state and condition is not Condition.BROKEN else ""
    tone = ERROR if stopped else WARNING
    return _about(
        seen, tone, str(condition), title.format(name=name), text, Event.FAILING, code, (_edit(seen), *_test(seen))
    )


def _failed_test(seen: RouteSeen, test: ConnectionTest) -> Finding:
    """Return that the latest test failed, though messages go by the route."""
    title = _("The latest test of “{name}” failed.").format(name=seen.row.name)
    text = f"{_moment(test.started_at)}: {test.verdict}"
    return _about(seen, WARNING, "test-failed", title, text, Event.FAILING, "", (*_test(seen), _edit(seen)))


def _paused(seen: RouteSeen) -> Finding:
    at = seen.state.paused_at if seen.state else None
    title = _("“{name}” is paused since {when}.") if at else _("“{name}” is paused.")
    title = title.format(name=seen.row.name, when=_moment(at) if at else "")
    text = _("{reason} No message goes by it, and no scheduled test tries it, until it is resumed.")
    text = text.format(reason=seen.vital.reason)
    pauses = link(_("Resume it in the outbox"), "outbox", permission="mailadmin.manage_outbox")
    cure = Link(f"{pauses.path}#pauses-title" if pauses.path else "", pauses.text, pauses.permission)
    return _about(seen, WARNING, "paused", title, text, None, "", (cure,))


def _changed(seen: RouteSeen) -> Finding:
    title = _("“{name}” was changed and not tested since.").format(name=seen.row.name)
    text = _("Whether it still sends shows with the next message, or now with a test.")
    return _about(seen, WARNING, "changed", title, text, None, "", (_edit(seen), *_test(seen)))


def _never_tested(seen: RouteSeen) -> Finding:
    title = _("“{name}” was never tested.").format(name=seen.row.name)
    return _about(seen, WARNING, "untested", title, _("Test it before a message needs it."), None, "", (_edit(seen),))


def _about(
    seen: RouteSeen, tone: str, kind: str, title: str, text: str, event: Event | None, code: str, links: Sequence[Link]
) -> Finding:
    """Return a finding about a route. All that is told as failing has one key: one trouble is one alert."""
    key = f"route:{seen.row.key}:{'failing' if event else kind}"
    return Finding(tone, key, kind, title, text, event, code, seen.row.key, seen.row.name, tuple(links))


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), _("j M, H:i"))


def _edit(seen: RouteSeen) -> Link:
    kind = seen.row.kind
    model = "oauthservice" if kind is RouteKind.OAUTH else "smtpconnection"
    text = _("Open “{name}”").format(name=seen.row.name)
    return link(text, f"{kind}-edit", seen.row.pk, permission=f"mailadmin.change_{model}")


def _test(seen: RouteSeen) -> tuple[Link, ...]:
    """Return a link to the latest test, if there is one."""
    if seen.test is None:
        return ()
    return (link(_("See its latest test"), "test", seen.test.pk, permission="mailadmin.view_connectiontest"),)
