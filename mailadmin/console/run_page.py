"""What the page of a test offers: the links of its steps, the one thing to do next, and what is of use afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from mailadmin import testruns
from mailadmin.core import limits
from mailadmin.core.fixes import Fix, Target
from mailadmin.models import ConnectionTest

from .comparing import comparisons
from .ladder import Links, Rung, Shown, shown
from .reports import report_of
from .sections import OAUTH, ROUTES, SERVICE, TESTED, Row, section_of
from .testing import service_of

_ENDED_WELL = (ConnectionTest.State.OK, ConnectionTest.State.WARNING, ConnectionTest.State.NOT_PROVEN)
_LOST = (ConnectionTest.State.CANCELLED, ConnectionTest.State.INTERRUPTED)


@dataclass(frozen=True)
class Action:
    """A button in the verdict: a link, or a form that `posts`. `note` says why it helps and what the button does, ""
    where the words on it say so."""

    label: str
    url: str
    icon: str
    primary: bool = False
    posts: bool = False
    note: str = ""


def context(request: HttpRequest, test: ConnectionTest) -> dict[str, Any]:
    """Return what the page of `test` and its changing part show to this user."""
    section = TESTED.get(test.kind)
    tested = section.model.objects.filter(pk=test.route_id).first() if section and test.route_id else None
    may_test = request.user.has_perm("mailadmin.test_route")
    steps = testruns.steps_of(test)
    run = shown(test, steps, _links(request, test, tested))
    found = {
        "test": test,
        "run": run,
        "may_test": may_test,
        "edit_url": section_of(tested).address("edit", tested) if tested and _may(request, tested, "change") else "",
        "kit_url": _kit_url(request, tested),
    }
    if test.running:
        return found
    can_test_again = bool(tested) and may_test
    kept = _draft_kept(request, test)
    return found | {
        "actions": next_actions(test, run, draft_kept=kept, can_test_again=can_test_again),
        "can_test_again": can_test_again,
        "sends": test.kind in ROUTES,
        "draft_kept": kept,
        "draft_minutes": limits.TEST_DRAFT_MINUTES,
        "recipient": test.recipient or getattr(request.user, "email", ""),
        "report": report_of(test, steps),
        "nameless_report": report_of(test, steps, hosts=False),
        "comparisons": comparisons(test, steps),
        "earlier": _earlier(test)[: limits.LATEST_ROWS],
    }


def next_actions(test: ConnectionTest, run: Shown, *, draft_kept: bool, can_test_again: bool) -> list[Action]:
    """Return what to do next, the likeliest first: what cures a failure; saving what was tested well; a real message
    after a test without one. No statement."""
    cause = run.cause
    if test.shown_state in _LOST:
        return _draft_actions(test, draft_kept, False)
    if test.state not in _ENDED_WELL:
        found = _cures(cause) if cause else []
        return [*found, *_draft_actions(test, draft_kept, False)]
    found = _draft_actions(test, draft_kept, True)
    if not found and can_test_again and test.kind in ROUTES and not test.recipient:
        found.append(Action(_("Send a test message"), "#again", "send", primary=True))
    cures = _cures(cause) if cause else []
    return found + [replace(one, primary=one.primary and not found) for one in cures]


def _cures(cause: Rung) -> list[Action]:
    """Return the likeliest change that would cure a step; where none is known, its setting; else where to read on."""
    if cause.offers:
        first = cause.offers[0]
        does = _("{why} The button shows the form with this change: test it there, and save it.")
        if first.typed:
            does = _("{why} The button opens the form, where it is typed: test it there, and save it.")
        return [Action(first.title, first.url, "wrench", primary=True, note=does.format(why=first.why))]
    if cause.setting_url:
        return [Action(_("Go to the setting"), cause.setting_url, "pencil", primary=True)]
    if cause.step.remedy:
        text = _("See what to do at step {number}").format(number=cause.number)
        return [Action(text, f"#step-{cause.number}", "arrow-down", primary=True)]
    return []


def _draft_actions(test: ConnectionTest, kept: bool, well: bool) -> list[Action]:
    if not kept:
        return []
    save = Action(_("Save what was tested"), reverse("mailadmin:test-save", args=[test.pk]), "save", well, posts=True)
    back = Action(_("Back to the form"), reverse("mailadmin:test-form", args=[test.pk]), "pencil")
    return [save, back] if well else [back, save]


def _links(request: HttpRequest, test: ConnectionTest, tested: Row | None) -> Links:
    def setting(name: str) -> str:
        return _setting_url(request, test, tested, name)

    def knowledge(code: str) -> str:
        return reverse("mailadmin:knowledge", args=[code])

    def fix(place: int, number: int, fix: Fix) -> str:
        allowed = _may_fix(request, test, tested, fix)
        return reverse("mailadmin:fix", args=[test.pk, place, number]) if allowed else ""

    return Links(setting, knowledge, fix)


def _may_fix(request: HttpRequest, test: ConnectionTest, tested: Row | None, fix: Fix) -> bool:
    """Tell whether this user may open the form that `fix` changes, and whether there still is something to change."""
    if fix.target is Target.TWIN:
        return request.user.has_perm(OAUTH.permission("add"))
    if fix.target is Target.SERVICE:
        return request.user.has_perm(SERVICE.permission("change"))
    if tested is not None:
        return _may(request, tested, "change")
    return _draft_kept(request, test)


def _setting_url(request: HttpRequest, test: ConnectionTest, tested: Row | None, setting: str) -> str:
    """Return the address of `setting` on the form of what was tested (as it was typed, while that is kept) or of the
    integrated service that it signs in with; "" without the right to change it."""
    service = service_of(tested)
    # The knowledge base calls the secret of a connection its password, and that of an integrated service its secret.
    holders = [row for row in ((service,) if setting == "secret" else (tested, service)) if row]
    field = "secret" if setting == "password" else setting
    if field in TESTED[test.kind].form.base_fields and _draft_kept(request, test):
        return f"{reverse('mailadmin:test-form', args=[test.pk])}#id_{field}"
    holder = next((row for row in holders if field in section_of(row).form.base_fields), tested)
    if holder is None or not _may(request, holder, "change"):
        return ""
    return f"{section_of(holder).address('edit', holder)}#id_{field}"


def _kit_url(request: HttpRequest, tested: Row | None) -> str:
    """Return the address of the least-privilege kit for what was tested, "" when there is none to open."""
    service = service_of(tested)
    if service is None or not request.user.has_perm("mailadmin.view_integratedservice"):
        return ""
    return reverse("mailadmin:service-kit", args=[service.pk])


def _may(request: HttpRequest, row: Row, action: str) -> bool:
    return request.user.has_perm(section_of(row).permission(action))


def _draft_kept(request: HttpRequest, test: ConnectionTest) -> bool:
    """Tell whether the typed values are kept for this browser, and this user may save them."""
    if testruns.open_draft(test, request.session.session_key or "") is None:
        return False
    return request.user.has_perm(TESTED[test.kind].permission("change" if test.route_id else "add"))


def _earlier(test: ConnectionTest) -> Any:
    """Return the earlier tests of the same connection, the newest first; values that were never saved have none."""
    if test.route_id is None:
        return ConnectionTest.objects.none()
    return ConnectionTest.objects.filter(route_id=test.route_id, started_at__lt=test.started_at).defer("draft")
