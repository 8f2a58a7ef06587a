"""N16: which hosts are Microsoft's for SMTP with a password, and how much time is left."""

from __future__ import annotations

from datetime import date

import pytest

from mailadmin.core import microsoft


@pytest.mark.parametrize(
    "host",
    [
        *("smtp.office365.com", "SMTP.Office365.com", " smtp.office365.com. ", "smtp-mail.outlook.com"),
        *("outlook.office365.com", "outlook.office.com", "smtp.office365.us", "smtp.partner.outlook.cn"),
    ],
)
def test_n16_hosts_where_clients_sign_in(host: str) -> None:
    """N16."""
    assert microsoft.takes_password(host)


@pytest.mark.parametrize(
    "host", ["", "smtp.example.org", "smtp.office365.com.evil.example", "notsmtp.office365.com", "localhost"]
)
def test_other_hosts_are_left_alone(host: str) -> None:
    assert not microsoft.takes_password(host)


def test_direct_send_needs_no_password() -> None:
    host = "contoso-com.mail.protection.outlook.com"
    assert not microsoft.takes_password(host)


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 11, 21), "In 40 days"),
        (date(2026, 12, 30), "by default tomorrow"),
        (date(2026, 12, 31), "by default today"),
        (date(2027, 1, 1), "has switched sign-in by password off by default"),
        (date(2027, 8, 1), "look up the date"),
    ],
)
def test_the_countdown_says_what_holds_today(today: date, words: str) -> None:
    sentence = microsoft.countdown(today)
    assert words in sentence
    assert sentence.endswith(".")
    assert microsoft.days_left(today) == (date(2026, 12, 31) - today).days
