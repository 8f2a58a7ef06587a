"""The settings rows in Django's admin: to look at, with links to the console, and nothing to change."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client, override_settings
from django.urls import path, reverse

from mailadmin.models import IntegratedService, OAuthService, RouteState, SmtpConnection
from tests.models.rows import PASSWORD, connection, office365

pytestmark = pytest.mark.django_db

MODELS = (SmtpConnection, OAuthService, IntegratedService)


@pytest.fixture
def staff() -> Client:
    """Return a client of a Viewer who may open the admin."""
    user = User.objects.create_user("vera", is_staff=True)
    user.groups.add(Group.objects.get(name="Viewer"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def rows() -> dict[type, object]:
    smtp = connection(password=PASSWORD)
    oauth = office365()
    return {SmtpConnection: smtp, OAuthService: oauth, IntegratedService: oauth.integrated_service}


def address(model: type, page: str, *args: object) -> str:
    return reverse(f"admin:mailadmin_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS)
def test_a_viewer_sees_list_and_page_with_links_to_the_console(staff: Client, rows: dict, model: type) -> None:
    row = rows[model]
    listed = staff.get(address(model, "changelist")).content.decode()
    shown = staff.get(address(model, "change", row.pk)).content.decode()
    section = {SmtpConnection: "smtp", OAuthService: "oauth", IntegratedService: "service"}[model]
    for page in (listed, shown):
        assert row.name in page
        assert reverse(f"mailadmin:{section}-edit", args=[row.pk]) in page
        assert f"{reverse('mailadmin:test-list')}?route={row.pk}" in page
    assert "<input" not in shown.split('<div id="content"')[1].replace('type="hidden"', "").split("<form")[0]
    assert 'name="_save"' not in shown


@pytest.mark.parametrize("model", MODELS)
def test_nobody_changes_anything_there_not_even_a_superuser(admin_client: Client, rows: dict, model: type) -> None:
    row = rows[model]
    for page in ("change", "delete"):
        assert admin_client.post(address(model, page, row.pk), {"name": "Taken"}).status_code == 403
    assert admin_client.post(address(model, "add"), {"name": "New"}).status_code == 403
    assert "Taken" not in model.objects.values_list("name", flat=True)


def test_no_secret_is_shown_only_that_there_is_one(staff: Client, rows: dict) -> None:
    row = rows[SmtpConnection]
    page = staff.get(address(SmtpConnection, "change", row.pk)).content.decode()
    assert "password: stored, encrypted" in page
    assert PASSWORD not in page and row.secret.sealed not in page


def test_a_reference_says_where_the_secret_is(staff: Client) -> None:
    row = connection(password="env:MAILADMIN_SECRET_RELAY")
    page = staff.get(address(SmtpConnection, "change", row.pk)).content.decode()
    assert "password: kept at env:MAILADMIN_SECRET_RELAY" in page


@pytest.mark.parametrize("flag", ["stopped", "failing", "paused"])
def test_the_list_says_how_a_route_is(staff: Client, rows: dict, flag: str) -> None:
    row = rows[SmtpConnection]
    RouteState.objects.create(kind="smtp", route_id=row.pk, since="2026-01-01T00:00Z", **{flag: True})
    assert flag in staff.get(address(SmtpConnection, "changelist")).content.decode()


def test_who_may_not_view_the_rows_sees_none(client: Client) -> None:
    client.force_login(User.objects.create_user("eve", is_staff=True))
    assert client.get(address(SmtpConnection, "changelist")).status_code == 403


def test_a_project_without_the_console_is_told_so(staff: Client, rows: dict) -> None:
    with override_settings(ROOT_URLCONF="tests.test_admin"):
        page = staff.get(f"/admin/mailadmin/smtpconnection/{rows[SmtpConnection].pk}/change/").content.decode()
    assert "This project does not include the console." in page


def _admin_alone() -> list[object]:
    from django.contrib import admin

    return [path("admin/", admin.site.urls)]


urlpatterns = _admin_alone()
