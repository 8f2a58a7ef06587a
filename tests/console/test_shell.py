"""The shell: theme, times, pills, the settings page, and pages without script or inline style."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override
from hypothesis import given
from hypothesis import settings as few
from hypothesis import strategies as st

from mailadmin.core.outcome import DeliveryState, RecipientState
from mailadmin.core.report import StepState
from mailadmin.models import AuditEntry, ConnectionTest, Settings
from mailadmin.templatetags.mailadmin import STATES, duration, in_sentence, when

pytestmark = pytest.mark.django_db


def test_the_theme_is_kept_in_a_cookie_and_written_into_the_page(viewer_client):
    assert "data-theme" not in viewer_client.get("/smtp/").text
    response = viewer_client.post("/theme/", {"theme": "dark", "next": "/smtp/"})
    assert response.url == "/smtp/"
    assert 'data-theme="dark"' in viewer_client.get("/smtp/").text
    viewer_client.post("/theme/", {"theme": ""})
    assert "data-theme" not in viewer_client.get("/smtp/").text


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_theme_button_leads_nowhere_else(viewer_client, elsewhere):
    assert viewer_client.post("/theme/", {"theme": "dark", "next": elsewhere}).url == "/"


def test_an_invented_theme_is_ignored(viewer_client):
    viewer_client.cookies["mailadmin_theme"] = '"><script>'
    assert "<script>" not in viewer_client.get("/smtp/").text


@pytest.mark.parametrize(
    "address", ["/smtp/", "/smtp/new/", "/oauth/", "/oauth/new/", "/services/", "/services/new/", "/settings/"]
)
def test_pages_keep_to_the_strict_policy(admin_client, smtp, oauth, address):
    """No inline script, style or handler; the policy allows none."""
    response = admin_client.get(address)
    assert "default-src 'none'" in response["Content-Security-Policy"]
    page = response.text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))
    assert page.count("<h1") == 1


@pytest.mark.parametrize("address", ["/sign-in/", "/password/forgotten/", "/password/forgotten/sent/"])
def test_the_sign_in_pages_open_without_an_account(client, address):
    response = client.get(address)
    assert response.status_code == 200
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", response.text)


def test_signing_in_and_out_with_plain_forms(client, administrator):
    from .conftest import PASSWORD

    response = client.post("/sign-in/?next=/smtp/", {"username": "anna", "password": "wrong"})
    assert 'role="alert"' in response.text
    response = client.post("/sign-in/?next=/smtp/", {"username": "anna", "password": PASSWORD})
    assert response.url == "/smtp/"
    assert client.get("/smtp/").status_code == 200
    assert client.post(reverse("sign-out")).status_code == 302
    assert client.get("/smtp/").status_code == 302


def test_a_one_time_password_must_be_replaced_first(client, administrator):
    from .conftest import PASSWORD

    row = Settings.load()
    row.one_time_passwords = [administrator.pk]
    row.save()
    client.post("/sign-in/", {"username": "anna", "password": PASSWORD})
    assert client.get("/smtp/").url == reverse("password")
    page = client.get(reverse("password")).text
    assert "for one sign-in only" in page
    new = "another long pass phrase 7"
    client.post(reverse("password"), {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    assert client.get("/smtp/").status_code == 200


def test_every_state_that_the_product_knows_has_a_tone_and_a_shape():
    known = [*DeliveryState, *RecipientState, *StepState, *ConnectionTest.State.values]
    assert [state for state in known if str(state) not in STATES] == []


def test_a_pill_says_its_state_in_words_colour_and_shape():
    html = Template('{% load mailadmin %}{% pill "failed" "Failed" %}').render(Context())
    assert "pill-bad" in html
    assert "<svg" in html
    assert "Failed" in html


@pytest.mark.parametrize(
    ("milliseconds", "shown"), [(None, "–"), (0, "0 ms"), (388, "388 ms"), (1204, "1.2 s"), (125_000, "2 min 5 s")]
)
def test_durations_read_well(milliseconds, shown):
    assert duration(milliseconds) == shown


@pytest.mark.parametrize(("ago", "shown"), [(timedelta(seconds=5), "just now"), (timedelta(minutes=5), "5 min ago")])
def test_times_read_well_and_keep_the_exact_value(ago, shown):
    at = timezone.now() - ago
    html = when(at)
    assert shown in html
    assert at.strftime("%H:%M:%S") in html
    assert when(None) == "never"


def test_times_and_labels_read_well_in_german():
    with override("de"):
        assert duration(1204) == "1,2 s"
        assert "vor 5 min" in when(timezone.now() - timedelta(minutes=5))
        assert when(None) == "nie"
        assert in_sentence("Clientgeheimnis") == "Clientgeheimnis"
    assert in_sentence("Client secret") == "client secret"


@few(max_examples=30, deadline=None)
@given(st.timedeltas(min_value=timedelta(days=-3000), max_value=timedelta(days=3000)))
def test_any_time_can_be_shown(distance):
    assert "<time" in when(timezone.now() + distance)


def test_the_settings_page_saves_and_tells_the_audit_trail(admin_client, preferences):
    typed = preferences | {"retention_days": "90", "secret_warning_days": "14"}
    response = admin_client.post("/settings/", typed, follow=True)
    assert "The settings are saved." in response.text
    assert Settings.load().retention_days == 90
    assert AuditEntry.objects.get().changes == {
        "keep the log for (days)": ["30", "90"],
        "warn before a secret ends (days)": ["30", "14"],
    }


@pytest.mark.parametrize(
    ("value", "sentence"),
    [("", "Type a number"), ("0", "one day"), ("9999", "At most 3650"), ("x", "whole number"), ("-1", "one day")],
)
def test_bad_preferences_get_their_sentence(admin_client, preferences, value, sentence):
    response = admin_client.post("/settings/", preferences | {"retention_days": value, "secret_warning_days": "14"})
    assert sentence in response.context["form"].errors["retention_days"][0]
    assert len(response.context["form"].errors["retention_days"]) == 1
    assert Settings.load().secret_warning_days == 30


def test_the_settings_page_keeps_what_it_is_told_about_the_outbox_and_privacy(admin_client, preferences):
    typed = {"queue_lifetime_hours": "24", "keep_content": "failed", "keep_content_days": "3"}
    admin_client.post("/settings/", {**preferences, **typed, "hide_codes": ""})
    row = Settings.load()
    assert (row.queue_lifetime_hours, row.keep_content, row.keep_content_days, row.hide_codes) == (
        24,
        "failed",
        3,
        False,
    )
    response = admin_client.post("/settings/", preferences | {"queue_lifetime_hours": "0"})
    assert response.context["form"].errors["queue_lifetime_hours"] == ["At least one hour."]


def test_the_settings_page_shows_what_the_server_decides(admin_client, settings, tmp_path):
    page = admin_client.get("/settings/").text
    for words in ("Encryption key", "present", "Network", "private addresses allowed", "Sandbox"):
        assert words in page
    settings.MAILADMIN = settings.MAILADMIN | {"KEY_FILE": tmp_path / "gone"}
    assert "missing" in admin_client.get("/settings/").text


def test_the_remote_address_is_the_peer_s_and_not_what_a_header_claims(administrator):
    from mailadmin.console import audit

    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="203.0.113.9")
    request.user = administrator
    assert audit.record(request, "tested").remote_address == "192.0.2.7"
    request.META["REMOTE_ADDR"] = ""
    assert audit.record(request, "tested").remote_address is None
    assert audit.record(administrator, "tested").user_name == "anna"
    assert audit.record(None, "swept").user is None
