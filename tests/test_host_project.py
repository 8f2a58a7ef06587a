"""The console in somebody else's project: under a prefix, with the project's own sign-in, and with
`LoginRequiredMiddleware` on or off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import URLPattern, get_resolver, include, path, reverse

from mailadmin.console.urls import urlpatterns as pages
from tests.models.rows import app, connection

pytestmark = pytest.mark.django_db

LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
FOR_MONITORS = ("health", "metrics")  # they say who learns how much by themselves
OWN = ("config.", "whitenoise.", "django_htmx.")  # what the standalone console adds for itself


def own_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("The shop.")


urlpatterns = [path("", own_page), path("staff/mail/", include("mailadmin.console.urls"))]


@pytest.fixture(params=[False, True], ids=["without LoginRequiredMiddleware", "with LoginRequiredMiddleware"])
def host_project(request: pytest.FixtureRequest, settings: Any) -> Iterator[bool]:
    """Set up the project; give whether it wants a sign-in everywhere."""
    middleware = [path for path in settings.MIDDLEWARE if not path.startswith(OWN)]
    with override_settings(
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[*middleware, LOGIN_REQUIRED] if request.param else middleware,
        LOGIN_URL="/people/come-in/",
    ):
        yield request.param


@pytest.fixture
def anna() -> Client:
    user = User.objects.create_user("anna")
    user.groups.add(Group.objects.get(name="Administrator"))
    client = Client()
    client.force_login(user)
    return client


def addresses() -> dict[str, str]:
    """Return the address of every page that can be opened without a row, by its name."""
    return {
        page.name: reverse(f"mailadmin:{page.name}")
        for page in pages
        if isinstance(page, URLPattern) and page.name and not page.pattern.regex.groups  # type: ignore[attr-defined] # of a path
    }


def test_every_page_is_under_the_prefix(host_project: bool) -> None:
    assert get_resolver(__name__).namespace_dict["mailadmin"][0] == "staff/mail/"
    assert all(address.startswith("/staff/mail/") for address in addresses().values())


def test_every_page_opens_for_an_administrator(host_project: bool, anna: Client) -> None:
    connection()
    app()
    opened = {name: anna.get(address).status_code for name, address in addresses().items()}
    assert {name: status for name, status in opened.items() if status not in (200, 405)} == {}
    assert list(opened.values()).count(200) >= 10


def test_every_link_of_the_side_bar_leads_to_a_page(host_project: bool, anna: Client) -> None:
    page = anna.get("/staff/mail/").content.decode()
    links = set(re.findall(r'<a href="([^"#?]+)"', page))
    assert len(links) > 5
    assert all(link.startswith("/staff/mail/") for link in links)
    assert {link: anna.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_nobody_gets_in_without_signing_in_by_the_projects_own_page(host_project: bool) -> None:
    stranger = Client()
    for name, address in addresses().items():
        if name in FOR_MONITORS:
            continue
        answer, back = stranger.get(address), {address}
        if answer.status_code == 405:
            answer = stranger.post(address)
            back |= {"/staff/mail/"}  # a POST cannot be repeated after signing in; the project's middleware tries
        assert answer.status_code == 302, name
        assert answer.headers["Location"] in {f"/people/come-in/?next={page}" for page in back}, name


def test_monitors_read_without_signing_in(host_project: bool) -> None:
    assert Client().get(addresses()["health"]).json()["status"] in ("ok", "failing")
    assert Client().get(addresses()["metrics"]).status_code == 403


def test_a_project_without_a_sign_out_page_shows_no_button_for_it(host_project: bool, anna: Client) -> None:
    assert "Sign out" not in anna.get("/staff/mail/").content.decode()


def test_the_projects_own_pages_are_left_alone(host_project: bool) -> None:
    assert Client().get("/").status_code == (302 if host_project else 200)


def test_a_form_of_the_console_works(host_project: bool, anna: Client) -> None:
    answer = anna.post("/staff/mail/theme/", {"theme": "dark", "next": "/staff/mail/log/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/staff/mail/log/")
    assert 'data-theme="dark"' in anna.get("/staff/mail/").content.decode()
