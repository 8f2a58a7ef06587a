"""The settings rows in Django's admin: to look at, with a link to their page in the console and to their tests.

Changing stays in the console, which tests a change, keeps secrets for their destination and writes the audit trail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailadmin.models import IntegratedService, OAuthService, RouteState, SmtpConnection
from mailadmin.models.secrets import SecretHolder

Row = SmtpConnection | OAuthService | IntegratedService

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:  # it takes no type when it runs
    Base = admin.ModelAdmin


class ReadOnly(Base):
    """A list and a page that change nothing. `section` starts the names of the row's pages in the console."""

    section = ""
    search_fields = ("name",)
    ordering = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave adding to the console."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leave changing to the console."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leave deleting to the console."""
        return False

    def get_fields(self, request: HttpRequest, obj: Row | None = None) -> list[Any]:
        """Return what the page shows: the links, every setting, and of the secrets only whether there is one."""
        settings = [field.name for field in self.opts.concrete_fields if field.editable]
        return ["console", *settings, "secrets", "created_at", "changed_at"]

    @admin.display(description=gettext_lazy("console"))
    def console(self, row: Row) -> str:
        """Return the links to the page of `row` and to its tests; where the project does not include the console, say
        so."""
        try:
            page = reverse(f"mailadmin:{self.section}-edit", args=[row.pk])
            tests = reverse("mailadmin:test-list")
        except NoReverseMatch:
            return _("This project does not include the console.")
        links = ((page, _("Open and test")), (f"{tests}?route={row.pk}", _("Tests")))
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    @admin.display(description=gettext_lazy("secrets"))
    def secrets(self, row: Row) -> str:
        """Return which secrets are stored, and where; never one of them."""
        held = row.secrets() if isinstance(row, SecretHolder) else []
        return format_html_join(
            SafeString("<br>"), "{}", ((_secret(one.word, one.sealed, one.reference),) for one in held)
        )


@admin.register(SmtpConnection)
class SmtpConnectionAdmin(ReadOnly):
    """SMTP connections."""

    section = "smtp"
    list_display = ("name", "enabled", "host", "port", "security", "state", "console")
    list_filter = ("enabled", "security")

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: SmtpConnection) -> str:
        """Return what sending and testing learned of the connection."""
        return _state(row)


@admin.register(OAuthService)
class OAuthServiceAdmin(ReadOnly):
    """OAuth services."""

    section = "oauth"
    list_display = ("name", "enabled", "service_identity", "integrated_service", "state", "console")
    list_filter = ("enabled",)
    list_select_related = ("integrated_service",)

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: OAuthService) -> str:
        """Return what sending and testing learned of the service."""
        return _state(row)


@admin.register(IntegratedService)
class IntegratedServiceAdmin(ReadOnly):
    """Integrated services: the app registrations."""

    section = "service"
    list_display = ("name", "cloud", "tenant", "client_id", "console")
    list_filter = ("cloud",)


def _state(row: SmtpConnection | OAuthService) -> str:
    known = RouteState.objects.filter(kind=row.kind, route_id=row.pk).first()
    if not row.enabled:
        return _("switched off")
    if known and known.paused:
        return _("paused")
    if known and known.stopped:
        return format_html("{}: {}", _("stopped"), known.reason)
    if known and known.failing:
        return format_html("{}: {}", _("failing"), known.reason)
    return _("well, or not used yet")


def _secret(word: str, sealed: str, reference: str) -> str:
    if not sealed:
        return _("{secret}: none").format(secret=word)
    if reference:
        return _("{secret}: kept at {reference}").format(secret=word, reference=reference)
    return _("{secret}: stored, encrypted").format(secret=word)
