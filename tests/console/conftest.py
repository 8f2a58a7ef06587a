"""People of the console, each with a signed-in client, and rows to look at."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from mailadmin import roles
from mailadmin.core.keyring import new_key
from mailadmin.models import IntegratedService, OAuthService, SmtpConnection

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _own_key(settings, tmp_path):
    """Seal secrets with a key of this test."""
    path = tmp_path / "keys"
    path.write_text(new_key())
    settings.MAILADMIN = settings.MAILADMIN | {"KEY_FILE": path}


def _user(name: str, role: str | None = None) -> User:
    user = User.objects.create_user(name, f"{name}@example.org", PASSWORD, is_staff=role == "Administrator")
    if role:
        # The groups come from post_migrate; a test that emptied the tables makes them again.
        user.groups.add(Group.objects.get(name=role))
    return user


def _client(user: User) -> Client:
    client = Client(enforce_csrf_checks=False)
    client.force_login(user)
    client.user = user
    return client


@pytest.fixture
def viewer(db):
    return _user("vera", "Viewer")


@pytest.fixture
def operator(db):
    return _user("otto", "Operator")


@pytest.fixture
def administrator(db):
    return _user("anna", "Administrator")


@pytest.fixture
def nobody(db):
    """A user without any role."""
    return _user("nora")


@pytest.fixture
def viewer_client(viewer):
    return _client(viewer)


@pytest.fixture
def operator_client(operator):
    return _client(operator)


@pytest.fixture
def admin_client(administrator):
    return _client(administrator)


@pytest.fixture
def nobody_client(nobody):
    return _client(nobody)


@pytest.fixture
def role_names():
    return list(roles.roles())


@pytest.fixture
def smtp_values():
    """What the browser sends for a connection that is filled in well."""
    return {
        "name": "Relay A",
        "host": "smtp.example.org",
        "security": "starttls",
        "port": "",
        "auth": "password",
        "user_name": "mailer@example.org",
        "secret": "only-the-relay-knows-this",
        "from_address": "no-reply@example.org",
        "from_name": "",
        "enabled": "on",
        "tls_minimum": "1.2",
        "check_identity": "on",
        "family": "race",
        "keep_open": "on",
        "idle_seconds": "60",
        "session_messages": "100",
        "parallel": "4",
        "pipelining": "on",
        "chunking": "on",
        "rate_messages": "0",
        "rate_seconds": "60",
        "on_unsure": "resend",
        "sender_policy": "when-missing",
        "connect_timeout": "10",
        "command_timeout": "30",
        "message_timeout": "120",
        "final_timeout": "60",
        "final_background_timeout": "600",
    }


@pytest.fixture
def service_values():
    """What the browser sends for an app registration that is filled in well."""
    return {
        "name": "Contoso mail app",
        "cloud": "global",
        "tenant": "contoso.example",
        "client_id": "3c1d22aa-86f1-41af-91ab-2d7cd011db47",
        "credential_kind": "secret",
        "secret": "only-entra-knows-this",
        "credential_ends_on": "2099-03-31",
        "account_kind": "service-account",
    }


@pytest.fixture
def smtp(db):
    """A stored SMTP connection with a password."""
    row = SmtpConnection(
        name="Relay A",
        host="smtp.example.org",
        auth="password",
        user_name="mailer@example.org",
        from_address="no-reply@example.org",
    )
    row.set_secret("only-the-relay-knows-this")
    row.save()
    return row


@pytest.fixture
def service(db):
    """A stored app registration with its secret."""
    row = IntegratedService(
        name="Contoso mail app", tenant="contoso.example", client_id="3c1d22aa-86f1-41af-91ab-2d7cd011db47"
    )
    row.set_secret("only-entra-knows-this")
    row.save()
    return row


@pytest.fixture
def oauth(service):
    """A stored OAuth service."""
    return OAuthService.objects.create(
        name="Contoso 365", integrated_service=service, service_identity="no-reply@contoso.example"
    )


@pytest.fixture
def preferences():
    """What the browser sends for the preferences as they are by default."""
    return {
        "queue_lifetime_hours": "48",
        "hide_codes": "on",
        "keep_content": "none",
        "keep_content_days": "7",
        "retention_days": "30",
        "secret_warning_days": "30",
        "probe_minutes": "60",
        "silence_hours": "24",
        "alert_quiet_minutes": "60",
    }
