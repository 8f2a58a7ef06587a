"""API clients in the console: who they are, what they may do, and tokens that are shown once and never again."""

from __future__ import annotations

import logging
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailadmin.console import clients
from mailadmin.core.clients import TOKEN_PREFIX, digest
from mailadmin.models import ApiClient, AuditEntry, SmtpConnection

pytestmark = pytest.mark.django_db

URL = "https://shop.example.org/done/canary-path-8812"
SECRET = "canary-signing-secret-5503"


def values(**changes: Any) -> dict[str, Any]:
    """Return what the browser sends for a client that is filled in well."""
    return {
        "name": "Shop",
        "scopes": ["send"],
        "enabled": "on",
        "expires_at": "",
        "senders": "",
        "routes": [],
        "label": "",
        "daily_limit": "10000",
        "minute_limit": "120",
        "url": "",
        "signing": "",
    } | changes


def page(name: str, row: ApiClient | None = None) -> str:
    return reverse(f"mailadmin:client-{name}", args=[row.pk] if row else [])


def made(client: Client, **changes: Any) -> tuple[ApiClient, str]:
    """Add a client as the page does; return its row and its token."""
    response = client.post(page("new"), values(**changes))
    assert response.status_code == 200
    assert "token" in response.context, response.context["form"].errors
    return ApiClient.objects.get(name=changes.get("name", "Shop")), response.context["token"]


def errors(client: Client, row: ApiClient | None = None, **changes: Any) -> dict[str, list[str]]:
    response = client.post(page("edit", row) if row else page("new"), values(**changes))
    assert response.status_code == 200
    assert "canary" not in response.text, "a typed secret came back to the browser"
    return {name: list(texts) for name, texts in response.context["form"].errors.items()}


class TestToken:
    def test_s18_it_is_shown_on_the_page_that_makes_it_and_nowhere_else(
        self, admin_client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        response = admin_client.post(page("new"), values())
        token = response.context["token"]
        row = ApiClient.objects.get()
        assert token.startswith(TOKEN_PREFIX)
        assert f'value="{token}"' in response.text
        assert "no-store" in response["Cache-Control"]
        assert (row.token_digest, row.token_start) == (digest(token), token[:12])
        for address in (page("list"), page("edit", row), "/audit/", "/settings/"):
            text = admin_client.get(address).text
            assert token not in text
            assert row.token_digest not in text
        kept = [*ApiClient.objects.values(), *AuditEntry.objects.values(), dict(admin_client.session)]
        assert token not in str(kept)
        assert row.token_digest not in str(kept[1:])
        assert token not in caplog.text

    def test_a_new_one_stops_the_one_before_and_opens_a_revoked_client_again(self, admin_client: Client) -> None:
        row, first = made(admin_client)
        admin_client.post(page("revoke", row))
        response = admin_client.post(page("token", row), {"start": row.token_start})
        row.refresh_from_db()
        assert response.context["token"] != first
        assert row.token_digest == digest(response.context["token"])
        assert row.active
        assert "The token before opens nothing any more." in response.text
        told = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
        assert told == ["created", "revoked the token", "made a new token"]

    def test_loading_that_page_again_makes_no_third_one(self, admin_client: Client) -> None:
        row, _ = made(admin_client)
        token = admin_client.post(page("token", row), {"start": row.token_start}).context["token"]
        again = admin_client.post(page("token", row), {"start": row.token_start}, follow=True)
        assert "A new token was made already." in again.text
        row.refresh_from_db()
        assert row.token_digest == digest(token)

    def test_a_revoked_one_is_revoked_once(self, admin_client: Client) -> None:
        row, _ = made(admin_client)
        admin_client.post(page("revoke", row))
        row.refresh_from_db()
        at = row.revoked_at
        admin_client.post(page("revoke", row))
        row.refresh_from_db()
        assert not row.active
        assert row.revoked_at == at
        assert AuditEntry.objects.filter(action="revoked the token").count() == 1


class TestForm:
    def test_everything_that_is_typed_is_kept(self, admin_client: Client, smtp: SmtpConnection) -> None:
        ends = f"{timezone.localtime() + timedelta(days=90):%Y-%m-%dT%H:%M}"
        typed = {
            "scopes": ["send", "read"],
            "senders": "shop@example.org, @example.com",
            "routes": [str(smtp.key)],
            "label": "Shop",
            "daily_limit": "0",
            "expires_at": ends,
            "url": URL,
            "signing": SECRET,
        }
        row, _ = made(admin_client, **typed)
        assert (row.scopes, row.routes, row.label) == (["send", "read"], [str(smtp.key)], "Shop")
        assert (row.daily_limit, row.minute_limit, row.host) == (0, 120, "shop.example.org")
        assert f"{timezone.localtime(row.expires_at):%Y-%m-%dT%H:%M}" == ends
        assert row.checked_url().reveal() == URL
        signing = row.signing.value()
        assert signing
        assert signing.reveal() == SECRET
        shown = admin_client.get(page("edit", row)).context["form"]
        assert shown["routes"].value() == [str(smtp.key)]
        assert shown["scopes"].value() == ["send", "read"]

    @pytest.mark.parametrize(
        ("field", "typed", "sentence"),
        [
            ("name", "", "Type a name."),
            ("scopes", [], "Choose at least one thing"),
            ("scopes", ["everything"], "Select a valid choice"),
            ("senders", "nonsense@", "is not an e-mail address"),
            ("routes", ["smtp:nowhere"], "Select a valid choice"),
            ("expires_at", "2020-01-01T10:00", "This time is over."),
            ("expires_at", "soon", "Type day and time"),
            ("daily_limit", "-1", "greater than or equal to 0"),
            ("url", "http://shop.example.org/canary", "must begin with https://"),
            ("url", "env:HOME", "is not allowed here"),
        ],
    )
    def test_what_cannot_be_used_is_refused_at_its_field(
        self, admin_client: Client, field: str, typed: Any, sentence: str
    ) -> None:
        assert sentence in errors(admin_client, **{field: typed})[field][0]
        assert not ApiClient.objects.exists()

    def test_an_address_needs_a_secret_to_sign_with(self, admin_client: Client) -> None:
        assert "Type a secret" in errors(admin_client, url=URL)["signing"][0]
        assert "at least 16" in errors(admin_client, url=URL, signing="short")["signing"][0]

    def test_the_address_is_kept_moved_or_forgotten(self, admin_client: Client) -> None:
        row, _ = made(admin_client, url=URL, signing=SECRET)
        assert "canary" not in admin_client.get(page("edit", row)).text
        assert admin_client.post(page("edit", row), values()).status_code == 302
        row.refresh_from_db()
        assert row.checked_url().reveal() == URL
        moved = errors(admin_client, row, url="https://other.example.org/x")
        assert "so the stored signing secret is not sent there" in moved["signing"][0]
        assert admin_client.post(page("edit", row), values(forget_url="on")).status_code == 302
        row.refresh_from_db()
        assert (row.host, row.url.sealed, row.signing.sealed) == ("", "", "")

    def test_saving_does_not_undo_what_requests_count_meanwhile(self, admin_client: Client) -> None:
        row, token = made(admin_client)
        form = admin_client.get(page("edit", row)).context["form"]
        ApiClient.objects.filter(pk=row.pk).update(day_count=7, last_used_at=timezone.now())
        admin_client.post(page("edit", row), values(name="Shop in Berlin", seen=form.initial["seen"]))
        row.refresh_from_db()
        assert (row.name, row.day_count) == ("Shop in Berlin", 7)
        assert row.last_used_at
        assert row.token_digest == digest(token)
        entry = AuditEntry.objects.filter(action="changed").get()
        assert entry.changes == {"name": ["Shop", "Shop in Berlin"]}

    def test_two_people_do_not_undo_each_other_without_knowing(self, admin_client: Client) -> None:
        row, _ = made(admin_client, scopes=["send", "test"])
        seen = admin_client.get(page("edit", row)).context["form"].initial["seen"]
        admin_client.post(page("edit", row), values(name="Other", scopes=["send", "test"], seen=seen))
        response = admin_client.post(page("edit", row), values(scopes=["read", "test"], seen=seen))
        assert "Somebody saved other values" in unescape(response.text)
        assert response.context["form"]["scopes"].value() == ["read", "test"]

    def test_a_deleted_route_does_not_become_any_route(self, admin_client: Client, smtp: SmtpConnection) -> None:
        row, _ = made(admin_client, routes=[str(smtp.key)])
        key = str(smtp.key)
        smtp.delete()
        assert f"A deleted connection ({key})" in admin_client.get(page("edit", row)).text
        assert admin_client.post(page("edit", row), values(routes=[key])).status_code == 302
        row.refresh_from_db()
        assert row.routes == [key]

    def test_the_audit_tells_no_secret(self, admin_client: Client) -> None:
        row, token = made(admin_client, url=URL, signing=SECRET)
        admin_client.post(page("edit", row), values(url="https://new.example.org/canary", signing=SECRET))
        told = str(list(AuditEntry.objects.values()))
        assert "canary" not in told
        assert token not in told
        assert "new.example.org" in told


class TestList:
    @pytest.mark.parametrize(
        ("changes", "word"),
        [
            ({}, "Never used"),
            ({"last_used_at": timezone.now()}, "In use"),
            ({"enabled": False}, "Off"),
            ({"revoked_at": timezone.now()}, "Revoked"),
            ({"expires_at": timezone.now() - timedelta(days=1)}, "Expired"),
            ({"expires_at": timezone.now() + timedelta(days=3, hours=1)}, "Ends soon"),
            ({"expires_at": timezone.now() + timedelta(days=300)}, "Never used"),
        ],
    )
    def test_it_says_how_each_stands(self, admin_client: Client, changes: dict[str, Any], word: str) -> None:
        row, _ = made(admin_client)
        ApiClient.objects.filter(pk=row.pk).update(**changes)
        response = admin_client.get(page("list"))
        assert word in response.text
        assert ("in 3 days" in response.text) is (word == "Ends soon")

    def test_it_counts_the_messages_of_today(self, admin_client: Client) -> None:
        row, _ = made(admin_client, daily_limit="500")
        today = timezone.now().date()
        ApiClient.objects.filter(pk=row.pk).update(day=today, day_count=37)
        assert ApiClient.objects.get().messages_today == 37
        assert "37<br>" in admin_client.get(page("list")).text
        ApiClient.objects.filter(pk=row.pk).update(day=today - timedelta(days=1))
        assert ApiClient.objects.get().messages_today == 0

    def test_without_the_extra_it_says_how_to_get_it(
        self, admin_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clients, "find_spec", lambda name: None)
        text = unescape(admin_client.get(page("list")).text)
        assert 'pip install "mailadmin[api]"' in text
        assert page("new") not in text

    def test_deleting_keeps_nothing_but_the_trail(self, admin_client: Client) -> None:
        row, _ = made(admin_client)
        assert "Its token opens nothing any more" in admin_client.get(page("delete", row)).text
        admin_client.post(page("delete", row))
        assert not ApiClient.objects.exists()
        assert AuditEntry.objects.filter(action="deleted").get().object_name == "Shop"

    def test_n14_one_from_a_settings_file_is_shown_and_gets_its_token_here(self, admin_client: Client) -> None:
        row, _ = made(admin_client)
        ApiClient.objects.filter(pk=row.pk).update(managed_by="mail.toml")
        shown = admin_client.get(page("edit", row)).text
        assert "mail.toml" in shown
        assert ">Save<" not in shown
        assert admin_client.post(page("edit", row), values(name="Other")).status_code == 409
        assert admin_client.post(page("delete", row)).status_code == 409
        assert "token" in admin_client.post(page("token", row), {"start": row.token_start}).context
        assert ApiClient.objects.get().name == "Shop"
