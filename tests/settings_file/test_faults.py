"""N14: everything that is wrong with a file, at once, each with where it stands and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.settings_file.document import parse, read
from mailadmin.settings_file.faults import Unreadable
from mailadmin.settings_file.tables import TABLES
from tests.fakes.app_certificates import app_certificate

CLIENT_ID = "3c1d22aa-86f1-41af-91ab-2d7cd011db47"
SECRET = "canary-literal-9917"
SMTP = '[[smtp_connection]]\nname = "Relay"\nhost = "smtp.example.org"\n'
APP = f'[[integrated_service]]\nname = "App"\ntenant = "a.example"\nclient_id = "{CLIENT_ID}"\n'
OAUTH = '[[oauth_service]]\nname = "365"\nintegrated_service = "App"\nservice_identity = "robot@a.example"\n'
HOOK = '[[alert_channel]]\nname = "Hook"\nkind = "webhook"\nurl = "env:MAILADMIN_SECRET_HOOK"\n'
CLIENT = '[[api_client]]\nname = "Shop"\n'


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "key", "sentence"),
    [
        # keys and tables
        ('[[smtp_conection]]\nname = "A"', "", "Did you mean “smtp_connection”?"),
        (SMTP + "prot = 25", "prot", "There is no key “prot”. Did you mean “port”?"),
        ('[smtp_connection]\nname = "A"', "", "written as [[smtp_connection]]"),
        ("[[settings]]\nretention_days = 3", "", "written as [settings]"),
        ('[[smtp_connection]]\nhost = "a.example"', "", "needs the key “name”"),
        (SMTP + SMTP.replace("Relay", "RELAY"), "name", "“Relay” stands here twice (line 1)"),
        ("name = 5", "name", "must be a text of at most 200"),
        # types
        (SMTP + 'port = "25"', "port", "whole number, without quotation marks"),
        (SMTP + "port = true", "port", "whole number"),
        (SMTP + "enabled = 1", "enabled", "true or false"),
        (SMTP + "idle_seconds = inf", "idle_seconds", "must be a number"),
        (SMTP + "label = 5", "label", "must be a text"),
        (SMTP + 'trusted_hosts = "a.example"', "trusted_hosts", "list of texts"),
        (APP + 'credential_ends_on = "2099-01-01"', "credential_ends_on", "must be a date"),
        (CLIENT + 'scopes = ["send"]\nexpires_at = 2099-01-01T00:00:00', "expires_at", "with its time zone"),
        (SMTP + 'label = "a\\u0000b"', "label", "control characters"),
        # values
        (SMTP + 'security = "starttsl"', "security", "Did you mean “starttls”?"),
        (SMTP + "rate_seconds = 61", "rate_seconds", "not one of the choices"),
        (SMTP + "port = 70000", "port", "ports go from 1 to 65535"),
        (SMTP + "parallel = 0", "parallel", "At least 1 session"),
        (SMTP.replace("smtp.", "smtp. "), "host", "holds a space"),
        (SMTP + 'label = "a\\nb"', "label", "line breaks"),
        (SMTP + 'from_address = "nobody"', "from_address", "is not an e-mail address"),
        (SMTP + 'default_recipients = ["a@b.example", "nobody"]', "default_recipients", "nobody"),
        (SMTP + 'ca_pem = "nowhere.pem"', "ca_pem", "cannot be read"),
        (SMTP + 'ca_pem = "-----BEGIN CERTIFICATE-----"', "ca_pem", "not a readable PEM certificate"),
        ("[settings]\nretention_days = 0", "retention_days", "greater than or equal to 1"),
        ('[sending]\nstate = "redirected"', "redirect_to", "Type the address that all mail is to go to."),
        ('[[sender_domain]]\ndomain = "nodot"', "domain", "is not a domain"),
        (HOOK + 'events = ["failling"]\nsigning = "env:MAILADMIN_SECRET_SIGNING"', "events", "Did you mean “failing”?"),
        (HOOK + 'events = []\nsigning = "env:MAILADMIN_SECRET_SIGNING"', "events", "Name at least one"),
        (CLIENT, "scopes", "cannot be blank"),
        # what several keys decide
        (SMTP + 'user_name = "ada"', "auth", "You typed a user name"),
        (SMTP + 'auth = "password"', "user_name", "A password needs a user name"),
        (SMTP + 'auth = "password"\nuser_name = "ada"', "password", "Type the password"),
        (SMTP + 'password = "env:MAILADMIN_SECRET_RELAY"', "auth", "You typed a password"),
        (SMTP + 'proxy_host = "p.example"', "proxy_kind", "You typed a proxy host"),
        (SMTP + 'proxy_password = "env:MAILADMIN_SECRET_RELAY"', "proxy_kind", "You typed a proxy password"),
        (SMTP + 'proxy_kind = "http"', "proxy_host", "Type the name or IP address of the proxy"),
        (SMTP + 'sender_policy = "force"', "from_address", "type the From address"),
        (SMTP + 'client_key = "env:MAILADMIN_SECRET_RELAY"', "client_certificate", "paste the certificate"),
        (APP + 'secret = "env:MAILADMIN_SECRET_RELAY"', "secret", "Type the date on which the secret ends"),
        (APP + 'certificate = """{pem}"""', "certificate", "This belongs to “Certificate”"),
        (APP + 'credential_kind = "certificate"', "certificate", "paste the certificate here"),
        (APP + 'credential_kind = "federated"\nsecret = "env:MAILADMIN_SECRET_RELAY"', "secret", "absolute path"),
        (APP + 'credential_kind = "managed-identity"', "credential_kind", "does not allow its managed identity"),
        (APP + 'credential_kind = "federated"\ncredential_ends_on = 2099-01-01', "credential_ends_on", "means nothing"),
        (APP + 'second_secret = "env:MAILADMIN_SECRET_RELAY"', "second_secret", "means nothing here"),
        (APP + 'cloud = "custom"\ngraph_host = "localhost"', "authority_host", "A custom cloud needs its sign-in host"),
        (APP + OAUTH.replace('"App"', '"Apq"'), "integrated_service", "Did you mean “App”?"),
        (OAUTH.replace('integrated_service = "App"\n', ""), "integrated_service", "This is needed"),
        (APP + 'account_kind = "user"\n' + OAUTH, "integrated_service", "signs in as a user"),
        (HOOK, "signing", "Type a secret that the receiver knows"),
        (HOOK.replace("webhook", "email"), "recipients", "Type at least one address"),
        (HOOK.replace("webhook", "email") + 'recipients = ["a@b.example"]', "url", "has no webhook"),
        (HOOK.replace("webhook", "slack") + 'recipients = ["a@b.example"]', "recipients", "Only a channel of e-mail"),
        (CLIENT + 'scopes = ["send"]\nexpires_at = 2001-01-01T00:00:00Z', "expires_at", "This time is over"),
        (CLIENT + 'scopes = ["send"]\nroutes = ["smtp:Nope"]', "routes", "There is no route “smtp:Nope”"),
        # secrets
        (
            SMTP + f'auth = "password"\nuser_name = "a"\npassword = "{SECRET}"',
            "password",
            "never written into the file",
        ),
        (SMTP + 'auth = "password"\nuser_name = "a"\npassword = "env:SECRET_KEY"', "password", "is not allowed here"),
        (SMTP + "password = 5", "password", "never written into the file"),
        (HOOK.replace("SECRET_HOOK", "SECRET_UNSET"), "url", "is not set on this server"),
    ],
)
def test_n14_each_mistake_has_its_sentence_and_its_line(plan, text, key, sentence):
    text = text.replace("{pem}", app_certificate().pem)
    faults = plan(text).faults
    assert [fault.key for fault in faults] == [key], [str(fault) for fault in faults]
    assert sentence in faults[0].said
    lines = text.split("\n")
    line = lines[faults[0].line - 1]
    assert line.startswith((key, "[", faults[0].table)) or "name" in line
    assert SECRET not in str(faults[0])


@pytest.mark.django_db
def test_n14_all_faults_come_at_once_in_the_order_of_the_file(plan):
    text = SMTP + 'port = 0\nsecurity = "x"\nwrong = 1\n' + OAUTH + "[settings]\nretention_days = 0\n"
    found = plan(text).faults
    assert [(fault.line, fault.key) for fault in found] == [
        (4, "port"),
        (5, "security"),
        (6, "wrong"),
        (9, "integrated_service"),
        (12, "retention_days"),
    ]
    assert str(found[0]).startswith("line 4: smtp_connection “Relay”, port: 0 is not a port")


@pytest.mark.django_db
def test_one_channel_too_many_is_refused(plan):
    text = "".join(
        f'[[alert_channel]]\nname = "{n}"\nkind = "email"\nrecipients = ["a@example.org"]\n' for n in range(21)
    )
    (fault,) = plan(text).faults
    assert "channels can be set up" in fault.text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[settings", "not written as TOML"),
        (b"\xff\xfe", "it is not text in UTF-8"),
        (b"a = " + b"[" * 3000 + b"]" * 3000, "is not written as TOML"),
        (b"#" * (10 * 1024 * 1024 + 1), "too large"),
    ],
)
def test_a_file_that_cannot_be_read_has_its_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "mail.toml").write_bytes(content)
    with pytest.raises(Unreadable, match=sentence):
        read(tmp_path / "mail.toml")
    with pytest.raises(Unreadable, match="No such file"):
        read(tmp_path / "nowhere.toml")


@given(
    st.sampled_from(TABLES),
    st.dictionaries(
        st.sampled_from(sorted({name for table in TABLES for name in table.known})),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text()
        | st.lists(st.text(), max_size=2)
        | st.dates()
        | st.datetimes(),
    ),
)
def test_n14_whatever_stands_behind_a_key_is_read_or_told(tmp_path_factory, table, values):
    """N14: a property: no value raises anything but a fault."""
    from mailadmin.settings_file.document import Document, _entries

    given_values = {name: value for name, value in values.items() if value is not None}
    document = Document("x.toml")
    list(_entries(document, table, [given_values] if table.title else given_values, Path()))
    assert all(str(fault) for fault in document.faults)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        parse(text, "x.toml", Path())
    except Unreadable as error:
        assert str(error)
