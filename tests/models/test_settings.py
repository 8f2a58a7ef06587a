"""A change is noticed by every process: the version changes with it, and not without it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from mailadmin.delivery import health, routes
from mailadmin.models import IntegratedService, OAuthService, RouteState, Settings, SmtpConnection
from tests.models.rows import app, connection, office365

pytestmark = pytest.mark.django_db


def stopped(row: SmtpConnection) -> RouteState:
    return RouteState.objects.create(
        kind="smtp", route_id=row.pk, stopped=True, since=timezone.now(), reason="The password is wrong."
    )


CHANGES: dict[str, Callable[[], object]] = {
    "a connection is added": lambda: connection("Relay B"),
    "an integrated service is added": lambda: app("Other"),
    "an OAuth service is added": lambda: office365("Other"),
    "connections are added at once": lambda: SmtpConnection.objects.bulk_create([connection("Relay C", save=False)]),
    "a connection is saved": lambda: SmtpConnection.objects.get().save(),
    "a connection is deleted": lambda: SmtpConnection.objects.get().delete(),
    "connections are deleted by query": lambda: SmtpConnection.objects.all().delete(),
    "connections are changed by query": lambda: SmtpConnection.objects.update(enabled=False),
    "connections are changed at once": lambda: SmtpConnection.objects.bulk_update(
        SmtpConnection.objects.all(), ["name"]
    ),
    "a service is changed by query": lambda: IntegratedService.objects.update(tenant="fabrikam.example"),
    "an OAuth service is changed by query": lambda: OAuthService.objects.update(order=5),
    "a route is stopped": lambda: stopped(SmtpConnection.objects.get()),
    "the preferences are saved": lambda: Settings.load().save(),
}


@pytest.fixture(autouse=True)
def rows(db: None) -> None:
    connection()
    office365()


@pytest.mark.parametrize("change", CHANGES)
def test_the_version_changes_when(change: str) -> None:
    before = Settings.current_version()
    CHANGES[change]()
    assert Settings.current_version() != before


def test_the_version_changes_when_a_route_is_released() -> None:
    state = stopped(SmtpConnection.objects.get())
    before = Settings.current_version()
    state.delete()
    assert Settings.current_version() != before


def test_the_version_changes_when_somebody_looked_at_a_route() -> None:
    state = stopped(SmtpConnection.objects.get())
    before = Settings.current_version()
    assert health.resume(state.key)
    assert Settings.current_version() != before


def test_reading_leaves_the_version_alone() -> None:
    before = Settings.current_version()
    list(SmtpConnection.objects.all())
    SmtpConnection.objects.filter(name="Nobody").update(enabled=False)
    Settings.load()
    assert Settings.current_version() == before


@pytest.mark.parametrize("change", CHANGES)
def test_a_roll_back_leaves_the_version(change: str) -> None:
    before = Settings.current_version()
    with transaction.atomic():
        CHANGES[change]()
        transaction.set_rollback(True)
    assert Settings.current_version() == before


def test_a_change_that_is_rolled_back_and_the_next_one_do_not_look_alike() -> None:
    with transaction.atomic():
        connection("Relay B")
        rolled_back = Settings.current_version()
        transaction.set_rollback(True)
    connection("Relay B")
    assert Settings.current_version() != rolled_back


def test_the_snapshot_follows_every_change() -> None:
    assert [route.name for route in routes.current().routes] == ["Contoso 365", "Relay A"]
    connection("Relay B")
    assert [route.name for route in routes.current().routes] == ["Contoso 365", "Relay A", "Relay B"]
    SmtpConnection.objects.filter(name="Relay A").update(enabled=False)
    assert [route.name for route in routes.current().routes] == ["Contoso 365", "Relay B"]
    OAuthService.objects.all().delete()
    assert [route.name for route in routes.current().routes] == ["Relay B"]


def test_the_snapshot_follows_the_state_of_a_route() -> None:
    row = SmtpConnection.objects.get()
    assert routes.current().states == {}
    state = stopped(row)
    assert routes.current().states[row.key].stopped
    state.delete()
    assert routes.current().states == {}


def test_the_snapshot_returns_with_a_roll_back() -> None:
    with transaction.atomic():
        connection("Relay B")
        assert "Relay B" in [route.name for route in routes.current().routes]
        transaction.set_rollback(True)
    assert "Relay B" not in [route.name for route in routes.current().routes]


def test_the_snapshot_is_read_once_while_nothing_changes() -> None:
    assert routes.current() is routes.current()


def test_without_the_row_of_preferences_a_change_is_noticed_all_the_same() -> None:
    Settings.objects.all().delete()
    assert Settings.current_version() == ""
    routes.current()
    connection("Relay B")
    assert Settings.current_version() != ""
    assert "Relay B" in [route.name for route in routes.current().routes]


def test_there_is_one_row_of_preferences() -> None:
    Settings(retention_days=7).save()
    assert Settings.objects.count() == 1
    assert Settings.load().retention_days == 7


@pytest.mark.parametrize(
    ("field", "value"),
    [("retention_days", 0), ("retention_days", 3651), ("secret_warning_days", 0), ("secret_warning_days", 366)],
)
def test_preferences_outside_their_limits_are_refused(field: str, value: int) -> None:
    row = Settings.load()
    setattr(row, field, value)
    with pytest.raises(ValidationError) as refused:
        row.full_clean()
    assert set(refused.value.message_dict) == {field}


def test_no_manager_deletes_every_row_in_one_word() -> None:
    assert not hasattr(SmtpConnection.objects, "delete")
