"""P11: what is kept is found again in every language. Whoever works in German, the names by which rows are looked up,
tests are compared and hosts are taken out of reports stay those of the code; people read them in their own."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from mailadmin import testruns
from mailadmin.console import audit, history, reports
from mailadmin.console.comparing import differences
from mailadmin.console.forms import IntegratedServiceForm
from mailadmin.console.support import report as support_report
from mailadmin.models import AuditEntry, ConnectionTestStep, IntegratedService, SmtpConnection
from mailadmin.testruns.rows import write
from tests.fakes.app_certificates import app_certificate

pytestmark = pytest.mark.django_db
GERMAN = {"accept-language": "de"}


def test_the_values_of_a_test_have_one_language(smtp):
    subject = testruns.subject_of_row(smtp)
    values = testruns.values_of(subject)
    assert values["Security"] == "STARTTLS required"
    with translation.override("de"):
        assert testruns.values_of(subject) == values
        assert testruns.in_words("STARTTLS required") == gettext("STARTTLS required")
        assert testruns.in_words("yes") == gettext("yes")
        assert testruns.in_words(values["Password"]).startswith("gespeichert ")
        assert testruns.in_words("smtp.example.org") == "smtp.example.org"


def test_tests_in_two_languages_differ_by_what_was_changed_alone(smtp, administrator):
    with translation.override("de"):
        before = write(testruns.subject_of_row(smtp), administrator, "", True)
    smtp.keep_open = False
    after = write(testruns.subject_of_row(smtp), administrator, "", True)
    with translation.override("de"):
        found = differences(before, testruns.steps_of(before), after, testruns.steps_of(after)).settings
        expected = (gettext("Keep the session open"), gettext("yes"), gettext("no"))
    assert [(one.name, one.before, one.after) for one in found] == [expected]


def test_a_report_without_names_has_none_whatever_the_language(smtp, administrator):
    with translation.override("de"):
        test = write(testruns.subject_of_row(smtp), administrator, "", True)
        text = reports.report_of(test, testruns.steps_of(test), hosts=False)
    assert "Relay A" in text
    assert "smtp.example.org" not in text


def test_the_support_report_is_in_english_for_everybody(smtp):
    with translation.override("de"):
        assert "What is wrong now" in support_report(hosts=True)
        assert "Not tested yet" in support_report(hosts=True)


def test_the_trail_is_in_the_language_of_the_site_and_read_in_that_of_the_reader(admin_client, smtp):
    admin_client.post(reverse("mailadmin:smtp-switch", args=[smtp.pk]), {"enabled": "off"}, headers=GERMAN)
    with translation.override("de"):
        before = audit.snapshot(smtp)
        smtp.keep_open = False
        audit.record(None, "changed", smtp, audit.diff(before, audit.snapshot(smtp)))
    entry = AuditEntry.objects.latest("pk")
    assert (entry.object_type, entry.changes) == ("SMTP connection", {"keep the session open": ["yes", "no"]})
    with translation.override("de"):
        assert [one.done for one in history.history_of(SmtpConnection, smtp.pk)] == ["geändert", "ausgeschaltet"]
    page = admin_client.get(reverse("mailadmin:audit-list"), {"action": "switched off"}, headers=GERMAN).text
    assert "ausgeschaltet" in page
    assert "SMTP-Verbindung" in page


def test_the_words_of_a_choice_are_those_of_the_reader():
    step = ConnectionTestStep(state="failed")
    english = step.get_state_display()
    with translation.override("de"):
        assert step.get_state_display() not in ("", english)
        assert SmtpConnection(security="starttls").get_security_display() == gettext("STARTTLS required")


def test_a_wrong_passphrase_is_told_at_its_field_in_german_too():
    typed = {"name": "App", "cloud": "global", "tenant": "contoso.example", "credential_kind": "certificate"}
    typed |= {"client_id": "3c1d22aa-86f1-41af-91ab-2d7cd011db47", "passphrase": "wrong"}
    typed |= {"account_kind": "service-account", "proxy_kind": ""}
    file = SimpleUploadedFile("app.pfx", app_certificate().pfx("right"))
    with translation.override("de"):
        form = IntegratedServiceForm(typed, {"bundle": file}, instance=IntegratedService())
        assert "passphrase" in form.errors
        assert "bundle" not in form.errors
