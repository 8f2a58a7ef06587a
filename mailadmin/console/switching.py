"""Test-then-switch: the second credential of an integrated service gets a token before it replaces the first one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _

from mailadmin import conf
from mailadmin.delivery import health
from mailadmin.models import IntegratedService
from mailadmin.transports.entra.tokens import fetch_token

from . import audit


class NotSwitched(Exception):
    """Nothing was changed; the text is a sentence for the administrator."""


def switch(request: HttpRequest, row: IntegratedService) -> None:
    """Fetch a token with the second credential of `row`, and put it to use when one came.

    The credential that was in use becomes the second one, so that one can go back. Raises MailError when Entra gave no
    token, and NotSwitched when there is nothing to try or somebody changed the row meanwhile, or since the page with
    the button was made; then nothing is changed.
    """
    _refuse_what_was_not_seen(request, row)
    tried_at = row.changed_at
    _try_second(row)
    _put_to_use(request, row.pk, tried_at)


def scopes_in_use(row: IntegratedService) -> tuple[tuple[str, ...], ...]:
    """Return what tokens are asked for: those of its OAuth services; for SMTP when only SMTP connections use it."""
    app = row.app_without_secrets()
    for_graph = [service.to_route().effective_scopes for service in row.oauth_services.all()]
    if for_graph:
        return tuple(dict.fromkeys(for_graph))
    return ((app.cloud.smtp_scope if row.smtp_connections.exists() else app.cloud.graph_scope,),)


def _try_second(row: IntegratedService) -> None:
    """Fetch a token for each use. Raises MailError, or NotSwitched without a second credential."""
    credential = row.to_second_credential()
    if credential is None:
        raise NotSwitched(_("There is no second credential that could be tried; type it below and save it first."))
    app = replace(row.to_app(), credential=credential)
    for scopes in scopes_in_use(row):
        fetch_token(app, scopes, conf.network_policy(), fresh=True)


@transaction.atomic
def _put_to_use(request: HttpRequest, pk: UUID, tried_at: datetime) -> None:
    """Exchange the two credentials, unless somebody changed the row since it was tried. Raises NotSwitched."""
    # One statement looks and takes the row: what was not tried is never put to use.
    if not IntegratedService.objects.filter(pk=pk, changed_at=tried_at).update(changed_at=timezone.now()):
        raise NotSwitched(
            _("Somebody changed this integrated service while the second credential was tried; try it again.")
        )
    row = IntegratedService.objects.get(pk=pk)
    before = audit.snapshot(row)
    row.swap_credentials()
    row.save()
    audit.record(request, "switched the credential", row, audit.diff(before, audit.snapshot(row)))
    for route in row.routes():
        health.resume(route.key)


@transaction.atomic
def forget_second(request: HttpRequest, pk: UUID) -> bool:
    """Forget the second credential, with its audit entry; tell whether there was one. Raises NotSwitched when
    somebody changed the row since the page with the button was made."""
    row = get_object_or_404(IntegratedService.objects.select_for_update(), pk=pk)
    if not row.second_kind:
        return False
    _refuse_what_was_not_seen(request, row)
    before = audit.snapshot(row)
    row.forget_second_credential()
    row.save()
    audit.record(request, "forgot the second credential", row, audit.diff(before, audit.snapshot(row)))
    return True


def _refuse_what_was_not_seen(request: HttpRequest, row: IntegratedService) -> None:
    """Raise NotSwitched when the button stood on a page that shows another state (POST `seen`): pressed twice, or by
    two people, the second time would undo the first."""
    seen = request.POST.get("seen")
    if seen and seen != row.changed_at.isoformat():
        raise NotSwitched(
            _(
                "This integrated service was changed since the page was opened, perhaps by pressing twice, so nothing "
                "more was done. This is how its credentials stand now."
            )
        )
