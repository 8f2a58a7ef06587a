"""The quick policies write every header as the stock ones do, on whatever Python this is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from email.policy import SMTP, compat32
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailadmin.delivery.quick_mime import QUICK_COMPAT32, QUICK_SMTP

many = settings(max_examples=400, deadline=None)
atoms = st.text("abcXYZ019+-_", min_size=1, max_size=12)
specs = st.lists(atoms, min_size=1, max_size=3).map(".".join)
mailboxes = st.builds("{}@{}".format, specs, specs) | st.builds(
    "{} <{}@{}>".format, st.lists(atoms, min_size=1, max_size=3).map(" ".join), specs, specs
)
FIELDS = ["To", "Cc", "From", "Reply-To", "Resent-To", "Sender", "to"]
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90) | st.text(max_size=40)
NAMES = ["Subject", "X-Order", "List-Unsubscribe", "Message-ID", "Content-Type", "MIME-Version", "Comments", *FIELDS]


def written(policy: Any, name: str, value: Any) -> bytes | str:
    """The header as a message of `policy` writes it, or the kind of error it raises."""
    message = EmailMessage(policy=policy)
    try:
        message[name] = value
        return message.as_bytes()
    except Exception as error:
        return type(error).__name__


@many
@given(st.sampled_from(FIELDS), st.lists(mailboxes, min_size=1, max_size=12))
@example("To", ["a@" + "b" * 71, "c@d", "e@" + "f" * 71, "g@h"])
@example("To", ["a@" + "b" * 72, "c@d"])
@example("To", ["a@" + "b" * 80, "c@d"])
def test_lists_of_mailboxes_are_folded_alike(name: str, some: list[str]) -> None:
    value = ", ".join(some)
    assert written(QUICK_SMTP, name, value) == written(SMTP, name, value)


@many
@given(st.sampled_from(NAMES), VALUES)
@example("Subject", "=?utf-8?q?x?=")
@example("Subject", " a  b ")
@example("Subject", "")
@example("To", "a@b.org,c@d.org")
@example("Message-ID", "no angle")
def test_any_value_is_written_alike(name: str, value: str) -> None:
    assert written(QUICK_SMTP, name, value) == written(SMTP, name, value)


@many
@given(st.sampled_from(NAMES), VALUES)
@example("Subject", "x" * 69)
@example("Subject", "x" * 68)
def test_any_value_is_written_alike_by_the_older_policy(name: str, value: str) -> None:
    stock = compat32.clone(linesep="\r\n")
    try:
        expected = stock.fold_binary(name, value)
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            QUICK_COMPAT32.fold_binary(name, value)
        return
    assert QUICK_COMPAT32.fold_binary(name, value) == expected


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-3, minutes=-30))])
def test_dates_are_written_alike(zone: Any) -> None:
    now = datetime(2026, 2, 3, 4, 5, 6, tzinfo=zone)
    assert written(QUICK_SMTP, "Date", now) == written(SMTP, "Date", now)


def test_a_header_used_again_is_the_same_and_a_second_one_is_refused() -> None:
    for _ in range(2):
        assert written(QUICK_SMTP, "Content-Type", 'text/plain; charset="utf-8"') == (
            b'Content-Type: text/plain; charset="utf-8"\r\n\r\n'
        )
    message = EmailMessage(policy=QUICK_SMTP)
    message["Subject"] = "one"
    with pytest.raises(ValueError, match="at most 1"):
        message["subject"] = "two"
    with pytest.raises(ValueError, match="linefeed"):
        message["X-Any"] = "a\nb"
