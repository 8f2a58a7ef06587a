"""N14: what applying a file does, exactly, and what it leaves alone."""

from __future__ import annotations

import pytest

from mailadmin.delivery import health, routes
from mailadmin.models import (
    AlertChannel,
    ApiClient,
    AuditEntry,
    IntegratedService,
    OAuthService,
    RouteState,
    SenderDomain,
    Settings,
    SmtpConnection,
)
from mailadmin.settings_file.apply import Moved, Refused, release
from mailadmin.settings_file.export import export
from tests.models.rows import app, connection
from tests.settings_file.conftest import WHO

CLIENT_ID = "3c1d22aa-86f1-41af-91ab-2d7cd011db47"
WHOLE = f"""
[settings]
retention_days = 90
resolvers = ["192.0.2.53", "[2001:db8::53]:5353"]

[sending]
state = "redirected"
redirect_to = "team@example.org"
spared = ["example.org"]

[[integrated_service]]
name = "Contoso app"
tenant = "contoso.example"
client_id = "{CLIENT_ID}"
secret = "env:MAILADMIN_SECRET_RELAY"
credential_ends_on = 2099-03-31

[[oauth_service]]
name = "Contoso 365"
integrated_service = "Contoso app"
service_identity = "robot@contoso.example"
mailboxes = ["two@contoso.example"]

[[smtp_connection]]
name = "Relay B"
host = "b.example.org"
auth = "password"
user_name = "ada"
password = "env:MAILADMIN_SECRET_RELAY"
default_recipients = ['"Ann, of Sales" <ann@example.org>', "bob@example.org"]

[[smtp_connection]]
name = "Relay A"
host = "a.example.org"
security = "tls"
idle_seconds = 12.5

[[alert_channel]]
name = "Operations"
kind = "webhook"
url = "env:MAILADMIN_SECRET_HOOK"
signing = "env:MAILADMIN_SECRET_SIGNING"
events = ["failing"]

[[sender_domain]]
domain = "Example.ORG"
selectors = ["Mail2026"]

[[api_client]]
name = "Shop"
scopes = ["send", "health"]
routes = ["smtp:relay a", "oauth:Contoso 365"]
expires_at = 2099-01-01T00:00:00+02:00
"""


@pytest.mark.django_db
class TestTheWholeFile:
    """N14."""

    def test_every_table_becomes_rows(self, applied):
        applied(WHOLE)
        assert Settings.load().retention_days == 90
        assert Settings.load().redirect_to == "team@example.org"
        service = IntegratedService.objects.get()
        assert service.secret.reference == "env:MAILADMIN_SECRET_RELAY"
        route = OAuthService.objects.get()
        assert route.integrated_service == service
        assert route.to_route().mailboxes == ("two@contoso.example",)
        relay_b, relay_a = SmtpConnection.objects.all()
        assert (relay_b.name, relay_a.name) == ("Relay B", "Relay A"), "the place in the file is the order"
        assert relay_b.to_route().password.reveal() == "canary-outside-6621"
        assert relay_b.to_route().default_recipients == ('"Ann, of Sales" <ann@example.org>', "bob@example.org")
        channel = AlertChannel.objects.get()
        assert (channel.host, channel.events) == ("hooks.example.org", ["failing"])
        assert SenderDomain.objects.get().domain == "example.org"
        client = ApiClient.objects.get()
        assert client.routes == [str(relay_a.key), str(route.key)]

    def test_the_second_time_there_is_nothing_to_change(self, applied, plan):
        first = applied(WHOLE)
        before = export(), AuditEntry.objects.count(), Settings.current_version()
        assert not first.empty
        assert applied(WHOLE).empty
        assert plan(WHOLE).empty
        assert (export(), AuditEntry.objects.count(), Settings.current_version()) == before

    def test_rows_say_where_they_come_from(self, applied):
        applied(WHOLE)
        for model in (Settings, IntegratedService, OAuthService, SmtpConnection, AlertChannel, SenderDomain, ApiClient):
            assert {row.managed_by for row in model.objects.all()} == {"mail.toml"}, model

    def test_what_is_exported_can_be_applied_elsewhere_and_is_the_same(self, applied):
        applied(WHOLE)
        text = export()
        for model in (OAuthService, SmtpConnection, IntegratedService, AlertChannel, SenderDomain, ApiClient, Settings):
            model.objects.all().delete()
        applied(text)
        assert export() == text

    def test_an_export_of_the_console_changes_nothing(self, plan):
        connection("Relay A", password="x", default_recipients="Ann <ann@example.org>", trusted_hosts="a.org\nb.org")
        found = plan(export())
        assert found.empty
        assert not found.faults
        assert "“Relay A” is as the file says, and still belongs to the console (--adopt)." in "".join(found.notes)

    def test_each_row_has_an_entry_in_the_audit_trail(self, applied):
        applied(WHOLE)
        entries = list(AuditEntry.objects.values_list("user_name", "action", "object_name"))
        assert ("mailadmin_apply mail.toml", "created", "Relay A") in entries
        assert len(entries) == 9
        assert not AuditEntry.objects.exclude(user_name="mailadmin_apply mail.toml")
        applied(WHOLE.replace("a.example.org", "c.example.org"))
        newest = AuditEntry.objects.first()
        assert (newest.action, newest.changes["host"]) == ("changed", ["a.example.org", "c.example.org"])
        assert newest.before["host"] == "a.example.org", "so that it can be restored"

    def test_no_secret_is_in_trail_export_or_plan(self, applied, plan):
        told = str(plan(WHOLE).as_data())
        applied(WHOLE)
        told += export() + str(list(AuditEntry.objects.values()))
        assert "canary" not in told


RELAY = """
[[smtp_connection]]
name = "Relay A"
host = "smtp.example.org"
"""


@pytest.mark.django_db
class TestOwnership:
    """A file owns what it made, and nothing else by itself."""

    def test_a_row_of_the_console_is_not_taken_over_silently(self, plan):
        connection("Relay A", host="old.example.org")
        (fault,) = plan(RELAY).faults
        assert "belongs to the console, with other values (host)" in fault.text
        assert "--adopt" in fault.remedy
        assert fault.line == 3

    def test_it_is_taken_over_when_that_is_asked_for(self, applied):
        row = connection("Relay A", host="old.example.org")
        (step,) = applied(RELAY, adopt=True).steps
        assert (step.action, step.adopted) == ("change", "")
        row.refresh_from_db()
        assert (row.host, row.managed_by) == ("smtp.example.org", "mail.toml")

    def test_a_row_as_the_file_says_is_taken_over_without_a_change(self, applied):
        connection("Relay A")
        assert [step.action for step in applied(RELAY, adopt=True).steps] == ["adopt"]
        assert applied(RELAY).empty

    def test_a_row_of_another_file_needs_adopt_as_well(self, plan, applied):
        applied('name = "other.toml"\n' + RELAY)
        assert "belongs to the file other.toml" in plan(RELAY.replace("smtp.", "new.")).faults[0].text

    def test_what_the_file_no_longer_names_stays_until_prune(self, plan, applied):
        applied(RELAY + '[[smtp_connection]]\nname = "Relay B"\nhost = "b.example.org"\n')
        connection("Of the console")
        left = plan(RELAY)
        assert left.empty
        assert "“Relay B”: the file no longer says anything of it; --prune removes it." in left.notes[0]
        assert [(step.action, step.name) for step in applied(RELAY, prune=True).steps] == [("delete", "Relay B")]
        assert {row.name for row in SmtpConnection.objects.all()} == {"Relay A", "Of the console"}

    def test_prune_gives_the_preferences_back(self, applied):
        applied("[settings]\nretention_days = 5\n")
        (step,) = applied("", prune=True).steps
        assert step.action == "release"
        row = Settings.load()
        assert (row.managed_by, row.retention_days) == ("", 5)

    def test_a_service_in_use_is_not_pruned(self, plan, applied):
        applied(f'[[integrated_service]]\nname = "App"\ntenant = "a.example"\nclient_id = "{CLIENT_ID}"\n')
        OAuthService.objects.create(
            name="365", integrated_service=IntegratedService.objects.get(), service_identity="a@a.example"
        )
        (fault,) = plan("", prune=True).faults
        assert "“365” signs in with it" in fault.text

    def test_release_gives_all_of_it_back_as_it_stands(self, applied):
        applied(WHOLE)
        assert release("mail.toml", WHO) == 8
        assert release("mail.toml", WHO) == 0
        assert SmtpConnection.objects.first().managed_by == ""
        assert SmtpConnection.objects.first().to_route().password is not None

    def test_it_is_in_force_for_the_next_message(self, applied):
        routes.forget()
        assert routes.current().named("Relay A") is None
        applied(RELAY)
        assert routes.current().named("Relay A") is not None
        routes.forget()

    def test_keys_left_out_go_back_to_the_usual(self, applied):
        applied(RELAY + "port = 2525\n")
        applied(RELAY)
        assert SmtpConnection.objects.get().port is None

    def test_the_switch_for_all_mail_is_left_alone_where_the_file_says_nothing_of_it(self, applied):
        Settings.load()
        Settings.objects.update(sending="held")
        applied("[settings]\nretention_days = 5\n")
        assert Settings.load().sending == "held"

    def test_a_name_in_another_case_is_the_same_row(self, applied):
        applied(RELAY)
        (step,) = applied(RELAY.replace("Relay A", "RELAY a")).steps
        assert step.changes == {"name": ("Relay A", "RELAY a")}


@pytest.mark.django_db
class TestOrder:
    """The place in the file is the order of delivery."""

    @staticmethod
    def _file(*names: str) -> str:
        return "".join(f'[[smtp_connection]]\nname = "{name}"\nhost = "smtp.example.org"\n' for name in names)

    @staticmethod
    def _names() -> list[str]:
        return [row.name for row in SmtpConnection.objects.all()]

    def test_it_is_changed_and_planned(self, applied):
        applied(self._file("A", "B", "C"))
        assert applied(self._file("C", "A", "B")).order == {"smtp_connection": (["A", "B", "C"], ["C", "A", "B"])}
        assert self._names() == ["C", "A", "B"]
        assert applied(self._file("C", "A", "B")).empty

    def test_routes_of_the_console_keep_their_places(self, applied):
        applied(self._file("A", "B"))
        connection("Console", order=1)
        SmtpConnection.objects.filter(name="B").update(order=2)
        applied(self._file("B", "A"))
        assert self._names() == ["B", "Console", "A"]

    def test_a_new_one_stands_where_the_file_has_it(self, applied):
        applied(self._file("A", "B"))
        connection("Console", order=7)
        applied(self._file("New", "A", "Second", "B"))
        assert self._names() == ["New", "A", "Second", "B", "Console"]


@pytest.mark.django_db
class TestSecrets:
    """A secret belongs to its destination, in a file as in a form."""

    STORED = """
[[smtp_connection]]
name = "Relay A"
host = "smtp.example.org"
auth = "password"
user_name = "ada"
"""

    def test_what_is_stored_stays_when_nothing_is_said(self, applied):
        row = connection("Relay A", password="stored")
        sealed = row.secret_stored
        applied(self.STORED + "port = 2525\n".replace("port = 2525", "parallel = 2"), adopt=True)
        row.refresh_from_db()
        assert row.secret_stored == sealed

    def test_a_stored_one_is_asked_for_when_the_destination_changes(self, plan):
        connection("Relay A", password="stored")
        (fault,) = plan(self.STORED.replace("smtp.", "evil."), adopt=True).faults
        assert fault.key == "password"
        assert "belongs to what this was before" in fault.text

    def test_a_reference_follows_the_file(self, applied):
        text = self.STORED + 'password = "env:MAILADMIN_SECRET_RELAY"\n'
        applied(text)
        applied(text.replace("smtp.", "other."))
        assert SmtpConnection.objects.get().to_route().password.reveal() == "canary-outside-6621"

    def test_a_reference_that_stays_keeps_its_date(self, applied):
        text = self.STORED + 'password = "env:MAILADMIN_SECRET_RELAY"\n'
        applied(text)
        before = SmtpConnection.objects.get().secret_changed_at
        applied(text + "parallel = 2\n")
        assert SmtpConnection.objects.get().secret_changed_at == before

    def test_one_that_is_of_no_use_any_more_is_forgotten_and_the_plan_says_so(self, applied):
        connection("Relay A", password="stored")
        (step,) = applied(RELAY, adopt=True).steps
        assert step.changes["password"] == ("(stored in the database)", "")
        assert SmtpConnection.objects.get().secret_stored == ""

    def test_the_same_reference_to_another_host_is_a_change(self, applied, plan, monkeypatch):
        text = '[[alert_channel]]\nname = "A"\nkind = "slack"\nurl = "env:MAILADMIN_SECRET_HOOK"\n'
        applied(text)
        monkeypatch.setenv("MAILADMIN_SECRET_HOOK", "https://other.example/canary")
        (step,) = applied(text).steps
        assert step.changes == {"host": ("hooks.example.org", "other.example")}
        assert AlertChannel.objects.get().checked_url().reveal() == "https://other.example/canary"
        assert plan(text).empty

    def test_a_deleted_route_of_a_client_stays_named(self, applied, plan):
        """An empty list means any route, so that the last one must not vanish from it."""
        applied(RELAY + '[[api_client]]\nname = "Shop"\nscopes = ["send"]\nroutes = ["smtp:Relay A"]\n')
        key = str(SmtpConnection.objects.get().key)
        SmtpConnection.objects.all().delete()
        assert f'routes = ["{key}"]' in export()
        assert plan(export()).empty

    def test_it_is_forgotten_when_the_file_says_so(self, applied):
        row = app("App", password="stored")
        applied(
            f'[[integrated_service]]\nname = "App"\ntenant = "contoso.example"\nclient_id = "{CLIENT_ID}"\nsecret = ""',
            adopt=True,
        )
        row.refresh_from_db()
        assert row.secret_stored == ""


@pytest.mark.django_db
class TestTogether:
    """All of it or nothing, and nothing behind somebody's back."""

    def test_with_one_fault_nothing_is_applied(self, applied):
        with pytest.raises(Refused):
            applied(RELAY + '[[smtp_connection]]\nname = "B"\nhost = "a b"\n')
        assert not SmtpConnection.objects.exists()

    def test_a_plan_that_is_not_the_one_that_was_shown_is_not_applied(self, plan, applied):
        shown = plan(RELAY)
        connection("Relay A", host="old.example.org", managed_by="mail.toml")
        with pytest.raises(Moved):
            applied(RELAY, digest=shown.digest)
        assert SmtpConnection.objects.get().host == "old.example.org"

    def test_a_stopped_route_that_is_changed_is_used_again(self, applied, django_capture_on_commit_callbacks):
        applied(RELAY)
        row = SmtpConnection.objects.get()
        RouteState.objects.create(kind="smtp", route_id=row.pk, stopped=True, failing=True, since=row.created_at)
        applied(RELAY.replace("smtp.", "new."))
        assert not health.states.of(row.key).exists()

    def test_n14_two_hundred_connections_twice(self, applied):
        """N14: the second time changes nothing and says so."""
        text = "".join(
            f'[[smtp_connection]]\nname = "Relay {n}"\nhost = "smtp{n}.example.org"\nauth = "password"\n'
            f'user_name = "u{n}"\npassword = "env:MAILADMIN_SECRET_RELAY"\n'
            for n in range(200)
        )
        assert len(applied(text).steps) == 200
        assert applied(text).empty
