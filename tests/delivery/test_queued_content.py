"""The content of a queued message at rest: what goes in comes out, sealed meanwhile, and only for its own message."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.keyring import new_key
from mailadmin.delivery.convert import Draft, convert
from mailadmin.delivery.outbox import content
from mailadmin.models import Delivery, MessageContent, MessagePart
from tests.delivery.conftest import a_message

pytestmark = pytest.mark.django_db


def _stored(draft: Draft) -> uuid.UUID:
    row = Delivery.objects.create(created_at=timezone.now())
    with transaction.atomic(), connection.cursor() as cursor:
        content.store(row.pk, draft, cursor)
    return row.pk


def _same(one: Draft, other: Draft) -> bool:
    def told(draft: Draft) -> dict[str, Any]:
        return {name: value for name, value in vars(draft).items() if name != "content"}

    return told(one) == told(other) and bytes(one.content) == bytes(other.content)


def _with_attachment(size: int) -> Draft:
    message = a_message(cc=["Bea <bea@example.org>"], bcc=["cid@example.org"], reply_to=["shop@contoso.org"])
    message.attach("data.bin", bytes(range(256)) * (size // 256) + b"x" * (size % 256), "application/octet-stream")
    message.mailadmin_label = "orders"  # type: ignore[attr-defined]  # the documented place for the label
    return convert(message)


@pytest.mark.parametrize("size", [0, 1, 5_000, limits.CONTENT_INLINE_BYTES, limits.CONTENT_PART_BYTES * 2 + 77])
def test_a_message_comes_back_as_it_went_in(size: int) -> None:
    draft = _with_attachment(size)
    assert _same(content.load(_stored(draft)), draft)


def test_a_long_message_is_stored_in_parts_that_every_database_takes() -> None:
    key = _stored(_with_attachment(limits.CONTENT_PART_BYTES * 2 + 77))
    parts = [len(bytes(part.sealed)) for part in MessagePart.objects.filter(content=key)]
    assert len(parts) == 3
    assert all(length < 1_100_000 for length in parts)


def test_a_message_with_names_beyond_ascii_comes_back() -> None:
    draft = convert(a_message(subject="Grüße \U0001f600", to=["Ängström <ann@exämple.org>", "jörg@example.org"]))
    assert _same(content.load(_stored(draft)), draft)


def test_nothing_of_a_message_can_be_read_in_the_database() -> None:
    key = _stored(convert(a_message(subject="A canary in a subject", body="A canary in a body")))
    sealed = bytes(MessageContent.objects.get(pk=key).sealed_draft)
    assert b"canary" not in sealed and b"ann@example.org" not in sealed


def test_content_that_was_moved_to_another_message_does_not_open() -> None:
    first, second = _stored(convert(a_message())), _stored(convert(a_message()))
    stolen = MessageContent.objects.get(pk=first).sealed_draft
    MessageContent.objects.filter(pk=second).update(sealed_draft=stolen)
    with pytest.raises(MailError, match="belongs to another message"):
        content.load(second)


@pytest.mark.parametrize("damage", ["missing", "cut", "part", "swapped"])
def test_damaged_content_is_a_clear_error_and_never_half_a_message(damage: str) -> None:
    key = _stored(_with_attachment(limits.CONTENT_PART_BYTES * 2))
    if damage == "missing":
        content.forget(key)
    elif damage == "cut":
        sealed = bytes(MessageContent.objects.get(pk=key).sealed_draft)
        MessageContent.objects.filter(pk=key).update(sealed_draft=sealed[:-5])
    elif damage == "part":
        MessagePart.objects.filter(content=key, number=1).delete()
    else:
        first = MessagePart.objects.get(content=key, number=0).sealed
        MessagePart.objects.filter(content=key, number=1).update(sealed=first)
    with pytest.raises(MailError) as caught:
        content.load(key)
    assert caught.value.code == "content-lost"


def test_content_of_a_lost_key_names_the_key(settings: Any, tmp_path: Any) -> None:
    key = _stored(convert(a_message()))
    settings.MAILADMIN = settings.MAILADMIN | {"KEYS": [new_key()]}
    with pytest.raises(MailError, match="Put that key back"):
        content.load(key)


def test_forgotten_content_leaves_nothing() -> None:
    key = _stored(_with_attachment(limits.CONTENT_PART_BYTES * 2))
    content.forget(key)
    assert not MessageContent.objects.exists() and not MessagePart.objects.exists()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    subject=st.text(max_size=40),
    body=st.text(max_size=200),
    files=st.lists(st.binary(max_size=9_000), max_size=3),
)
def test_every_message_that_can_be_built_comes_back(subject: str, body: str, files: list[bytes]) -> None:
    message = EmailMessage(" ".join(subject.splitlines()), body, "shop@contoso.org", ["ann@example.org"])
    for number, data in enumerate(files):
        message.attach(f"{number}.bin", data, "application/octet-stream")
    try:
        draft = convert(message)
    except MailError:
        return
    assert _same(content.load(_stored(draft)), draft)
