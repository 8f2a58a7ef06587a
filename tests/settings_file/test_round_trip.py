"""N14: what is exported is the installation, whole: applied to an empty one it gives the same, to itself nothing."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mailadmin.models import (
    AlertChannel,
    ApiClient,
    IntegratedService,
    OAuthService,
    SenderDomain,
    Settings,
    SmtpConnection,
)
from mailadmin.settings_file import toml_text
from mailadmin.settings_file.apply import Choices, apply, plan_of
from mailadmin.settings_file.document import parse
from mailadmin.settings_file.export import export
from mailadmin.settings_file.tables import BY_NAME, TABLES
from mailadmin.settings_file.values import Choice, Flag
from tests.fakes.app_certificates import app_certificate
from tests.settings_file.conftest import WHO

APP, CLIENT = app_certificate(), app_certificate("client")
ENV = "env:MAILADMIN_SECRET_RELAY"
CLIENT_ID = "3c1d22aa-86f1-41af-91ab-2d7cd011db47"
_NAMES = st.lists(
    st.sampled_from(["Ärger & Söhne", "B", "c d", "“quoted”", "back\\slash", 'x"y']), unique=True, max_size=3
)
# Groups of keys that go together, and samples for those that stand alone and have no choices of their own.
SIGN_IN: list[dict[str, Any]] = [
    {},
    {"auth": "password", "user_name": "ada", "password": ENV, "mechanism": "PLAIN", "domain": "EXAMPLE"},
    {"auth": "password", "user_name": "ada", "password": ENV, "security": "none", "clear_text_confirmed": True},
    {"auth": "xoauth2", "user_name": "a@contoso.example", "integrated_service": "App"},
    {"auth": "certificate", "client_certificate": CLIENT.pem, "client_key": "file:{folder}/client.key"},
    {"auth": "gssapi"},
    {"security": "starttls-if-offered"},
]
PROXY: list[dict[str, Any]] = [
    {},
    {"proxy_kind": "socks5", "proxy_host": "p.example", "proxy_port": 1080},
    {"proxy_kind": "http", "proxy_host": "p.example", "proxy_user": "u", "proxy_password": ENV},
]
FIRST: list[dict[str, Any]] = [
    {},
    {"secret": ENV, "credential_ends_on": date(2099, 3, 31)},
    {"credential_kind": "certificate", "certificate": APP.pem, "secret": "file:{folder}/app.key"},
    {"credential_kind": "federated", "secret": "file:{folder}/assertion"},
]
SECOND: list[dict[str, Any]] = [{}, {"second_kind": "secret", "second_secret": ENV, "second_ends_on": date(2099, 9, 1)}]
CHANNEL: list[dict[str, Any]] = [
    {"kind": "email", "recipients": ["Ops <ops@example.org>", '"a, b" <c@example.org>']},
    {"kind": "webhook", "url": "env:MAILADMIN_SECRET_HOOK", "signing": "env:MAILADMIN_SECRET_SIGNING"},
    {"kind": "slack", "url": "env:MAILADMIN_SECRET_HOOK", "events": ["unsure", "failing"]},
]
SAMPLES: dict[str, st.SearchStrategy[Any]] = {
    "port": st.integers(1, 65535),
    "label": st.sampled_from(["shop", "ärger", 'a "b" c\\d', "#x = 1"]),
    "subject_prefix": st.sampled_from(["[Staging]", 'Ä\'"""']),
    "from_address": st.sampled_from(["shop@example.org", "jörg@bücher.example"]),
    "from_name": st.sampled_from(["Shop, Inc.", "Ünal"]),
    "envelope_sender": st.just("bounces@example.org"),
    "default_recipients": st.just(["Ann <ann@example.org>", '"x, y" <b@example.org>']),
    "trusted_hosts": st.just(["a.example", "192.0.2.1", "::1"]),
    "only_for_senders": st.just(["example.org", "Ann@example.org"]),
    "ca_pem": st.just(APP.pem),
    "parallel": st.integers(1, 20),
    "session_messages": st.integers(1, 1000),
    "rate_messages": st.integers(0, 1000),
    **dict.fromkeys(
        ("idle_seconds", "connect_timeout", "command_timeout", "message_timeout", "final_timeout"),
        st.floats(1, 300) | st.integers(1, 300),
    ),
    "mailboxes": st.just(["two@contoso.example", "three@contoso.example"]),
    "send_as": st.just(["contoso.example"]),
    "scopes": st.just("https://graph.microsoft.com/.default"),
    "messages_per_minute": st.integers(0, 1000),
    "mail_hosts": st.just(["relay.contoso.example"]),
    "requests_at_once": st.integers(1, 10),
    "retention_days": st.integers(1, 3650),
    "resolvers": st.just(["192.0.2.53", "[2001:db8::53]:5353"]),
    "probe_minutes": st.integers(0, 1000),
    "console_url": st.just("https://mail.example.org"),
    "daily_limit": st.integers(0, 100_000),
    "expires_at": st.datetimes(datetime(2090, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 -- its bounds are naive
    "senders": st.just(["example.org", "a@example.org"]),
}
_KEPT = {"name", "enabled", "account_kind", "client_type", "cloud", "state"}  # said by the table itself, or left alone


@st.composite
def rows(draw: st.DrawFn, table: str, fixed: dict[str, Any], *groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Draw the values of one table: a choice of each group, and any of the keys that stand alone."""
    values = dict(fixed)
    for group in groups:
        values |= draw(st.sampled_from(group))
    grouped = {key for group in groups for choice in group for key in choice} | set(fixed) | _KEPT
    for key in BY_NAME[table].keys:
        if key.name in grouped or key.secret or not draw(st.booleans()):
            continue
        if key.name in SAMPLES:
            values[key.name] = draw(SAMPLES[key.name])
        elif isinstance(key.sort, Choice):
            values[key.name] = draw(st.sampled_from(key.sort.choices))
        elif isinstance(key.sort, Flag):
            values[key.name] = draw(st.booleans())
    return values


@st.composite
def installations(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """Draw a whole file, as pairs of a table and its values."""
    found = [("settings", draw(rows("settings", {})))]
    found += draw(
        st.sampled_from(
            [[], [("sending", {"state": "redirected", "redirect_to": "a@b.example", "spared": ["c.example"]})]]
        )
    )
    app = {"name": "App", "tenant": "contoso.example", "client_id": CLIENT_ID}
    found += [("integrated_service", draw(rows("integrated_service", app, FIRST, SECOND, PROXY)))]
    for name in draw(_NAMES):
        fixed = {"name": name, "integrated_service": "App", "service_identity": "robot@contoso.example"}
        found += [("oauth_service", draw(rows("oauth_service", fixed)))]
    for name in draw(_NAMES):
        fixed = {"name": name, "host": "smtp.example.org", "sender_policy": "keep", "clear_text_confirmed": False}
        drawn = draw(rows("smtp_connection", fixed, SIGN_IN, PROXY))
        found += [("smtp_connection", {"security": "starttls", **drawn})]
    for name in draw(_NAMES):
        found += [("alert_channel", draw(rows("alert_channel", {"name": name}, CHANNEL)))]
    routes = [
        f"{'smtp' if t == 'smtp_connection' else 'oauth'}:{v['name']}" for t, v in found if "_" in t and "host" in v
    ]
    found += [("sender_domain", {"domain": "example.org", "selectors": ["s1", "s2"]})]
    found += [("api_client", draw(rows("api_client", {"name": "Shop", "scopes": ["read", "send"], "routes": routes})))]
    return found


def placed(tables: list[tuple[str, dict[str, Any]]], folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return the tables with the folder of the secrets put in."""
    return [
        (name, {k: v.replace("{folder}", str(folder)) if isinstance(v, str) else v for k, v in values.items()})
        for name, values in tables
    ]


def text_of(tables: list[tuple[str, dict[str, Any]]]) -> str:
    return "\n".join(toml_text.table(BY_NAME[name].head, values) for name, values in tables)


def wipe() -> None:
    for model in (OAuthService, SmtpConnection, IntegratedService, AlertChannel, SenderDomain, ApiClient, Settings):
        model.objects.all().delete()


@pytest.mark.django_db
@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables=installations())
def test_n14_an_export_is_the_installation_whole(tmp_path, tables):
    """N14: export, check, plan (empty), wipe, apply, export: identical, whatever the rows hold."""
    folder = tmp_path / "secrets"
    for name, content in (("client.key", CLIENT.key), ("app.key", APP.key), ("assertion", "token")):
        (folder / name).write_text(content)
    wipe()
    tables = placed(tables, folder)
    apply(parse(text_of(tables), "mail.toml", tmp_path), Choices(), WHO)
    first = export()
    assert not (found := plan_of(parse(first, "mail.toml", tmp_path), Choices())).faults, found.faults
    assert found.empty, found.as_data()
    wipe()
    apply(parse(first, "mail.toml", tmp_path), Choices(), WHO)
    assert export() == first
    _holds(tables, first, folder)


def _holds(tables: list[tuple[str, dict[str, Any]]], exported: str, folder: Path) -> None:
    """Check that no value of the file got lost on the way: every one that is not as usual is in the export."""
    data = tomllib.loads(exported)
    for name, values in tables:
        table = BY_NAME[name]
        there = (
            data.get(name, {})
            if not table.title
            else next(row for row in data[name] if row[table.title].lower() == values[table.title].lower())
        )
        for key in table.keys:
            wanted = key.sort.read(values[key.name], folder) if key.name in values else key.default
            got = key.sort.read(there[key.name], folder) if key.name in there else key.default
            assert got == wanted, (name, key.name)


def test_every_key_that_can_differ_is_drawn():
    """Whoever adds an option adds a sample of it here, so that the property is tried with it."""
    groups = [*SIGN_IN, *PROXY, *FIRST, *SECOND, *CHANNEL]
    drawn = {key for group in groups for key in group} | set(SAMPLES) | _KEPT
    drawn |= {"host", "tenant", "client_id", "service_identity", "integrated_service", "domain", "selectors", "routes"}
    drawn |= {"redirect_to", "spared", "sender_policy"}
    left = {
        f"{table.name}.{key.name}"
        for table in TABLES
        for key in table.keys
        if key.name not in drawn and not isinstance(key.sort, (Choice, Flag))
    }
    assert left <= {
        "settings.secret_warning_days",
        "settings.queue_lifetime_hours",
        "settings.keep_content_days",
        "settings.silence_hours",
        "settings.alert_quiet_minutes",
        "integrated_service.authority_host",
        "integrated_service.graph_host",
        "integrated_service.second_certificate",
        "smtp_connection.final_background_timeout",
        "api_client.minute_limit",
    }
