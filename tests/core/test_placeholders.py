"""Reports without host names (P9 in part): names become placeholders, the same ones throughout."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core.placeholders import Placeholders

NAMES = st.from_regex(r"[a-z][a-z0-9]{2,8}(-[a-z0-9]{1,4})?", fullmatch=True)
HOSTS = st.builds("{}.{}.{}".format, NAMES, NAMES, st.sampled_from(("org", "example", "co.uk", "internal")))


def test_hosts_addresses_and_users_become_stable_placeholders() -> None:
    names = Placeholders(hosts=["relay"], users=["anna.smith", "anna"])
    text = "relay (mx.contoso.example, 192.0.2.7, 2001:db8::25) said: anna.smith is not anna; try MX.CONTOSO.EXAMPLE"
    assert names.apply(text) == "host-1 (host-2, ip-1, ip-2) said: user-1 is not user-2; try host-2"
    assert names.apply("a@contoso.example via mx.contoso.example") == "address-1 via host-2"


@pytest.mark.parametrize(
    "text",
    [
        "535 5.7.139 Authentication unsuccessful",
        "TLS 1.3, the certificate ends in 9 days (2026-11-30 10:41:22)",
        "Mail.Send, Mail.ReadWrite and User.Read.All are in the token",
        "https://graph.microsoft.com/.default and smtp.office365.com:587",
        "mailadmin.backends.EmailBackend, smtplib.SMTPException",
        "127.0.0.1, ::1 and localhost are this machine",
        "SHA-256 1a:2b:3c:4d:5e:6f:70:81:92",
        "AES256-GCM, TLS_AES_256_GCM_SHA384, X-Mailer: none",
    ],
)
def test_what_names_nobody_stays(text: str) -> None:
    assert Placeholders().apply(text) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("contoso.mail.protection.outlook.com", "contoso"),
        ("220 AM0PR04.eurprd04.prod.outlook.com ready", "eurprd04"),
        ("tenant 3C1D22AA-86f1-41af-91ab-2d7cd011db47", "86f1"),
        ("CN=*.contoso.example", "contoso"),
        ("EHLO [10.0.0.5]", "10.0.0.5"),
        ("fe80::1%eth0 answered", "fe80"),
        ("<o'neil+news@contoso.example>", "neil"),
        ("https://contoso.sharepoint.com/x", "contoso"),
        ("MX1.CONTOSO.EXAMPLE", "CONTOSO"),
    ],
)
def test_what_names_somebody_does_not(text: str, hidden: str) -> None:
    assert hidden not in Placeholders().apply(text)


@given(HOSTS, st.lists(st.sampled_from(("Greeting from {}.", "[{}]:25", "{}", "at {}, twice {}", "<{}>")), min_size=1))
def test_no_known_host_is_left_and_one_host_has_one_placeholder(host: str, texts: list[str]) -> None:
    names = Placeholders(hosts=[host])
    told = [names.apply(text.format(host, host.upper())) for text in texts]
    assert not any(host in text.casefold() for text in told)
    assert all("host-1" in text and "host-2" not in text for text in told)


@given(st.text(), st.lists(NAMES), st.lists(HOSTS))
def test_a_text_that_went_through_once_stays_as_it_is(text: str, users: list[str], hosts: list[str]) -> None:
    reserved = {"host", "user", "ip", "address", "id"}
    users = [user for user in users if user.split("-")[0] not in reserved]
    once = Placeholders(hosts, users).apply(text)
    assert Placeholders(hosts, users).apply(once) == once
