"""The pages of alerts (P8): channels on the Settings page, their form, a test alert, and what was told."""

from __future__ import annotations

import pytest
from django.db import connection
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as few
from hypothesis import strategies as st

from mailadmin.console.forms.alerts import AlertChannelForm
from mailadmin.core import limits
from mailadmin.core.alerts import CHOSEN
from mailadmin.models import Alert, AlertChannel, AlertDelivery, AuditEntry, Settings
from tests.fakes.graph_server import ScriptedServer, says

pytestmark = pytest.mark.django_db

URL = "https://hooks.example.org/services/canary-path-8812"
SECRET = "canary-signing-secret-5503"
EVENTS = [event.value for event in CHOSEN]


def values(**changes: object) -> dict[str, object]:
    """Return what the browser sends for a webhook that is filled in well."""
    return {
        "name": "Operations",
        "kind": "webhook",
        "recipients": "",
        "url": URL,
        "signing": SECRET,
        "events": EVENTS,
        "enabled": "on",
    } | changes


def saved(client, **changes) -> AlertChannel:
    response = client.post(reverse("mailadmin:settings-alert-new"), values(**changes))
    assert response.status_code == 302, response.context["form"].errors
    assert response.url == "/settings/"
    return AlertChannel.objects.get(name=changes.get("name", "Operations"))


def errors(client, row=None, **changes) -> dict[str, list[str]]:
    page = reverse("mailadmin:settings-alert-edit", args=[row.pk]) if row else reverse("mailadmin:settings-alert-new")
    response = client.post(page, values(**changes))
    assert response.status_code == 200
    assert "canary" not in response.text, "a typed secret came back to the browser"
    return {name: list(texts) for name, texts in response.context["form"].errors.items()}


class TestForm:
    def test_a_webhook_is_saved_and_only_its_host_is_shown(self, admin_client):
        row = saved(admin_client)
        assert (row.host, row.events) == ("hooks.example.org", [])
        assert row.checked_url().reveal() == URL
        assert row.signing.value().reveal() == SECRET
        for page in ("/settings/", f"/settings/alerts/{row.pk}/", "/audit/", "/alerts/"):
            text = admin_client.get(page).text
            assert "canary" not in text
        assert "hooks.example.org" in admin_client.get("/settings/").text

    @pytest.mark.parametrize("kind", ["slack", "teams"])
    def test_slack_and_teams_need_only_their_address(self, admin_client, kind):
        row = saved(admin_client, kind=kind, signing="")
        assert row.url.stored
        assert not row.signing.sealed

    def test_e_mail_needs_addresses_and_keeps_no_webhook(self, admin_client):
        assert errors(admin_client, kind="email")["recipients"] == ["Type at least one address."]
        row = saved(admin_client, kind="email", recipients="ops@example.org, Night <night@example.org>")
        assert not row.url.sealed
        assert not row.signing.sealed
        assert "recipients" in errors(admin_client, kind="email", recipients="not an address")

    @pytest.mark.parametrize(
        ("url", "says_text"),
        [
            ("", "Type the webhook address."),
            ("hooks.example.org", "no web address"),
            ("http://hooks.example.org/canary", "must begin with https://"),
            ("ftp://hooks.example.org/canary", "no web address"),
            ("https://user:canary@hooks.example.org/", "no web address"),
            ("https://hooks.example.org/#canary", "no web address"),
            ("https://hooks.example.org/a b canary", "no web address"),
            ("https://ho oks.example.org/canary", "no web address"),
            ("https://hooks.example.org:99999/canary", "no web address"),
            ("https://" + "a" * 3000, "at most 2000"),
            ("env:HOME", "is not allowed here"),
            ("env:MAILADMIN_SECRET_NOT_SET", "is not set on this server"),
        ],
    )
    def test_an_address_that_cannot_be_used_is_refused_with_the_reason(self, admin_client, url, says_text):
        assert says_text in errors(admin_client, url=url)["url"][0]

    def test_an_address_on_this_machine_may_be_plain(self, admin_client):
        assert saved(admin_client, url="http://localhost:8080/hook").host == "localhost:8080"

    def test_a_reference_is_kept_with_the_host_it_leads_to(self, admin_client, monkeypatch):
        monkeypatch.setenv("MAILADMIN_SECRET_HOOK", URL)
        row = saved(admin_client, url="env:MAILADMIN_SECRET_HOOK")
        assert (row.host, row.url.reference) == ("hooks.example.org", "env:MAILADMIN_SECRET_HOOK")

    @pytest.mark.parametrize(
        ("secret", "says_text"), [("", "Type a secret"), ("short", "at least 16"), ("whsec_ab", "base64")]
    )
    def test_a_signing_secret_that_proves_little_is_refused(self, admin_client, secret, says_text):
        assert says_text in errors(admin_client, signing=secret)["signing"][0]

    def test_what_is_left_empty_is_kept(self, admin_client):
        row = saved(admin_client)
        page = reverse("mailadmin:settings-alert-edit", args=[row.pk])
        assert admin_client.post(page, values(name="Ops", url="", signing="")).status_code == 302
        row.refresh_from_db()
        assert row.name == "Ops"
        assert row.checked_url().reveal() == URL

    def test_another_host_or_kind_asks_for_the_secrets_again(self, admin_client):
        row = saved(admin_client)
        other = errors(admin_client, row, url="https://other.example.org/x", signing="")
        assert "so the stored signing secret is not sent there" in other["signing"][0]
        assert "You changed the kind" in errors(admin_client, row, kind="slack", url="", signing="")["url"][0]
        row.refresh_from_db()
        assert row.checked_url().reveal() == URL

    def test_only_chosen_events_are_kept_and_one_at_least_is_asked_for(self, admin_client):
        assert saved(admin_client, events=["failing", "expiry"]).events == ["failing", "expiry"]
        assert "Choose at least one event" in errors(admin_client, name="B", events=[])["events"][0]
        assert "events" in errors(admin_client, name="B", events=["nonsense"])

    def test_two_people_do_not_undo_each_other_without_knowing(self, admin_client):
        row = saved(admin_client, events=["failing", "expiry"])
        page = reverse("mailadmin:settings-alert-edit", args=[row.pk])
        seen = admin_client.get(page).context["form"].initial["seen"]
        admin_client.post(page, values(name="Other", url="", signing="", seen=seen))
        response = admin_client.post(page, values(events=["failing", "silence"], url="", signing="", seen=seen))
        assert "Somebody saved other values" in response.text
        assert response.text.count('name="events" value="failing"') == 1
        assert response.context["form"]["events"].value() == ["failing", "silence"]

    def test_one_channel_too_many_is_refused(self, admin_client):
        AlertChannel.objects.bulk_create(
            AlertChannel(name=f"Channel {number}", kind="email", recipients="ops@example.org")
            for number in range(limits.ALERT_CHANNELS)
        )
        assert "At most 20 channels" in errors(admin_client)["__all__"][0]

    def test_the_address_of_the_console_is_remembered_with_the_first_channel(self, admin_client):
        saved(admin_client)
        assert Settings.load().console_url == "http://testserver"
        Settings.objects.update(console_url="https://mail.example.org")
        saved(admin_client, name="Second")
        assert Settings.load().console_url == "https://mail.example.org"

    def test_everything_is_in_the_audit_trail_without_secrets(self, admin_client):
        row = saved(admin_client)
        admin_client.post(reverse("mailadmin:settings-alert-switch", args=[row.pk]), {"enabled": "off"})
        admin_client.post(reverse("mailadmin:settings-alert-switch", args=[row.pk]), {"enabled": "on"})
        admin_client.post(reverse("mailadmin:settings-alert-delete", args=[row.pk]))
        entries = AuditEntry.objects.filter(object_type="alert channel").order_by("pk")
        assert [entry.action for entry in entries] == ["created", "switched off", "switched on", "deleted"]
        assert entries[0].changes["webhook address"] == ["none", "stored"]
        assert "canary" not in str(list(entries.values()))
        assert not AlertChannel.objects.exists()


NASTY = st.sampled_from(["", "\x00", "https://[::1", "https://a\r\nb/", "env:X", "9" * 5000, "webhook", "@,;"])


@few(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    typed=st.dictionaries(
        st.sampled_from(["name", "kind", "recipients", "url", "signing", "enabled", "seen"]),
        NASTY | st.text(max_size=60),
    )
)
def test_whatever_is_typed_the_form_answers(db, typed):
    form = AlertChannelForm(typed)
    form.is_valid()
    assert form.as_p()


class TestPreview:
    @pytest.mark.parametrize(
        ("kind", "says_text"), [("email", "Subject: [mail"), ("webhook", '"version": 1'), ("slack", '"blocks"')]
    )
    def test_the_form_shows_what_will_be_sent(self, admin_client, kind, says_text):
        row = saved(admin_client, kind=kind, recipients="ops@example.org")
        response = admin_client.get(reverse("mailadmin:settings-alert-edit", args=[row.pk]))
        assert says_text in response.context["preview"]


class TestTestAlert:
    @pytest.fixture
    def hook(self):
        with ScriptedServer(says(200), tls=False) as server:
            yield server

    def press(self, client, row):
        return client.post(reverse("mailadmin:settings-alert-test", args=[row.pk]), follow=True)

    def test_it_is_sent_at_once_even_to_a_channel_that_is_off(self, admin_client, hook):
        row = saved(admin_client, url=f"http://{hook.host}/hook", enabled="", events=["expiry"])
        response = self.press(admin_client, row)
        assert f"The test alert went to “Operations”. {hook.host} took it." in response.text
        assert len(hook.requests) == 1
        assert Alert.objects.get().event == "test"
        entry = AuditEntry.objects.get(action="sent a test alert")
        assert (entry.object_name, entry.detail) == ("Operations", f"to {hook.host}")

    def test_what_went_wrong_is_told_with_the_remedy(self, admin_client):
        with ScriptedServer(says(404, b"canary-answer"), tls=False) as gone:
            row = saved(admin_client, kind="slack", url=f"http://{gone.host}/hook")
            response = self.press(admin_client, row)
        assert "The test alert did not go to “Operations”." in response.text
        assert "Make a new incoming webhook in Slack" in response.text
        assert "canary" not in response.text
        assert AlertDelivery.objects.get().state == "failed"

    def test_by_e_mail_without_any_route_it_says_so(self, admin_client):
        row = saved(admin_client, kind="email", recipients="ops@example.org")
        assert "No SMTP connection or OAuth service is enabled" in self.press(admin_client, row).text

    def test_nobody_sends_more_than_a_few_in_a_minute(self, admin_client, hook):
        row = saved(admin_client, url=f"http://{hook.host}/hook")
        for _ in range(limits.TESTS_PER_MINUTE):
            self.press(admin_client, row)
        assert "which is the limit. Wait" in self.press(admin_client, row).text
        assert len(hook.requests) == limits.TESTS_PER_MINUTE

    def test_it_is_in_the_trail_before_it_leaves_so_that_many_at_once_are_counted(self, admin_client, hook):
        row, written = saved(admin_client, url=f"http://{hook.host}/hook"), []

        def watch(execute, sql, params, many, context):
            if sql.startswith("INSERT"):
                written.append((sql.split('"')[1], len(hook.requests)))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(watch):
            self.press(admin_client, row)
        assert ("mailadmin_auditentry", 0) in written


class TestList:
    def test_without_a_channel_it_teaches_the_next_step(self, admin_client, viewer_client):
        assert "Nobody is told" in admin_client.get("/alerts/").text
        assert "/settings/#alerts" in admin_client.get("/alerts/").text
        assert "An administrator sets up a channel" in viewer_client.get("/alerts/").text
        AlertChannel.objects.create(name="Ops", recipients="ops@example.org")
        assert "Nothing had to be told yet" in admin_client.get("/alerts/").text

    def test_a_filter_stands_only_where_there_is_something_to_filter(self, viewer_client):
        assert "Filter" not in viewer_client.get("/alerts/").text
        assert "Clear" in viewer_client.get("/alerts/?event=failing").text

    def test_it_shows_each_alert_with_what_became_of_it(self, viewer_client, django_assert_num_queries):
        alert = Alert.objects.create(
            event="failing", title="<b>Relay A</b> is stopped.", text="Because.", path="/smtp/"
        )
        AlertDelivery.objects.create(alert=alert, channel_name="Ops", state="failed", detail="HTTP 404 <i>")
        AlertDelivery.objects.create(
            alert=alert,
            channel_name="Mail",
            state="sent",
            detail="By it.",
            log_id="0b8f2a54-6a0e-4d51-8c0a-3c1f6f2c7a11",
        )
        Alert.objects.create(event="recovered", title="“Relay A” is no longer failing.")
        text = viewer_client.get("/alerts/").text
        assert "&lt;b&gt;Relay A&lt;/b&gt; is stopped." in text
        assert "HTTP 404 &lt;i&gt;" in text
        assert "/log/0b8f2a54-6a0e-4d51-8c0a-3c1f6f2c7a11/" in text
        assert "Nobody: no channel is told of this event." in text
        only = viewer_client.get("/alerts/?event=recovered").text
        assert "Relay A&lt;/b&gt;" not in only
        assert "no longer failing" in only
        assert "No alert of this kind" in viewer_client.get("/alerts/?event=expiry").text
        assert "Nothing was looked for" in viewer_client.get("/alerts/?event=nonsense").text

    def test_the_number_of_statements_does_not_grow(self, viewer_client, django_assert_max_num_queries):
        for number in range(30):
            alert = Alert.objects.create(event="failing", title=f"Alert {number}")
            AlertDelivery.objects.create(alert=alert, channel_name="Ops")
        with django_assert_max_num_queries(12):
            viewer_client.get("/alerts/")


def test_a_host_project_may_leave_the_address_empty(admin_client, preferences):
    assert admin_client.post("/settings/", preferences | {"console_url": ""}).status_code == 302
    response = admin_client.post("/settings/", preferences | {"console_url": "mail.example.org"})
    assert "Type where people open the console" in response.text
    assert (
        admin_client.post("/settings/", preferences | {"console_url": "https://mail.example.org/"}).status_code == 302
    )
