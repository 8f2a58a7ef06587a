"""N12: one-time codes in subjects are hidden; what only looks like one is left."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailadmin.core.one_time import hide_codes
from mailadmin.core.redact import MASK


@pytest.mark.parametrize(
    ("subject", "hidden"),
    [
        ("Your code is 123456", f"Your code is {MASK}"),
        ("123456 is your Contoso verification code", f"{MASK} is your Contoso verification code"),
        ("G-482913 is for you", f"{MASK} is for you"),
        ("Ihr Bestätigungscode: 48 29 13", f"Ihr Bestätigungscode: {MASK}"),
        ("Ihr Einmalkennwort lautet 7391", f"Ihr Einmalkennwort lautet {MASK}"),
        ("Votre code de vérification : 482 913", f"Votre code de vérification : {MASK}"),
        ("Su código es 482913", f"Su código es {MASK}"),
        ("Il tuo codice: 839201", f"Il tuo codice: {MASK}"),
        ("Код подтверждения 1234", f"Код подтверждения {MASK}"),
        ("您的验证码是 839201", f"您的验证码是 {MASK}"),
        ("認証コード：839201", f"認証コード：{MASK}"),
        ("인증번호 [482913]", f"인증번호 [{MASK}]"),
        ("Your login code A1B2C3", f"Your login code {MASK}"),
        ("Your one-time password is 12-34-56", f"Your one-time password is {MASK}"),
        ("Your code: 1 2 3 4 5 6", f"Your code: {MASK}"),
        ("Use this to sign in: 123456", f"Use this to sign in: {MASK}"),
        ("Your PIN 2024", f"Your PIN {MASK}"),
        ("2024 is your PIN", f"{MASK} is your PIN"),
        ("Order 123456: your pickup code is 4711", f"Order 123456: your pickup code is {MASK}"),
        ("Your code 123456 expires in 10 minutes of 2026", f"Your code {MASK} expires in 10 minutes of 2026"),
        ("Codes 1111 and 2222", f"Codes {MASK} and {MASK}"),
        ("Sign in: https://example.org/in?token=abc", f"Sign in: https://example.org/{MASK}"),
    ],
)
def test_n12_codes_are_hidden_in_many_languages(subject: str, hidden: str) -> None:
    assert hide_codes(subject) == hidden


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "Weekly report",
        "Order 123456 shipped",
        "Invoice 2024-0012",
        "Confirmation of your order 20261121",
        "Your security report 2026",
        "New sign-in features in 2026",
        "Error code 550 in job 12345",
        "Postal code 10115 confirmed",
        "Code review of change 12345",
        "Sign-in at 12:30 on 21.11.2026",
        "Your access log of 2026-11-21",
        "Pay 1200 EUR with your access card",
        "Sign-in from 192.168.10.15",
        "https://example.org is up",
    ],
)
def test_n12_orders_years_days_and_amounts_are_left(subject: str) -> None:
    assert hide_codes(subject) == subject


DIGITS = st.from_regex(r"[0-9]{4,8}", fullmatch=True)
LEADS = st.sampled_from(("Your code is ", "PIN: ", "Ihr TAN ", "OTP ", "Passwort: ", "codice ", "пароль ", "code="))


@given(LEADS, DIGITS)
@example("PIN: ", "1999")
def test_n12_no_digits_beside_a_word_for_a_code_survive(lead: str, digits: str) -> None:
    if not (len(digits) == 8 and digits[:2] in ("19", "20")):  # may be a day
        assert hide_codes(lead + digits) == lead + MASK


@given(st.text(max_size=80))
@example("İ code 1234")
@example("ß" * 40 + " code 1234")
def test_n12_any_subject_can_be_looked_at_and_a_second_look_changes_nothing(subject: str) -> None:
    once = hide_codes(subject)
    assert hide_codes(once) == once
    if not any(map(str.isdigit, subject)) and "://" not in subject:
        assert once == subject
