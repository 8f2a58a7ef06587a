"""Adds the sandbox's OAuth service and SMTP connection, once; a second time it only corrects what moved."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from mailadmin.core import clouds
from mailadmin.core.settings import Security, SmtpAuth
from mailadmin.delivery import health
from mailadmin.models import IntegratedService, OAuthService, SandboxServer, SmtpConnection
from mailadmin.settings_file import managed

from . import audit

HOST = "localhost"
SENDER = "sandbox@example.org"


@dataclass(frozen=True)
class Added:
    """The two routes, and whether anything was made or changed."""

    oauth: OAuthService
    smtp: SmtpConnection
    changed: bool


@transaction.atomic
def add(request: HttpRequest, server: SandboxServer) -> Added:
    """Return the routes to `server`, made or corrected where needed; each change goes into the audit trail.

    Raises ConfigurationError when there is no key to seal the credentials with.
    """
    service, app_changed = _service(request, server)
    oauth, oauth_changed = _oauth(request, service)
    smtp, smtp_changed = _smtp(request, server)
    for route, changed in ((oauth, app_changed or oauth_changed), (smtp, smtp_changed)):
        if changed:
            health.resume(route.key)
    return Added(oauth, smtp, app_changed or oauth_changed or smtp_changed)


@sensitive_variables("credentials")
def _service(request: HttpRequest, server: SandboxServer) -> tuple[IntegratedService, bool]:
    credentials = server.credentials
    host = f"{HOST}:{server.https_port}"
    known = IntegratedService.objects.filter(cloud=clouds.CUSTOM, client_id=credentials["client_id"]).first()
    row = known or IntegratedService(name=_free_name(IntegratedService, "Sandbox app"), cloud=clouds.CUSTOM)
    before = audit.snapshot(row)
    row.tenant, row.client_id = credentials["tenant"], credentials["client_id"]
    row.authority_host = row.graph_host = host
    row.mail_hosts, row.ca_pem = HOST, server.ca_pem.strip()
    row.wide_permission_ok = True  # nothing but the sandbox can be reached with it
    if not row.secret.stored:
        row.secret.set(credentials["client_secret"])
    return row, _save(request, row, before)


def _oauth(request: HttpRequest, service: IntegratedService) -> tuple[OAuthService, bool]:
    known = service.oauth_services.first() if not service._state.adding else None
    if known:
        return known, False
    row = OAuthService(
        name=_free_name(OAuthService, "Sandbox Office 365"),
        integrated_service=service,
        service_identity=SENDER,
        large_messages=True,
    )
    row.order = OAuthService.objects.count()
    return row, _save(request, row, {})


@sensitive_variables("credentials")
def _smtp(request: HttpRequest, server: SandboxServer) -> tuple[SmtpConnection, bool]:
    credentials = server.credentials
    known = SmtpConnection.objects.filter(host=HOST, user_name=credentials["user"]).first()
    row = known or SmtpConnection(
        name=_free_name(SmtpConnection, "Sandbox SMTP"),
        host=HOST,
        security=Security.STARTTLS,
        auth=SmtpAuth.PASSWORD,
        user_name=credentials["user"],
        from_address=SENDER,
        order=SmtpConnection.objects.count(),
    )
    before = audit.snapshot(row)
    row.port, row.ca_pem = server.smtp_port, server.ca_pem.strip()
    if not row.secret.stored:
        row.secret.set(credentials["password"])
    return row, _save(request, row, before)


def _save(request: HttpRequest, row: models.Model, before: audit.Snapshot) -> bool:
    """Save `row` when it is new or differs from `before`, unless a settings file says how it is; tell whether it
    did."""
    new = row._state.adding
    if managed(row):
        return False
    changes = audit.diff({} if new else before, audit.snapshot(row))
    if not changes:
        return False
    row.save()
    detail = gettext_lazy("Add the sandbox")
    audit.record(request, "created" if new else "changed", row, {} if new else changes, detail=detail)
    return True


def _free_name(model: type[IntegratedService | OAuthService | SmtpConnection], wanted: str) -> str:
    taken = {name.lower() for name in model.objects.values_list("name", flat=True)}
    names = (wanted, *(f"{wanted} {number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name.lower() not in taken)
