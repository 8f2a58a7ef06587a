"""S16: whatever is typed, it is taken as meant or refused with a sentence of its own."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import validation
from mailadmin.core.secret import Secret
from tests.fakes.certificates import authority, expired

few = settings(max_examples=60, deadline=None)
GUID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
ENDED = authority().issue("old.example.org", starts=timedelta(days=-20), ends=timedelta(days=-10)).certificate

TAKEN = [
    ("host", " smtp.example.org ", "smtp.example.org"),
    ("host", "smtp.example.org.", "smtp.example.org."),
    ("host", "localhost", "localhost"),
    ("host", "mail_relay", "mail_relay"),
    ("host", "192.0.2.10", "192.0.2.10"),
    ("host", "2001:db8::25", "2001:db8::25"),
    ("host", "[2001:db8::25]", "2001:db8::25"),
    ("host", "bücher.example", "bücher.example"),
    ("host_and_port", "localhost:8443", "localhost:8443"),
    ("host_and_port", "[::1]:8443", "[::1]:8443"),
    ("host_and_port", "::1", "::1"),
    ("host_and_port", "login.example.org", "login.example.org"),
    ("host_list", "", ()),
    ("host_list", " a.example.org,b.example.org\n10.0.0.5 ; c ", ("a.example.org", "b.example.org", "10.0.0.5", "c")),
    ("port", 1, 1),
    ("port", 65535, 65535),
    ("address", " Ada@Example.org ", "Ada@Example.org"),
    ("address", "ada@bücher.example", "ada@bücher.example"),
    ("address_list", "", ()),
    ("address_list", "a@b.org, Eve <e@f.org>;\n c@d.org,\n", ("a@b.org", "Eve <e@f.org>", "c@d.org")),
    (
        "sender_list",
        "Ada@Example.org, @example.net\nBÜCHER.example",
        ("ada@example.org", "example.net", "xn--bcher-kva.example"),
    ),
    ("sender_list", " ", ()),
    ("tenant", f" {GUID} ", GUID),
    ("tenant", "contoso.onmicrosoft.com", "contoso.onmicrosoft.com"),
    ("client_id", GUID.upper(), GUID.upper()),
    ("client_secret", "x8Q~value", "x8Q~value"),
    ("scopes", "", ()),
    ("scopes", " https://graph.microsoft.com/.default ", ("https://graph.microsoft.com/.default",)),
    ("scopes", f"api://{GUID}/.default", (f"api://{GUID}/.default",)),
    ("one_line", " Shop ", "Shop"),
    ("certificates", f"\n{authority().pem}\n", authority().pem.strip()),
    ("certificates", ENDED + authority().pem, (ENDED + authority().pem).strip()),
]

REFUSED = [
    ("host", "  ", "Type the name or IP address of the server."),
    ("host", "smtp://mail.example.org/x", "starts with a scheme; type the host alone, such as mail.example.org."),
    ("host", "https://", "starts with a scheme; type the host alone, such as smtp.example.org."),
    ("host", "mail\nexample.org", "“mail‹U+000A›example.org” holds a space"),
    ("host", "mail example.org", "holds a space; a host name has none."),
    ("host", "mail.example.org/path", "is more than a host; type the name alone"),
    ("host", "ada@example.org", "is more than a host"),
    ("host", "mail.example.org:25", "holds a port; type it into the field Port."),
    ("host", "mail..example.org", "is not a host name or IP address"),
    ("host", "-mail.example.org", "is not a host name or IP address"),
    ("host", "mail.example.org..", "is not a host name or IP address"),
    ("host", "192.0.2.300", "is not a host name or IP address"),
    ("host", "192.0.2", "is not a host name or IP address"),
    ("host", "a" * 64 + ".example.org", "is not a host name or IP address"),
    ("host", "a." * 127 + "org", "is not a host name or IP address"),
    ("host", "mail\x00.example.org", "is not a host name or IP address"),
    ("host", "[", "is not a host name or IP address"),
    ("host_and_port", "localhost:0", "0 is not a port"),
    ("host_and_port", "localhost:99999", "99999 is not a port; ports go from 1 to 65535."),
    ("host_and_port", "http://localhost:80", "starts with a scheme"),
    ("host_list", "good.example.org bad/one", "“bad/one” is more than a host"),
    ("port", 0, "0 is not a port; ports go from 1 to 65535. Leave it empty for the usual one."),
    ("port", 65536, "65536 is not a port"),
    ("port", -25, "-25 is not a port"),
    ("address", "Ada <ada@example.org>", "Type the address alone (ada@example.org); the name has a field of its own."),
    ("address", "nobody", "is not an e-mail address"),
    ("address", "a@b.org, c@d.org", "holds 2 addresses; one is wanted."),
    ("address_list", "a@b.org; nobody", "“nobody” is not an e-mail address"),
    ("address_list", "a@b.org,, c@d.org", "has an empty entry beside a comma"),
    ("sender_list", "a@b.org two@@example.org", "is not an e-mail address"),
    ("sender_list", "-.org", "is not a domain name"),
    ("tenant", "contoso", "is neither a tenant ID"),
    ("tenant", "", "is neither a tenant ID"),
    ("tenant", "Organizations", "names no tenant; a service account needs the tenant's own ID or domain."),
    ("client_id", "my-app", "“my-app” is not an application (client) ID; copy the GUID"),
    ("client_id", "", "is not an application (client) ID"),
    ("client_secret", GUID, "This looks like the secret's ID. Paste the secret's Value"),
    ("scopes", "Mail.Send", "“Mail.Send” does not end in “/.default”"),
    ("scopes", "https://graph.microsoft.com/Mail.Send", "does not end in"),
    ("scopes", "http://graph.microsoft.com/.default", "does not end in"),
    (
        "scopes",
        "https://graph.microsoft.com/.default https://outlook.office365.com/.default",
        "A service account can ask for one scope only",
    ),
    ("one_line", "Shop\r\nBcc: eve@example.org", "may not hold line breaks or control characters."),
    ("one_line", "a\x00b", "may not hold line breaks"),
    *(("one_line", f"Re{mark}lay", "may not hold line breaks") for mark in "\x85\x9b\u2028\u2029"),
    ("certificates", "hello", "This is not a readable PEM certificate"),
    ("certificates", "", "This is not a readable PEM certificate"),
    ("certificates", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "not a readable PEM"),
    ("certificates", "-----BEGIN PRIVATE KEY-----", "This holds a private key; paste only the certificate"),
    ("certificates", ENDED, "The certificate ended on "),
]  # fmt: skip


@pytest.mark.parametrize(("check", "typed", "meant"), TAKEN)
def test_what_is_meant_is_taken(check: str, typed: object, meant: object) -> None:
    assert getattr(validation, check)(typed) == meant


@pytest.mark.parametrize(("check", "typed", "sentence"), REFUSED)
def test_bad_input_has_a_sentence_of_its_own(check: str, typed: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as refused:
        getattr(validation, check)(typed)
    assert str(refused.value).endswith((".", ")."))


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("[::1]", True),
        ("localhost.example.org", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_only_loopback_is_this_machine(host: str, local: bool) -> None:
    assert validation.this_machine(host) is local


@given(st.uuids())
@few
def test_any_guid_is_a_client_id_and_never_a_client_secret(value: uuid.UUID) -> None:
    assert validation.client_id(str(value)) == str(value)
    with pytest.raises(ValueError, match="secret's ID"):
        validation.client_secret(str(value))


@pytest.mark.parametrize("text", [GUID.replace("-", ""), "{" + GUID + "}", f"urn:uuid:{GUID}"])
def test_other_spellings_of_a_guid_are_not_what_entra_shows(text: str) -> None:
    assert not validation.guid(text)


TEXT_CHECKS = [
    "host",
    "host_and_port",
    "host_list",
    "address",
    "address_list",
    "sender_list",
    "certificates",
    "tenant",
    "client_id",
    "scopes",
    "one_line",
]


@pytest.mark.parametrize("check", TEXT_CHECKS)
@given(text=st.text(max_size=40) | st.text(alphabet='ab1.:-_[]@/ ,;\n\x00<>"é', max_size=20))
@few
def test_any_text_is_taken_or_refused_with_a_sentence(check: str, text: str) -> None:
    try:
        getattr(validation, check)(text)
    except ValueError as error:
        assert not isinstance(error, UnicodeError)
        assert str(error).strip()
        assert "\n" not in str(error)


@pytest.mark.parametrize("check", ["host", "host_and_port", "address", "tenant", "one_line"])
@given(text=st.text(alphabet="ab1.:-_[]@é ", max_size=20))
@few
def test_what_was_taken_once_is_taken_again_as_the_same(check: str, text: str) -> None:
    function = getattr(validation, check)
    try:
        first = function(text)
    except ValueError:
        return
    assert function(first) == first


@given(st.text(max_size=30))
@few
def test_no_header_can_be_smuggled_in_by_a_line(text: str) -> None:
    try:
        taken = validation.one_line(text)
    except ValueError:
        return
    assert not re.search(r"[\r\n\x00]", taken)
    assert len(taken.splitlines()) <= 1


class TestClientCertificates:
    """P12: what is typed for a client certificate is told apart from what is not."""

    OURS = authority().issue("relay-client")

    def test_p12_a_certificate_and_its_own_key_are_taken(self) -> None:
        chain = f"\n{self.OURS.certificate}{authority().pem}\n"
        assert validation.client_certificate(chain) == chain.strip()
        validation.client_key(chain, Secret(self.OURS.key))

    @pytest.mark.parametrize(
        ("pem", "sentence"),
        [
            ("", "not a readable PEM certificate"),
            (expired().certificate, "paste the new one"),
            (expired().certificate + authority().pem, "The first certificate, which must be your own, ended on"),
            (OURS.certificate + OURS.key, "paste it into its own field"),
        ],
    )
    def test_p12_another_text_is_refused_with_its_own_sentence(self, pem: str, sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            validation.client_certificate(pem)

    def test_p12_a_key_of_another_certificate_or_with_a_passphrase_is_refused(self) -> None:
        locked = serialization.load_pem_private_key(self.OURS.key.encode(), None).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"passphrase"),
        )
        refused = {
            authority().issue("other").key: "does not belong to the client certificate",
            locked.decode(): "has a passphrase",
            "nonsense": "not a readable PEM private key",
        }
        for key, sentence in refused.items():
            with pytest.raises(ValueError, match=sentence) as error:
                validation.client_key(self.OURS.certificate, Secret(key))
            assert key not in str(error.value)


def test_s11_a_proxy_user_is_one_that_http_and_socks5_can_carry() -> None:
    assert validation.proxy_user(" squid ") == "squid"
    for text, sentence in {"a:b": "colon", "a\nb": "line breaks", "ü" * 128: "at most 255 bytes"}.items():
        with pytest.raises(ValueError, match=sentence):
            validation.proxy_user(text)


@pytest.mark.parametrize(("text", "address"), [("192.0.2.1", True), ("[::1]", True), ("a.example", False), ("", False)])
def test_an_address_is_told_from_a_name(text: str, address: bool) -> None:
    assert validation.is_ip(text) is address
