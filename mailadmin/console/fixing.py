"""From a fix that a failed step offers to the form that it changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from mailadmin import testruns
from mailadmin.core.fixes import Fix, Target
from mailadmin.core.texts import N_
from mailadmin.models import ConnectionTest, IntegratedService, OAuthService

from .proposals import Draft, Proposal, proposed
from .sections import OAUTH, SERVICE, TESTED, Form, Row, Section
from .testing import service_of


class NothingToChange(Exception):
    """What was tested is gone; the text is a sentence."""


_TYPED_GONE = N_("The tested values are not kept any more, so these are the saved ones, with the change.")
_GONE = N_("What was tested was not saved, and its values are not kept any more; type them again.")


@sensitive_variables("typed")
def draft_of(request: HttpRequest, test: ConnectionTest, fix: Fix) -> Draft:
    """Return the values of what was tested with the change of `fix`: of the saved row, or as they were typed while
    that is kept. Raises NothingToChange."""
    if fix.target is Target.TWIN:
        return _twin(fix)
    section, notes = TESTED[test.kind], []
    typed = None if test.saved_values else testruns.open_draft(test, request.session.session_key or "")
    row = _row(section, typed["pk"] if typed and typed.get("pk") else test.route_id)
    if typed is None and not test.saved_values:
        notes.append(_(_TYPED_GONE))
    if typed is None and row is None:
        raise NothingToChange(_(_GONE))
    if fix.target is Target.SERVICE:
        return _service(row, typed, fix)
    return Draft(section, row or section.model(), fix.changes, typed, fix.focus, notes)


def page_of(test: ConnectionTest, draft: Draft, fix: Fix) -> tuple[Form, Proposal]:
    """Return the changed form and what the page says above it."""
    return proposed(draft, fix.title, fix.why, (reverse("mailadmin:test", args=[test.pk]), _("Back to the test")))


def permission_for(draft: Draft) -> str:
    """Return the permission that saving the form takes."""
    return draft.section.permission("add" if draft.row._state.adding else "change")


@sensitive_variables("typed")
def _service(row: Row | None, typed: Mapping[str, str] | None, fix: Fix) -> Draft:
    """Return the saved integrated service that the tested route signs in with."""
    chosen = _row(SERVICE, typed.get("integrated_service")) if typed else service_of(row)
    if chosen is None:
        raise NothingToChange(_("The integrated service of this test does not exist any more."))
    return Draft(SERVICE, chosen, fix.changes, None, fix.focus)


def _twin(fix: Fix) -> Draft:
    """Return a new OAuth service, with the one integrated service that it can mean."""
    changes = dict(fix.changes)
    if OAuthService.objects.filter(name__iexact=changes.get("name", "")).exists():
        del changes["name"]
    usable = IntegratedService.objects.filter(account_kind=IntegratedService.AccountKind.SERVICE_ACCOUNT)[:2]
    if len(usable) == 1:
        changes["integrated_service"] = str(usable[0].pk)
    return Draft(OAUTH, OAuthService(), changes)


def _row(section: Section, pk: Any) -> Any:
    try:
        return section.model.objects.filter(pk=pk).first() if pk else None
    except ValidationError:  # not a UUID
        return None
