"""N14: a file is refused what a form is refused, with the same sentence: both ask the models."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from mailadmin.console.forms import IntegratedServiceForm, OAuthServiceForm, SecondCredentialForm, SmtpConnectionForm
from mailadmin.console.forms.alerts import AlertChannelForm
from mailadmin.console.forms.clients import ApiClientForm
from mailadmin.console.forms.domains import AddDomainForm, SelectorsForm
from mailadmin.console.forms.settings import SendingForm, SettingsForm
from mailadmin.settings_file import toml_text
from mailadmin.settings_file.tables import BY_NAME
from tests.console.conftest import _client, _user, service_values, smtp_values  # noqa: F401 -- fixtures

pytestmark = pytest.mark.django_db
ENV = "env:MAILADMIN_SECRET_RELAY"
SMTP = {"name": "Relay", "host": "smtp.example.org"}
APP = {"name": "App", "tenant": "contoso.example", "client_id": "3c1d22aa-86f1-41af-91ab-2d7cd011db47"}
HOOK = {
    "name": "Hook",
    "kind": "webhook",
    "url": "env:MAILADMIN_SECRET_HOOK",
    "signing": "env:MAILADMIN_SECRET_SIGNING",
}

# What differs from a good row: as the form is sent it, as the file has it, and what both say.
SAME: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("smtp", {"auth": "none"}, {"user_name": "mailer@example.org"}, "You typed a"),
    ("smtp", {"secret": ""}, {"auth": "password", "user_name": "a"}, "Type the password: this sign-in needs it."),
    ("smtp", {"user_name": ""}, {"auth": "password", "password": ENV}, "A password needs a user name"),
    ("smtp", {"auth": "gssapi"}, {"auth": "gssapi", "password": ENV}, "A Kerberos ticket needs no password"),
    ("smtp", {"auth": "xoauth2", "secret": ""}, {"auth": "xoauth2", "user_name": "a"}, "Choose the integrated service"),
    ("smtp", {"port": "70000"}, {"port": 70000}, "70000 is not a port"),
    ("smtp", {"host": "https://x.example"}, {"host": "https://x.example"}, "starts with a scheme"),
    (
        "smtp",
        {"security": "none"},
        {"security": "none", "auth": "password", "user_name": "a", "password": ENV},
        "tick this",
    ),
    ("smtp", {"proxy_kind": "http"}, {"proxy_kind": "http"}, "Type the name or IP address of the proxy"),
    ("smtp", {"proxy_host": "p.example"}, {"proxy_host": "p.example"}, "choose the kind of proxy"),
    (
        "smtp",
        {"proxy_kind": "http", "proxy_host": "p.example", "proxy_user": "u"},
        {"proxy_kind": "http", "proxy_host": "p.example", "proxy_user": "u"},
        "The proxy user name needs a password",
    ),
    ("smtp", {"client_key": ENV}, {"client_key": ENV}, "paste the certificate that it belongs to"),
    ("smtp", {"parallel": "0"}, {"parallel": 0}, "At least 1 session."),
    ("smtp", {"only_for_senders": "a b@"}, {"only_for_senders": ["a", "b@"]}, "“b@”"),
    (
        "smtp",
        {"secret": "env:SECRET_KEY"},
        {"auth": "password", "user_name": "a", "password": "env:SECRET_KEY"},
        "not allowed",
    ),
    ("service", {"tenant": "common"}, {"tenant": "common"}, "names no tenant"),
    ("service", {"client_id": "x"}, {"client_id": "x"}, "is not an application (client) ID"),
    ("service", {"credential_ends_on": ""}, {"secret": ENV}, "Type the date on which the secret ends"),
    (
        "service",
        {"credential_kind": "managed-identity", "secret": ""},
        {"credential_kind": "managed-identity"},
        "allow",
    ),
    ("alert", {"recipients": ""}, {"name": "Mail", "kind": "email"}, "Type at least one address."),
    ("alert", {"kind": "webhook"}, HOOK | {"signing": ""}, "Type a secret that the receiver knows"),
]


@pytest.fixture
def good(smtp_values: dict[str, str], service_values: dict[str, str]) -> dict[str, tuple[str, Any, str, Any]]:  # noqa: F811 -- a fixture
    """Return for each kind the address of its form, good values for it, its table, and good values for that."""
    alert = {"name": "Hook", "kind": "email", "recipients": "a@example.org", "events": ["failing"], "enabled": "on"}
    alert |= {"url": "env:MAILADMIN_SECRET_HOOK"}
    return {
        "smtp": ("smtp-new", smtp_values, "smtp_connection", SMTP),
        "service": ("service-new", service_values, "integrated_service", APP),
        "alert": ("settings-alert-new", alert, "alert_channel", {}),
    }


@pytest.mark.parametrize(("kind", "typed", "written", "sentence"), SAME)
def test_n14_s23_form_and_file_refuse_the_same(plan, good, kind, typed, written, sentence):
    """N14, S23."""
    url, form_values, table, file_values = good[kind]
    client = _client(_user("anna", "Administrator"))
    form = client.post(reverse(f"mailadmin:{url}"), form_values | typed).context["form"]
    assert sentence in str(form.errors), form.errors
    text = toml_text.table(BY_NAME[table].head, file_values | written)
    assert sentence in " ".join(str(fault) for fault in plan(text).faults)


NOT_COLUMNS = {
    *("seen", "bundle", "passphrase"),  # how a browser sends a form, and what opens a file of certificates once
    *("private_key", "assertion_file"),  # both are the secret of their kind of credential
}
FORMS = {
    "settings": [SettingsForm],
    "sending": [SendingForm],
    "integrated_service": [IntegratedServiceForm, SecondCredentialForm],
    "oauth_service": [OAuthServiceForm],
    "smtp_connection": [SmtpConnectionForm],
    "alert_channel": [AlertChannelForm],
    "sender_domain": [AddDomainForm, SelectorsForm],
    "api_client": [ApiClientForm],
}


@pytest.mark.parametrize("name", FORMS)
def test_n14_every_field_of_every_form_is_a_key(name):
    """N14: the file knows every option of the console."""
    fields = {field for form in FORMS[name] for field in form.base_fields if not field.startswith("forget_")}
    assert fields - NOT_COLUMNS == {key.column for key in BY_NAME[name].keys}
