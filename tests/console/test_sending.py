"""The switch for all mail, the banner on every page, and the confirmation of a copied database (N9)."""

from __future__ import annotations

import io
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from mailadmin.console import hold
from mailadmin.core.outcome import DeliveryState
from mailadmin.delivery import generation, guard
from mailadmin.models import AuditEntry, Delivery, OutboxEntry, Settings

pytestmark = pytest.mark.django_db

PAGES = ("/", "/smtp/", "/log/", "/settings/", "/compose/", "/tests/", "/outbox/")


def waiting(count: int = 1, **values: Any) -> list[Delivery]:
    """Messages that were queued an hour ago."""
    then = timezone.now() - timedelta(hours=1)
    rows = [Delivery.objects.create(created_at=then, state=DeliveryState.QUEUED, mode="queued") for _ in range(count)]
    defaults = {"due_at": timezone.now() + timedelta(minutes=1), "queued_at": then}
    for row in rows:
        OutboxEntry.objects.create(
            delivery=row, **(defaults | {"give_up_at": timezone.now() + timedelta(days=1)} | values)
        )
    return rows


def form(**values: str) -> dict[str, str]:
    return {"sending": "on", "redirect_to": "", "spared": "", "seen": "on"} | values


def post(client: Client, **values: str) -> Any:
    return client.post("/settings/sending/", form(**values), follow=True)


class TestSwitch:
    def test_n9_holding_is_one_press_and_tells_every_page_and_the_audit_trail(self, admin_client: Client) -> None:
        assert "All mail is held." in post(admin_client, sending="held").text
        assert Settings.load().sending == "held"
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.changes) == ("switched", {"sending": ["Mail is sent", "All mail is held"]})
        for page in PAGES:
            assert "banner-warning" in admin_client.get(page).text, page

    def test_n9_redirecting_needs_an_address(self, admin_client: Client) -> None:
        page = post(admin_client, sending="redirected").text
        assert "Type the address that all mail is to go to." in page
        assert Settings.load().sending == "on"
        page = post(admin_client, sending="redirected", redirect_to="qa@test.example", spared="ours.example").text
        assert "All mail goes to qa@test.example." in page
        assert "Except for: ours.example." in page

    @pytest.mark.parametrize(
        ("field", "value", "sentence"),
        [
            ("redirect_to", "nobody", "is not an e-mail address"),
            ("redirect_to", "a@example.org, b@example.org", "holds 2 addresses"),
            ("spared", "not a domain!", "is not a domain name"),
        ],
    )
    def test_n9_what_cannot_be_used_gets_its_sentence(
        self, admin_client: Client, field: str, value: str, sentence: str
    ) -> None:
        response = post(admin_client, sending="redirected", **({"redirect_to": "qa@test.example"} | {field: value}))
        assert sentence in str(response.context["sending_form"].errors[field])
        assert Settings.load().sending == "on"

    def test_n9_nothing_is_said_while_mail_is_sent(self, admin_client: Client) -> None:
        assert hold.banner() is None
        assert "/settings/sending/" not in admin_client.get("/smtp/").text

    def test_n9_the_banner_leads_only_those_to_the_switch_who_may_turn_it(
        self, viewer_client: Client, admin_client: Client, nobody_client: Client
    ) -> None:
        post(admin_client, sending="held")
        assert "All mail is held." in viewer_client.get("/smtp/").text
        assert "/settings/sending/" not in viewer_client.get("/smtp/").text
        assert "/settings/sending/" in admin_client.get("/smtp/").text
        assert "All mail is held." not in nobody_client.get("/smtp/").text

    def test_n9_switched_on_again_what_waits_is_due_now(self, admin_client: Client) -> None:
        post(admin_client, sending="held")
        waiting(waits_for_route=True, waits_because="All mail is held.")
        post(admin_client, seen="held")
        assert OutboxEntry.objects.get().due_at <= timezone.now()

    def test_n9_two_people_do_not_undo_each_other_unawares(self, admin_client: Client) -> None:
        post(admin_client, sending="held")
        page = post(admin_client, sending="on")  # from a page that still shows "on"
        assert "Somebody switched while this page was open" in page.text
        assert Settings.load().sending == "held"
        assert page.context["sending_form"]["seen"].value() == "held"
        post(admin_client, sending="on", seen="held")
        assert Settings.load().sending == "on"

    def test_n9_a_form_that_was_not_changed_can_be_applied(self, admin_client: Client) -> None:
        """Browsers send other line ends, and the hidden field comes back as it was."""
        post(admin_client, sending="held", spared="a.example\r\nb.example")
        shown = admin_client.get("/settings/sending/").context["sending_form"]["seen"].value()
        page = post(admin_client, sending="on", seen=shown.replace("\n", "\r\n")).text
        assert "Mail is sent again" in page

    def test_n9_no_other_preference_turns_the_switch(self, admin_client: Client, preferences: dict[str, str]) -> None:
        post(admin_client, sending="held")
        admin_client.post("/settings/", preferences | {"sending": "on"})
        assert Settings.load().sending == "held"


class TestConfirmation:
    @pytest.fixture(autouse=True)
    def copied(self, settings: Any, tmp_path: Path) -> None:
        """The database of “production”, copied to “staging”."""
        own = {"GENERATION_FILE": tmp_path / "generation"}
        settings.MAILADMIN = settings.MAILADMIN | own | {"ENVIRONMENT": "production"}
        Settings.load()
        guard.advance()
        path = generation.file()
        assert path
        path.unlink()
        settings.MAILADMIN = settings.MAILADMIN | {"ENVIRONMENT": "staging"}

    def test_n9_every_page_asks(self, admin_client: Client, viewer_client: Client) -> None:
        for page in PAGES:
            assert "is this the right database?" in admin_client.get(page).text, page
        assert "/settings/confirm/" in admin_client.get("/").text
        assert "/settings/confirm/" not in viewer_client.get("/").text

    def test_n9_the_page_says_what_waits_and_since_when(self, admin_client: Client) -> None:
        waiting(2)
        page = admin_client.get("/settings/confirm/").text
        assert "2 messages wait" in page
        assert "“production”" in page
        assert "It belongs to “staging”: cancel what waits" in page

    def test_n9_one_confirmation_lets_what_waits_leave(self, admin_client: Client) -> None:
        waiting(waits_for_route=True)
        page = admin_client.post("/settings/confirm/", {"waiting": "send"}, follow=True).text
        assert "Confirmed. Mail leaves again." in page
        assert "is this the right database?" not in page
        assert OutboxEntry.objects.get().due_at <= timezone.now()
        entry = AuditEntry.objects.get()
        assert entry.action == "confirmed"
        assert entry.changes["environment"] == ["production", "staging"]

    def test_n9_or_cancels_it_before_anything_leaves(self, admin_client: Client) -> None:
        waiting(3)
        page = admin_client.post("/settings/confirm/", {"waiting": "cancel"}, follow=True).text
        assert "3 messages cancelled" in page
        assert not OutboxEntry.objects.exists()
        assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.CANCELLED}

    def test_n9_what_a_worker_has_in_its_hands_is_not_confirmed_unawares(self, admin_client: Client) -> None:
        """Left over, it would be sent."""
        waiting(1, claim=uuid.uuid4(), worker="another")
        page = admin_client.post("/settings/confirm/", {"waiting": "cancel"}, follow=True).text
        assert "in the hands of a worker" in page
        assert "belongs to the environment “production”" in page
        assert not AuditEntry.objects.exists()

    def test_n9_the_claims_of_the_originals_workers_are_no_obstacle(self, admin_client: Client) -> None:
        """They were copied with the database, and no worker may run here at all."""
        waiting(1, claim=uuid.uuid4(), worker="of production", due_at=timezone.now() - timedelta(minutes=1))
        page = admin_client.post("/settings/confirm/", {"waiting": "cancel"}, follow=True).text
        assert "1 message cancelled" in page

    def test_n9_a_press_that_says_nothing_confirms_nothing(self, admin_client: Client) -> None:
        page = admin_client.post("/settings/confirm/", {"waiting": "perhaps"}).text
        assert "belongs to the environment “production”" in page

    def test_n9_there_is_nothing_to_confirm_twice(self, admin_client: Client) -> None:
        admin_client.post("/settings/confirm/", {"waiting": "send"})
        page = admin_client.post("/settings/confirm/", {"waiting": "send"}, follow=True).text
        assert "There was nothing to confirm." in page
        assert "there is nothing to confirm" in admin_client.get("/settings/confirm/").text

    def test_n9_a_press_on_an_old_page_cancels_nothing_that_is_to_be_sent(self, admin_client: Client) -> None:
        """Somebody else has confirmed and sends what waits; the page of the second one still offers to cancel it."""
        waiting(2)
        admin_client.post("/settings/confirm/", {"waiting": "send"})
        page = admin_client.post("/settings/confirm/", {"waiting": "cancel"}, follow=True).text
        assert "There was nothing to confirm." in page
        assert OutboxEntry.objects.count() == 2

    def test_n9_what_was_cancelled_before_a_confirmation_failed_is_in_the_audit_trail(
        self, admin_client: Client
    ) -> None:
        waiting(2)
        waiting(1, claim=uuid.uuid4(), worker="another")
        admin_client.post("/settings/confirm/", {"waiting": "cancel"})
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.detail[:10]) == ("cancelled", "2 messages")

    def test_n9_the_command_looks_and_confirms_with_exit_codes(self) -> None:
        waiting(2)
        with pytest.raises(CommandError, match="Messages that wait: 2") as refused:
            call_command("mailadmin_confirm")
        assert refused.value.returncode == 1
        out = io.StringIO()
        call_command("mailadmin_confirm", "--cancel", stdout=out)
        assert "Cancelled 2." in out.getvalue()
        call_command("mailadmin_confirm", stdout=out)
        assert "this database belongs here" in out.getvalue()
        assert AuditEntry.objects.get().user_name.endswith("(shell)")


class TestFacts:
    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"ENVIRONMENT": "production"}, "A copied or restored database is noticed"),
            ({"ENVIRONMENT": "production", "GENERATION_FILE": None}, "noticed by its name"),
            ({"GENERATION_FILE": None}, "Nothing notices a copied database"),
            ({"DELIVERY": "queued"}, "a worker sends"),
        ],
    )
    def test_n9_the_settings_page_says_how_the_database_is_guarded(
        self, admin_client: Client, settings: Any, values: dict[str, Any], words: str
    ) -> None:
        settings.MAILADMIN = settings.MAILADMIN | values
        assert words in admin_client.get("/settings/").text
