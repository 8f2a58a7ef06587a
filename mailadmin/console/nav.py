"""The entries of the side bar: each shows only to those who may open it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from mailadmin import conf


@dataclass(frozen=True)
class Entry:
    """One line of the side bar; `section` are the first words of the URL names
    that belong to it, set apart by blanks like the permissions, of which one is enough."""

    title: Promise
    section: str
    url_name: str
    icon: str
    permission: str


@dataclass(frozen=True)
class Group:
    """Entries under one small heading, or under none ("")."""

    title: Promise | str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Link:
    """An entry as the page shows it."""

    title: str
    address: str
    icon: str
    current: bool


_GROUPS = (
    Group(
        "",
        (
            Entry(
                gettext_lazy("Dashboard"),
                "dashboard",
                "mailadmin:dashboard",
                "layout-dashboard",
                "mailadmin.view_delivery",
            ),
        ),
    ),
    Group(
        pgettext_lazy("heading", "Sending"),
        (
            Entry(
                gettext_lazy("OAuth services"), "oauth", "mailadmin:oauth-list", "cloud", "mailadmin.view_oauthservice"
            ),
            Entry(
                gettext_lazy("SMTP connections"),
                "smtp discovery",
                "mailadmin:smtp-list",
                "server",
                "mailadmin.view_smtpconnection",
            ),
            Entry(
                gettext_lazy("Integrated services"),
                "service",
                "mailadmin:service-list",
                "key-round",
                "mailadmin.view_integratedservice",
            ),
            Entry(gettext_lazy("Send a message"), "compose", "mailadmin:compose", "send", "mailadmin.send_message"),
        ),
    ),
    Group(
        gettext_lazy("Watch"),
        (
            Entry(gettext_lazy("Delivery log"), "log", "mailadmin:log-list", "scroll-text", "mailadmin.view_delivery"),
            Entry(gettext_lazy("Outbox"), "outbox", "mailadmin:outbox", "mailbox", "mailadmin.view_delivery"),
            Entry(
                gettext_lazy("Connection tests"),
                "test",
                "mailadmin:test-list",
                "list-checks",
                "mailadmin.view_connectiontest",
            ),
            Entry(gettext_lazy("Why this route?"), "why", "mailadmin:why", "route", "mailadmin.view_delivery"),
            Entry(
                gettext_lazy("Sender domains"),
                "domain",
                "mailadmin:domain-list",
                "globe",
                "mailadmin.view_senderdomain",
            ),
            Entry(gettext_lazy("Alerts"), "alert", "mailadmin:alert-list", "bell", "mailadmin.view_alert"),
            Entry(gettext_lazy("Sandbox"), "sandbox", "mailadmin:sandbox", "inbox", "mailadmin.view_sandboxmessage"),
            Entry(
                gettext_lazy("Errors explained"),
                "knowledge",
                "mailadmin:knowledge-list",
                "book-open",
                "mailadmin.view_delivery mailadmin.view_connectiontest",
            ),
        ),
    ),
    Group(
        gettext_lazy("Admin"),
        (
            Entry(gettext_lazy("Settings"), "settings", "mailadmin:settings", "settings", "mailadmin.change_settings"),
            Entry(gettext_lazy("API clients"), "client", "mailadmin:client-list", "plug", "mailadmin.view_apiclient"),
            Entry(gettext_lazy("Users and roles"), "users", "admin:index", "users", ""),
            Entry(gettext_lazy("Audit"), "audit", "mailadmin:audit-list", "history", "mailadmin.view_auditentry"),
        ),
    ),
)


def nav(request: HttpRequest) -> list[tuple[str, list[Link]]]:
    """Return the headings with the links that this user may open."""
    groups = ((str(group.title), list(_links(request, group.entries))) for group in _GROUPS)
    return [(title, links) for title, links in groups if links]


def sign_out_address() -> str | None:
    """Return where the sign-out form posts to, None when the project has no such page."""
    return _address("sign-out") or _address("logout") or _address("admin:logout")


def _links(request: HttpRequest, entries: Iterable[Entry]) -> Iterable[Link]:
    match = request.resolver_match
    section = (match.url_name or "").split("-")[0] if match and "mailadmin" in match.namespaces else ""
    for entry in entries:
        address = _users_address(request) if entry.section == "users" else _address(entry.url_name)
        if address and _shown(request, entry):
            yield Link(str(entry.title), address, entry.icon, section in entry.section.split())


def _shown(request: HttpRequest, entry: Entry) -> bool:
    if entry.section == "sandbox" and not conf.setting("SANDBOX"):
        return False
    return not entry.permission or any(request.user.has_perm(name) for name in entry.permission.split())


def _users_address(request: HttpRequest) -> str | None:
    """Return Django admin's page of users, for those whom Django's admin lets in (`is_staff`)."""
    model = get_user_model()._meta
    if not getattr(request.user, "is_staff", False) or not request.user.has_perm(
        f"{model.app_label}.view_{model.model_name}"
    ):
        return None
    return _address(f"admin:{model.app_label}_{model.model_name}_changelist")


def _address(url_name: str) -> str | None:
    """Return the address, None where the host project does not have that page."""
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return None
