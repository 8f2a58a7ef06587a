"""The groups: made once, given once, and never given again what somebody took away."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from mailadmin.models import Settings
from mailadmin.roles import grant_roles, roles

pytestmark = pytest.mark.django_db


def migrate_again() -> None:
    grant_roles(apps.get_app_config("mailadmin"), using="default")


def codes(role: str) -> set[str]:
    return {
        f"{row.content_type.app_label}.{row.codename}"
        for row in Group.objects.get(name=role).permissions.select_related("content_type")
    }


def test_the_roles_hold_what_they_say():
    for role, names in roles().items():
        assert codes(role) == set(names)


def test_each_role_can_do_what_the_smaller_one_can():
    given = roles()
    assert set(given["Viewer"]) < set(given["Operator"]) < set(given["Administrator"])


def test_running_again_changes_nothing():
    before = {role: codes(role) for role in roles()}
    migrate_again()
    assert {role: codes(role) for role in roles()} == before


def test_what_was_taken_away_stays_away():
    Group.objects.get(name="Operator").permissions.remove(Permission.objects.get(codename="send_message"))
    migrate_again()
    assert "mailadmin.send_message" not in codes("Operator")


def test_a_deleted_group_stays_deleted():
    Group.objects.get(name="Viewer").delete()
    migrate_again()
    assert not Group.objects.filter(name="Viewer").exists()


def test_a_permission_of_a_later_version_is_given_once():
    row = Settings.load()
    row.granted["Viewer"].remove("mailadmin.view_delivery")
    row.save()
    Group.objects.get(name="Viewer").permissions.clear()
    migrate_again()
    assert codes("Viewer") == {"mailadmin.view_delivery"}


@pytest.mark.django_db(transaction=True)
def test_migrating_back_to_nothing_and_forth_again_works():
    call_command("migrate", "mailadmin", "zero", verbosity=0)
    call_command("migrate", "mailadmin", verbosity=0)
    assert "mailadmin.view_delivery" in codes("Viewer")
