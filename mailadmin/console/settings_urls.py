"""Addresses of the pages that set up: SMTP connections, OAuth services, integrated services, preferences."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import cast

from django.http import HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from .access import needs
from .forms import SECRET_FIELDS
from .language import language
from .sections import OAUTH, SERVICE, SMTP, Section
from .theme import theme
from .views import alerts, clients, credentials, discovery, history, importing, kit, radar, rows, sending, settings

View = Callable[..., HttpResponse]


def _bound(view: View, section: Section, action: str) -> View:
    """Return `view` for `section`, open to those with the permission for `action`; typed secrets stay out of
    Django's error reports."""
    bound = cast("View", update_wrapper(partial(view, section), view))
    return needs(section.permission(action))(sensitive_post_parameters(*SECRET_FIELDS)(bound))


def _pages(section: Section) -> list[URLPattern]:
    at, name = section.path, section.name
    story, restore = (_bound(view, section, "change") for view in (history.history, history.restore))
    pages = [
        path(f"{at}/", _bound(rows.listing, section, "view"), name=f"{name}-list"),
        path(f"{at}/new/", _bound(rows.new, section, "add"), name=f"{name}-new"),
        path(f"{at}/<uuid:pk>/", _bound(rows.edit, section, "change"), name=f"{name}-edit"),
        path(f"{at}/<uuid:pk>/delete/", _bound(rows.delete, section, "delete"), name=f"{name}-delete"),
        path(f"{at}/deleted/", require_GET(_bound(history.deleted_list, section, "add")), name=f"{name}-deleted"),
        path(f"{at}/<uuid:pk>/history/", require_GET(story), name=f"{name}-history"),
        path(f"{at}/<uuid:pk>/history/<int:number>/", require_GET(restore), name=f"{name}-restore"),
    ]
    if section.is_route:
        move, switch = (_bound(view, section, "change") for view in (rows.move, rows.switch))
        pages += [
            path(f"{at}/<uuid:pk>/move/", require_POST(move), name=f"{name}-move"),
            path(f"{at}/<uuid:pk>/switch/", require_POST(switch), name=f"{name}-switch"),
        ]
    return pages


urlpatterns: list[URLPattern] = [
    *_pages(OAUTH),
    *_pages(SMTP),
    *_pages(SERVICE),
    path("services/<uuid:pk>/credential/", credentials.second_credential, name="service-credential"),
    path("services/<uuid:pk>/credential/switch/", credentials.try_and_switch, name="service-credential-switch"),
    path("services/<uuid:pk>/credential/forget/", credentials.forget, name="service-credential-forget"),
    path("services/<uuid:pk>/kit/", kit.kit, name="service-kit"),
    path("services/<uuid:pk>/kit/script/", kit.script, name="service-kit-script"),
    path("smtp/find/", discovery.discovery, name="discovery"),
    path("smtp/import/", importing.take_over, name="smtp-import"),
    path("smtp/radar/", radar.radar, name="smtp-radar"),
    path("settings/", settings.settings, name="settings"),
    path("settings/sending/", sending.sending, name="settings-sending"),
    path("settings/confirm/", sending.confirm, name="settings-confirm"),
    path("settings/alerts/new/", alerts.channel_new, name="settings-alert-new"),
    path("settings/alerts/<uuid:pk>/", alerts.channel_edit, name="settings-alert-edit"),
    path("settings/alerts/<uuid:pk>/delete/", alerts.channel_delete, name="settings-alert-delete"),
    path("settings/alerts/<uuid:pk>/switch/", alerts.channel_switch, name="settings-alert-switch"),
    path("settings/alerts/<uuid:pk>/test/", alerts.channel_test, name="settings-alert-test"),
    path("settings/clients/", clients.client_list, name="client-list"),
    path("settings/clients/new/", clients.client_new, name="client-new"),
    path("settings/clients/<uuid:pk>/", clients.client_edit, name="client-edit"),
    path("settings/clients/<uuid:pk>/token/", clients.client_token, name="client-token"),
    path("settings/clients/<uuid:pk>/revoke/", clients.client_revoke, name="client-revoke"),
    path("settings/clients/<uuid:pk>/delete/", clients.client_delete, name="client-delete"),
    path("settings/history/", history.settings_history, name="settings-history"),
    path("settings/history/<int:number>/", history.settings_restore, name="settings-restore"),
    path("theme/", theme, name="theme"),
    path("language/", language, name="language"),
]
