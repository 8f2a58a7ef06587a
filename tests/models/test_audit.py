"""The audit trail only ever grows (P10)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from mailadmin.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry() -> AuditEntry:
    return AuditEntry.objects.create(
        user_name="anna", action="changed", object_name="Relay A", changes={"port": [1, 2]}
    )


TAMPERING: dict[str, Callable[[AuditEntry], object]] = {
    "saving it again": lambda entry: entry.save(),
    "deleting it": lambda entry: entry.delete(),
    "changing entries by query": lambda entry: AuditEntry.objects.update(action="seen"),
    "changing it by a filter": lambda entry: AuditEntry.objects.filter(pk=entry.pk).update(action="seen"),
    "deleting entries by query": lambda entry: AuditEntry.objects.all().delete(),
    "changing several at once": lambda entry: AuditEntry.objects.bulk_update([entry], ["action"]),
    "replacing them at once": lambda entry: AuditEntry.objects.bulk_create(
        [AuditEntry(pk=entry.pk, action="seen")], update_conflicts=True, update_fields=["action"], unique_fields=["id"]
    ),
    "update_or_create": lambda entry: AuditEntry.objects.update_or_create(pk=entry.pk, defaults={"action": "seen"}),
}


@pytest.mark.parametrize("way", TAMPERING)
def test_an_entry_is_not_changed_or_removed_by(way: str, entry: AuditEntry) -> None:
    entry.action = "seen"
    with pytest.raises(TypeError, match="only ever added"), transaction.atomic():
        TAMPERING[way](entry)
    assert AuditEntry.objects.get().action == "changed"


def test_a_new_object_with_an_old_number_does_not_replace_the_entry(entry: AuditEntry) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEntry(pk=entry.pk, action="seen").save()
    assert AuditEntry.objects.get().action == "changed"


def test_several_entries_may_be_added_at_once() -> None:
    AuditEntry.objects.bulk_create([AuditEntry(action="created"), AuditEntry(action="tested")])
    assert [entry.action for entry in AuditEntry.objects.all()] == ["tested", "created"]


def test_an_entry_outlives_the_user_who_did_it() -> None:
    user = User.objects.create_user("anna")
    AuditEntry.objects.create(user=user, user_name="anna", action="changed")
    user.delete()
    entry = AuditEntry.objects.get()
    assert (entry.user_name, entry.action) == ("anna", "changed")


def test_the_newest_entry_comes_first_and_says_who_did_what(entry: AuditEntry) -> None:
    assert str(entry) == "anna changed Relay A"
    newer = AuditEntry.objects.create(user_name="bob", action="tested", object_name="Relay A")
    assert list(AuditEntry.objects.all()) == [newer, entry]
