"""The language of the pages: asked for by the browser or chosen, kept in Django's cookie."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.test import override_settings

from mailadmin.console.language import Choice, choices

pytestmark = pytest.mark.django_db
WITHOUT = [path for path in settings.MIDDLEWARE if not path.endswith("LocaleMiddleware")]


def language_of(page):
    return re.search(r'<html lang="([^"]+)"', page.text)[1]


def test_the_browser_is_answered_in_its_language(viewer_client):
    page = viewer_client.get("/smtp/", headers={"accept-language": "de-AT,de;q=0.9,en;q=0.5"})
    assert language_of(page) == "de"
    assert page["Content-Language"] == "de"
    assert "Accept-Language" in page["Vary"]


def test_a_language_without_texts_is_answered_in_that_of_the_site(viewer_client):
    assert language_of(viewer_client.get("/smtp/", headers={"accept-language": "fr"})) == "en"


def test_the_chosen_language_is_kept_in_a_cookie_and_leads_back_to_the_page(viewer_client):
    answer = viewer_client.post("/language/", {"language": "de", "next": "/smtp/"})
    assert answer.url == "/smtp/"
    cookie = answer.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["max-age"] == 365 * 24 * 60 * 60
    page = viewer_client.get("/smtp/", headers={"accept-language": "en"})
    assert language_of(page) == "de"
    assert re.search(r'value="de" lang="de" aria-pressed="true">Deutsch<', page.text)
    assert re.search(r'value="en-gb" lang="en-gb" aria-pressed="false">English<', page.text)


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_language_button_leads_nowhere_else(viewer_client, elsewhere):
    assert viewer_client.post("/language/", {"language": "de", "next": elsewhere}).url == "/"


@pytest.mark.parametrize("invented", ["xx", '"><script>', "../../etc", "fr"])
def test_an_invented_language_is_ignored(viewer_client, invented):
    viewer_client.post("/language/", {"language": invented})
    assert language_of(viewer_client.get("/smtp/")) == "en"
    viewer_client.cookies[settings.LANGUAGE_COOKIE_NAME] = invented
    assert language_of(viewer_client.get("/smtp/")) == "en"


def test_a_part_of_a_page_is_in_the_language_of_the_page(viewer_client):
    part = viewer_client.get("/", headers={"accept-language": "de", "hx-request": "true"})
    assert part["Content-Language"] == "de"


@override_settings(MIDDLEWARE=WITHOUT)
def test_there_is_no_choice_in_a_project_whose_pages_have_one_language(viewer_client):
    assert choices() == []
    assert "/language/" not in viewer_client.get("/smtp/").text


@override_settings(LANGUAGES=[("fr", "French"), ("en", "English")])
def test_there_is_no_choice_among_one():
    assert choices() == []


@override_settings(LANGUAGES=[("fr", "French"), ("en-us", "US English"), ("de", "German"), ("de-at", "Austrian")])
def test_the_projects_own_codes_are_offered():
    assert choices() == [Choice("en-us", "English", True), Choice("de", "Deutsch", False)]
