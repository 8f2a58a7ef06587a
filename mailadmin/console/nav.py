"""The entries of the side bar: each shows only to those who may open it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from mailadmin import conf
from mailadmin.core.texts import N_


@dataclass(frozen=True)
class Entry:
    """One line of the side bar; its title is looked up when it is shown. `section` are the first words of the URL names
    that belong to it, set apart by blanks like the permissions, of which one is enough."""

    title: str
    section: str
    url_name: str
    icon: str
    permission: str


@dataclass(frozen=True)
class Group:
    """Entries under one small heading."""

    title: str
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
                N_("Dashboard"),
                "dashboard",
                "mailadmin:dashboard",
                "layout-dashboard",
                "mailadmin.view_delivery",
            ),
        ),
    ),
    Group(
        N_("Sending"),
        (
            Entry(N_("OAuth services"), "oauth", "mailadmin:oauth-list", "cloud", "mailadmin.view_oauthservice"),
            Entry(
                N_("SMTP connections"),
                "smtp discovery",
                "mailadmin:smtp-list",
                "server",
                "mailadmin.view_smtpconnection",
            ),
            Entry(
                N_("Integrated services"),
                "service",
                "mailadmin:service-list",
                "key-round",
                "mailadmin.view_integratedservice",
            ),
            Entry(N_("Send a message"), "compose", "mailadmin:compose", "send", "mailadmin.send_message"),
        ),
    ),
    Group(
        N_("Watch"),
        (
            Entry(N_("Delivery log"), "log", "mailadmin:log-list", "scroll-text", "mailadmin.view_delivery"),
            Entry(N_("Outbox"), "outbox", "mailadmin:outbox", "mailbox", "mailadmin.view_delivery"),
            Entry(
                N_("Connection tests"),
                "test",
                "mailadmin:test-list",
                "list-checks",
                "mailadmin.view_connectiontest",
            ),
            Entry(N_("Why this route?"), "why", "mailadmin:why", "route", "mailadmin.view_delivery"),
            Entry(
                N_("Sender domains"),
                "domain",
                "mailadmin:domain-list",
                "globe",
                "mailadmin.view_senderdomain",
            ),
            Entry(N_("Alerts"), "alert", "mailadmin:alert-list", "bell", "mailadmin.view_alert"),
            Entry(N_("Sandbox"), "sandbox", "mailadmin:sandbox", "inbox", "mailadmin.view_sandboxmessage"),
            Entry(
                N_("Errors explained"),
                "knowledge",
                "mailadmin:knowledge-list",
                "book-open",
                "mailadmin.view_delivery mailadmin.view_connectiontest",
            ),
        ),
    ),
    Group(
        N_("Admin"),
        (
            Entry(N_("Settings"), "settings", "mailadmin:settings", "settings", "mailadmin.change_settings"),
            Entry(N_("API clients"), "client", "mailadmin:client-list", "plug", "mailadmin.view_apiclient"),
            Entry(N_("Users and roles"), "users", "admin:index", "users", ""),
            Entry(N_("Audit"), "audit", "mailadmin:audit-list", "history", "mailadmin.view_auditentry"),
        ),
    ),
)


def nav(request: HttpRequest) -> list[tuple[str, list[Link]]]:
    """Return the headings with the links that this user may open."""
    groups = ((_(group.title), list(_links(request, group.entries))) for group in _GROUPS)
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
            yield Link(_(entry.title), address, entry.icon, section in entry.section.split())


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
