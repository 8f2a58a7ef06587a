"""The standalone console as an attacker meets it: headers on every answer, sign-in, error pages."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from config.urls import urlpatterns as config_urls
from mailadmin.console import urls
from mailadmin.models import Settings
from tests.console.conftest import PASSWORD, _client, _own_key, _user  # noqa: F401 -- a fixture among them

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(db):
    return _user("anna", "Administrator")


@pytest.mark.parametrize(
    ("address", "status", "more"),
    [
        ("/sign-in/", 200, {}),
        ("/nothing/", 404, {}),
        ("/smtp/", 302, {}),
        ("/smtp", 301, {}),
        ("/admin/login/", 200, {}),
        ("/sign-in/", 400, {"HTTP_HOST": "evil.example"}),
        ("/static/mailadmin/icon.svg", 200, {}),
    ],
)
def test_every_answer_carries_the_policy_and_is_not_sniffed(client, settings, address, status, more):
    settings.WHITENOISE_USE_FINDERS = True
    settings.WHITENOISE_AUTOREFRESH = True
    response = client.head(address, **more)
    assert response.status_code == status
    assert "default-src 'none'" in response["Content-Security-Policy"]
    if "static" not in address:
        assert response["X-Content-Type-Options"] == "nosniff"


def test_a_page_that_breaks_tells_nothing_and_keeps_the_policy(client, monkeypatch):
    client.raise_request_exception = False

    def broken(request):
        raise ZeroDivisionError("the inside of the server")

    monkeypatch.setattr(next(each for each in config_urls if each.name == "sign-in"), "callback", broken)
    response = client.get(reverse("sign-in"))
    assert response.status_code == 500
    assert "Something broke on the server" in response.text
    assert "the inside" not in response.text
    assert "default-src 'none'" in response["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["dashboard", "smtp-list", "smtp-new", "log-list", "audit-list", "sandbox", "compose"])
def test_no_cache_keeps_a_page_of_the_console(anna, name):
    assert "no-store" in _client(anna).get(reverse(f"mailadmin:{name}"))["Cache-Control"]


def test_a_host_that_is_not_ours_gets_a_hint_and_no_reset_link(client, anna):
    response = client.post(reverse("password_reset"), {"email": anna.email}, HTTP_HOST="evil.example")
    assert response.status_code == 400
    assert "ALLOWED_HOSTS" in response.text
    assert "evil.example" not in response.text
    assert mail.outbox == []


def test_a_forged_or_outdated_form_gets_a_page_that_says_what_to_do(anna):
    client = Client(enforce_csrf_checks=True)
    client.force_login(anna)
    response = client.post(reverse("mailadmin:smtp-new"), {"name": "typed"})
    assert response.status_code == 403
    assert "another window" in response.text
    assert "style>" not in response.text


def test_whoever_signs_in_again_after_a_post_comes_back_to_a_page(client, anna):
    """A POST cannot be repeated by a redirect: the page that it came from opens instead."""
    came_from = "http://testserver/smtp/new/"
    response = client.post(reverse("mailadmin:test-start-unsaved", args=["smtp"]), headers={"Referer": came_from})
    signed_in = client.post(response.url, {"username": "anna", "password": PASSWORD, "next": came_from})
    assert signed_in.url == came_from
    for elsewhere in ("https://evil.example/", "", "javascript:alert(1)"):
        response = Client().post(reverse("mailadmin:sandbox-add"), headers={"Referer": elsewhere})
        assert response.url == "/sign-in/?next=/"


@pytest.mark.parametrize("address", ["/tests/try/smtp/", "/tests/try/oauth/"])
def test_the_address_of_a_refused_test_can_be_opened_again(anna, address):
    assert _client(anna).get(address).status_code == 302


def test_a_one_time_password_opens_nothing_but_its_replacement(client, anna):
    row = Settings.load()
    row.one_time_passwords = [anna.pk]
    row.save()
    client.post("/admin/login/", {"username": "anna", "password": PASSWORD})
    names = {pattern.name for pattern in urls.urlpatterns if not pattern.pattern.converters}
    addresses = [reverse(f"mailadmin:{name}") for name in sorted(names)]
    for address in [*addresses, "/admin/", "/admin/password_change/", "/admin/auth/user/", "/nothing/", "/password"]:
        by_htmx = client.get(address, headers={"HX-Request": "true"})
        for response in (client.get(address), client.post(address), by_htmx):
            assert response.status_code in (301, 302), address
            assert response.url == "/password/", address
    assert "for one sign-in only" in client.get("/password/").text


def test_signing_in_gives_a_new_session(client, anna):
    client.get("/sign-in/")
    client.cookies["sessionid"] = "chosen-by-somebody-else-00000000"
    client.post("/sign-in/", {"username": "anna", "password": PASSWORD})
    assert client.cookies["sessionid"].value != "chosen-by-somebody-else-00000000"
    assert client.cookies["sessionid"]["httponly"]
    assert client.cookies["sessionid"]["samesite"] == "Lax"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(client, anna, elsewhere):
    response = client.post("/sign-in/", {"username": "anna", "password": PASSWORD, "next": elsewhere})
    assert response.url == "/"
