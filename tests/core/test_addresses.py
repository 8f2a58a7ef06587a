"""The one address parser: what it takes, what it refuses, and that it reads what it writes."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import SMTPUTF8

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.addresses import (
    Address,
    AddressError,
    ascii_domain,
    fold_address_header,
    format_address,
    parse,
    parse_list,
)

few = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(
    ("text", "name", "spec"),
    [
        ("a@b.org", "", "a@b.org"),
        ("  a@b.org  ", "", "a@b.org"),
        ("<a@b.org>", "", "a@b.org"),
        ("Ada <a@b.org>", "Ada", "a@b.org"),
        ("Ada Lovelace<a@b.org>", "Ada Lovelace", "a@b.org"),
        ("J. Doe <a@b.org>", "J. Doe", "a@b.org"),
        ("J. Doe (home) <a@b.org>", "J. Doe", "a@b.org"),
        ('"Doe, John" <j@x.org>', "Doe, John", "j@x.org"),
        ('"a@b.org" <c@d.org>', "a@b.org", "c@d.org"),
        ("=?utf-8?q?J=C3=BCrgen?= <a@b.org>", "Jürgen", "a@b.org"),
        ("Jürgen <a@b.org>", "Jürgen", "a@b.org"),
        ("a@b.org (home)", "", "a@b.org"),
        ("a@bücher.example", "", "a@xn--bcher-kva.example"),
        ("a@BÜCHER.example", "", "a@xn--bcher-kva.example"),
        ("jürgen@x.org", "", "jürgen@x.org"),
        ("J <jürgen@x.org>", "J", "jürgen@x.org"),
        ('"jürgen"@x.org', "", "jürgen@x.org"),
        ('"a b"@c.org', "", '"a b"@c.org'),
        ('"a.b"@c.org', "", "a.b@c.org"),
        ('".a"@c.org', "", '".a"@c.org'),
        ('"a\\"b"@c.org', "", '"a\\"b"@c.org'),
        ("a@[192.0.2.1]", "", "a@[192.0.2.1]"),
        ("a@[IPv6:2001:db8::1]", "", "a@[IPv6:2001:db8::1]"),
        ("a@b_c.org", "", "a@b_c.org"),
        ("o'hara+news=x@b.org", "", "o'hara+news=x@b.org"),
        ("root@localhost", "", "root@localhost"),
    ],
)
def test_an_address_is_read(text: str, name: str, spec: str) -> None:
    found = parse(text)
    assert (found.name, found.spec) == (name, spec)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "@b.org",
        "a@",
        "a@b@c.org",
        "a@b..org",
        "a@-b.org",
        "a@b-.org",
        "a@b.org.",
        ".a@b.org",
        "a.@b.org",
        "a..b@c.org",
        '""@b.org',
        "a @ b.org",
        "a@b .org",
        "a b@c.org",
        "Ada a@b.org",
        "a@b.org c@d.org",
        "Ada <a@b.org> more",
        "<a@b.org",
        "a@b.org>",
        "a@b.org <c@d.org>",
        "<@relay.org:a@b.org>",
        "undisclosed-recipients:;",
        "a@[not an address]",
        "a@[127.0.0.1\\]]",
        "a@[127.0.0.1",
        "a@" + "b" * 64 + ".org",
        "a@" + "b." * 130 + "org",
        "x" * 250 + "@b.org",
        "a@b(c).org",
        "a@b.org,,c@d.org",
        "http://a@b.org",
        "mailto:a@b.org",
        # traps: text that another parser could read as a different mailbox
        "=?utf-8?q?a=40evil.org=3E?=@good.example",
        '"=?utf-8?q?x=40evil=2Eorg=3E_?="@good.example',
        "a@b.org\r\nBcc: c@d.org",
        "a@b.org\n",
        "a@b\x00.org",
        "a@b.org\x85x",
        "a@b.org\u2028",
        "\u202ea@b.org",
        "a@b\u202e.org",
        "a\u200b@b.org",
        "a@ex\u00adample.org",
        "a\u00a0b@c.org",
        "a\ud800@b.org",
        "=?utf-8?q?a=0d=0aBcc:_c=40d.org?= <a@b.org>",
        "=?utf-8?q?a=0aBcc:_c=40d.org?= <a@b.org>",
    ],
)
def test_a_doubtful_address_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(AddressError) as refused:
        parse(text)
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert sentence.isprintable()


def test_a_quoted_at_sign_does_not_change_the_domain() -> None:
    """nodemailer sent `"a@evil x"@good` to evil; here the domain is what follows the last, unquoted, @."""
    found = parse('"a@evil x"@good.example')
    assert (found.local, found.domain) == ("a@evil x", "good.example")
    assert found.spec == '"a@evil x"@good.example'


def test_several_addresses_in_one_text_are_read_in_their_order() -> None:
    """S24: separate strings, or comma-separated in one."""
    found = parse_list(['a@b.org, "Doe, John" <j@x.org>', "c@d.org,e@f.org", "Team: g@h.org, J. Doe <i@j.org>;"])
    assert [address.spec for address in found] == [*("a@b.org", "j@x.org", "c@d.org", "e@f.org", "g@h.org", "i@j.org")]


def test_a_comma_at_the_end_is_forgiven() -> None:
    assert [address.spec for address in parse_list(["a@b.org, c@d.org,"])] == ["a@b.org", "c@d.org"]


@pytest.mark.parametrize("empty", ["", "   ", None])
def test_s16_an_empty_entry_is_named_by_its_place(empty: str) -> None:
    with pytest.raises(AddressError, match="Entry 2 is empty"):
        parse_list(["a@b.org", empty])


def test_one_address_is_wanted_where_one_is_wanted() -> None:
    with pytest.raises(AddressError, match="2 addresses"):
        parse("a@b.org, c@d.org")


def test_a_thousand_bare_addresses_in_one_text_are_read() -> None:
    text = ", ".join(f"person{number}@example.org" for number in range(1000))
    assert len(parse_list([text])) == 1000


@pytest.mark.parametrize("sign", ['"', "(", "<", "[", "\\", "=?utf-8?q?", "a@b.org <", "(a)"])
def test_a_text_made_to_be_slow_is_refused(sign: str) -> None:
    with pytest.raises(AddressError):
        parse('"' + sign * limits.ADDRESS_ENTRY_CHARS)


def test_two_spellings_of_one_address_have_the_same_key() -> None:
    assert parse("A@BÜCHER.example").key == parse("a@bücher.EXAMPLE").key


def test_only_a_local_part_beyond_ascii_needs_smtputf8() -> None:
    assert parse("jürgen@x.org").needs_utf8
    assert not parse("Jürgen <a@bücher.example>").needs_utf8


@pytest.mark.parametrize("domain", ["", "a b", "-a.org", "[x]", "[1.2.3.4.5]", "x" * 300, "a..b", "[::1"])
def test_a_bad_domain_is_refused(domain: str) -> None:
    with pytest.raises(AddressError):
        ascii_domain(domain)


# -- what is written is read back as the same -----------------------------------------------------------

printable = st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp"))
names = st.text(printable, max_size=80).map(str.strip)
locals_ = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=40
).filter(lambda text: "=?" not in text)
domains = st.sampled_from(["b.org", "mail.bücher.example", "[192.0.2.1]", "localhost"])


def _quoted(local: str) -> str:
    return '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'


@few
@given(locals_, domains)
def test_any_local_part_survives_in_quotes(local: str, domain: str) -> None:
    try:
        found = parse(f"{_quoted(local)}@{domain}")
    except AddressError:
        return  # refusing is safe; reading something else is not
    assert (found.local, found.domain) == (local, domain)
    assert parse(found.spec).spec == found.spec


@few
@given(names, st.sampled_from(["a@b.org", '"a b"@c.org', "jürgen@x.org"]))
def test_a_formatted_address_is_read_back_as_the_same(name: str, spec: str) -> None:
    try:
        found = parse(format_address(name, spec))
    except AddressError:
        return
    assert found.spec == spec
    assert found.name.split() == name.split()
    assert parse(found.full) == found


@few
@given(
    st.lists(st.tuples(names, st.sampled_from(["a@b.org", '"a b"@c.org', "x" * 64 + "@d.org"])), min_size=1, max_size=5)
)
def test_a_folded_header_names_the_same_mailboxes(addresses: list[tuple[str, str]]) -> None:
    folded = fold_address_header("To", addresses)
    assert folded.isascii()
    assert all(len(line) < 998 for line in folded.split(b"\r\n"))
    read = message_from_bytes(folded + b"\r\nbody", policy=SMTPUTF8)["To"].addresses
    assert [address.addr_spec for address in read] == [spec for _, spec in addresses]


def test_a_long_quoted_local_part_keeps_its_quotes_when_folded() -> None:
    spec = '"' + "a b " * 20 + '"@x.org'
    assert spec.encode() in fold_address_header("To", [("x", spec)])


def test_a_local_part_beyond_ascii_stays_itself_in_a_header() -> None:
    """Encoded (RFC 2047) it would be another mailbox."""
    assert "jürgen@x.org".encode() in fold_address_header("To", [("Jürgen", "jürgen@x.org")])


@pytest.mark.parametrize("pair", [("a\r\nBcc: c@d.org", "a@b.org"), ("", "a@b.org\n"), ("a\x00", "a@b.org")])
def test_a_header_with_a_control_character_is_not_written(pair: tuple[str, str]) -> None:
    with pytest.raises(AddressError):
        fold_address_header("To", [pair])


@few
@given(st.text(max_size=60))
def test_whatever_is_typed_gives_addresses_or_a_sentence(text: str) -> None:
    try:
        found = parse_list([text])
    except AddressError:
        return
    assert found
    for address in found:
        assert address.spec.isprintable()
        assert parse(address.spec).spec == address.spec


@few
@given(st.text(alphabet='ab@.,<>"()\\ :;[]=?\t', max_size=40))
def test_whatever_is_made_of_special_signs_gives_addresses_or_a_sentence(text: str) -> None:
    try:
        found = parse_list([text])
    except AddressError:
        return
    for address in found:
        assert parse(address.full).spec == address.spec


def test_a_name_without_a_domain_is_let_through_only_where_a_server_completes_it() -> None:
    assert parse("root", local_names=True) == Address("", "root", "")
    assert parse("root", local_names=True).spec == "root"
    for text in ("@", "to@", "@example.com", "a b", "a\nb", "ä"):
        with pytest.raises(AddressError):
            parse(text, local_names=True)
    with pytest.raises(AddressError):
        parse("root")


@pytest.mark.parametrize("text", ["a@b.org,,c@d.org", ",a@b.org", "a@b.org, ,c@d.org", ",", "a@b.org,,"])
def test_s16_an_empty_entry_between_commas_is_named(text: str) -> None:
    with pytest.raises(AddressError, match="empty entry beside a comma"):
        parse_list([text])


@pytest.mark.parametrize("spelled", ["{name} <a@b.example>", '"{name}" <a@b.example>'])
def test_a_name_that_no_program_shows_is_refused_before_python_folds_it_for_seconds(spelled: str) -> None:
    parse(spelled.format(name="ü" * limits.DISPLAY_NAME_CHARS))
    with pytest.raises(AddressError, match="a name of more than 320 characters"):
        parse(spelled.format(name="ü " * limits.DISPLAY_NAME_CHARS))
