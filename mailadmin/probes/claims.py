"""What an access token says of itself, in sentences for a test (pure). Nothing here is verified: only the service that
a token is for can do that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from mailadmin.core.clouds import CLOUDS
from mailadmin.core.redact import clean
from mailadmin.core.settings import EntraApp
from mailadmin.core.texts import _

Claims = Mapping[str, Any]

SEND, READ_WRITE, READ = "Mail.Send", "Mail.ReadWrite", "Mail.Read"
SMTP_SEND = "SMTP.SendAsApp"
# What an app may do with every mailbox when Entra grants it (learn.microsoft.com, "limit mailbox access").
WIDE = (SEND, READ_WRITE)
# App ids of Microsoft's own services, the same in every tenant and cloud (learn.microsoft.com, "verify first-party
# Microsoft applications in sign-in reports"): Microsoft Graph, and Office 365 Exchange Online.
GRAPH_ID = "00000003-0000-0000-c000-000000000000"
EXCHANGE_ID = "00000002-0000-0ff1-ce00-000000000000"
_CLAIM_CHARS = 200  # of one claim; a GUID has 36
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def permissions(claims: Claims) -> list[str]:
    """Return the application permissions that the token names (`roles`), sorted."""
    roles = claims.get("roles")
    return sorted(filter(None, map(_words, roles))) if isinstance(roles, list) else []


def rows(claims: Claims) -> list[list[str]]:
    """Return the claims that matter, each with what it means (learn.microsoft.com, "access token claims reference")."""
    found = [
        [_("Audience (aud)"), _words(claims.get("aud"))],
        [_("Tenant (tid)"), _words(claims.get("tid"))],
        [_("App (appid)"), _words(claims.get("appid") or claims.get("azp"))],
        [_("Name of the app"), _words(claims.get("app_displayname"))],
        [_("Application permissions (roles)"), ", ".join(permissions(claims))],
        [_("Delegated permissions (scp)"), _words(claims.get("scp"))],
        [_("Kind of token (idtyp)"), _words(claims.get("idtyp"))],
        [_("Version (ver)"), _words(claims.get("ver"))],
        [_("Issued (iat)"), _moment(claims.get("iat"))],
        [_("Holds until (exp)"), _moment(claims.get("exp"))],
    ]
    return [row for row in found if row[1]]


def wide(claims: Claims) -> list[str]:
    """Return the permissions for every mailbox of the tenant that the token names."""
    return [name for name in WIDE if name in permissions(claims)]


def about_audience(claims: Claims, app: EntraApp, scopes: Iterable[str]) -> list[str]:
    """Explain a token (`aud`) for another service or another cloud than the scopes ask for; [] when it fits."""
    audience = _words(claims.get("aud"))
    wanted = next((urlsplit(scope).netloc.lower() for scope in scopes if urlsplit(scope).netloc), "")
    if not audience or not wanted:
        return []
    for_graph = wanted == app.cloud.graph_host.lower()
    if audience == (GRAPH_ID if for_graph else EXCHANGE_ID) or _host(audience) == wanted:
        return []
    text = _("The token is for {audience}, not for {host}.")
    if for_graph:
        text = _("The token is for {audience}, not for Microsoft Graph at {host}.")
    sentences = [text.format(audience=audience, host=wanted)]
    if elsewhere := _cloud_of(_host(audience), app):
        text = _("That host belongs to the cloud “{cloud}”: a token holds in its own cloud only.")
        sentences.append(text.format(cloud=elsewhere))
    if for_graph:
        sentences.append(_("Leave the scopes empty, or use {scope}.").format(scope=app.cloud.graph_scope))
    return [" ".join(sentences)]


def about_identity(claims: Claims, app: EntraApp) -> list[str]:
    """Explain a token that was given to another tenant or app than the settings name; [] when both fit.

    A tenant that is named by a domain cannot be compared with the ID in the token.
    """
    found = []
    tenant, client = _words(claims.get("tid")), _words(claims.get("appid") or claims.get("azp"))
    if tenant and _GUID.fullmatch(app.tenant) and tenant.lower() != app.tenant.lower():
        text = _("The token is of the tenant {tenant}, the settings name {named}.")
        found.append(text.format(tenant=tenant, named=app.tenant))
    if client and app.client_id and client.lower() != app.client_id.lower():
        text = _("The token was given to the app {app}, the settings name {named}.")
        found.append(text.format(app=client, named=app.client_id))
    return found


def about_send(claims: Claims, name: str = SEND) -> list[str]:
    """Note that the token does not name the permission to send, which need not be wrong; [] when it does."""
    if name in permissions(claims):
        return []
    text = _(
        "The token does not name the permission {name}. That is in order when the permission is given in Exchange "
        "(RBAC for Applications), which no token shows; otherwise add the application permission in Entra and grant "
        "admin consent."
    )
    return [text.format(name=name)]


def about_options(claims: Claims, needs: Iterable[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Name what a switched-on option lacks. `needs` holds the option and the permissions of which one is enough.

    Only a token with permissions for mail says something: without any they are given in Exchange.
    """
    named = permissions(claims)
    if not any(name.startswith("Mail.") for name in named):
        return []
    text = _("“{option}” needs the permission {name}, which the token does not name.")
    return [
        text.format(option=option, name=enough[0])
        for option, enough in needs
        if not any(name in named for name in enough)
    ]


def _words(value: object) -> str:
    """Return a claim as text; one of another form than the usual ones says nothing."""
    return clean(str(value), limit=_CLAIM_CHARS) if isinstance(value, str | int | float) else ""


def _moment(value: object) -> str:
    """Return seconds since the epoch (RFC 7519 section 2, NumericDate) as a date, "" when they are none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    try:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return ""


def _host(audience: str) -> str:
    try:
        return urlsplit(audience).netloc.lower()
    except ValueError:  # such as "https://["
        return ""


def _cloud_of(host: str, app: EntraApp) -> str:
    """Return the name of the cloud, other than the app's own, whose Graph or mail host this is; "" for none."""
    for cloud in CLOUDS.values():
        known = (cloud.graph_host, urlsplit(cloud.smtp_scope).netloc, *cloud.mail_hosts)
        if host and cloud.name != app.cloud.name and host in known:
            return cloud.name
    return ""
