"""What a server said is shown on one line, cut, and without secrets in any of their forms."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailadmin.core.redact import MASK, clean, mask

few = settings(max_examples=80, deadline=None)
secrets = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=4, max_size=40)
around = st.binary(max_size=12)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@few
@given(secrets, st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives_in_clear_text(secret: str, before: str, after: str) -> None:
    assert secret not in mask(before + secret + after, [secret]) or secret in MASK * 9


@few
@given(secrets, around, around)
@example("abcd", b"", b"")
@example("abcd", b"\0", b"\0")
@example("abcd", b"\0u", b"\1\1")
def test_no_secret_survives_in_base64_at_any_offset(secret: str, before: bytes, after: bytes) -> None:
    """AUTH PLAIN and XOAUTH2 put the secret into the middle of what they encode."""
    encoded = _b64(before + secret.encode() + after)
    assert mask(f"AUTH PLAIN {encoded}", [secret]) == f"AUTH PLAIN {MASK}"
    url_safe = encoded.replace("+", "-").replace("/", "_")
    assert mask(f"<{url_safe}>", [secret]) == f"<{MASK}>"


@few
@given(secrets, around, st.sampled_from(["3", "34", "334"]))
def test_base64_that_runs_on_from_other_letters_is_found(secret: str, before: bytes, stuck: str) -> None:
    assert _b64(secret.encode()).rstrip("=") not in mask(stuck + _b64(before + secret.encode()), [secret])


@pytest.mark.parametrize("secret", ["pa ss&word/1+", 'quo"te\\back', "<tag>&'", "Größe€12"])
def test_no_secret_survives_in_a_url_json_or_html(secret: str) -> None:
    for form in (quote(secret, safe=""), quote_plus(secret), quote(secret), json.dumps(secret)):
        assert MASK in mask(f"x={form};", [secret]), form
        assert form.strip('"') not in mask(f"x={form};", [secret])


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert mask("it is abcdefgh", ["abcd", "abcdefgh"]) == f"it is {MASK}"


def test_a_secret_is_not_put_together_again_by_the_cleaning() -> None:
    assert "one two" not in clean("user one\x1btwo", ["one two"])


def test_very_short_secrets_do_not_blank_the_text() -> None:
    assert mask("a temporary failure", ["a", "", "emp"]) == "a temporary failure"


def test_ordinary_text_stays_as_it_is() -> None:
    text = "535 5.7.139 Authentication unsuccessful, see https://aka.ms/smtp_auth_disabled [AM6PR0732BE0065]"
    assert clean(text, ["correct horse battery"]) == text


def test_the_result_is_one_printable_line() -> None:
    assert clean(b"220 hello\r\n\x1b[31mred\x00\xff\xe2\x80\xae") == "220 hello [31mred \N{REPLACEMENT CHARACTER}"


@few
@given(st.binary(max_size=80))
def test_whatever_a_server_says_becomes_one_printable_line(said: bytes) -> None:
    cleaned = clean(said)
    assert len(cleaned.splitlines()) <= 1
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in cleaned)


def test_a_long_text_is_cut_with_a_mark() -> None:
    assert clean("x" * 100, limit=10) == "x" * 9 + "…"


def test_a_secret_at_the_cut_does_not_show_its_beginning() -> None:
    assert "abcd" not in clean("x" * 8 + "abcdefgh", ["abcdefgh"], limit=12)
