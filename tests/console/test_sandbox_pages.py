"""N17: the sandbox in the console: what arrived, which fault it rehearses, and its two routes with one click."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailadmin.console import arrived
from mailadmin.models import (
    AuditEntry,
    IntegratedService,
    OAuthService,
    RouteState,
    SandboxMessage,
    SandboxServer,
    SmtpConnection,
)
from mailadmin.sandbox.behaviour import GRAPH_FAULTS, SMTP_FAULTS
from tests.fakes import certificates

pytestmark = pytest.mark.django_db
RAW = (
    b"From: =?utf-8?q?Caf=C3=A9?= <shop@example.org>\r\nTo: ann@example.org\r\nSubject: Invoice\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n'
    b"--x\r\nContent-Type: text/plain\r\n\r\nGood <b>morning</b>\r\n"
    b"--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<script>alert(1)</script><p>Good morning</p>\r\n"
    b'--x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="bill.pdf"\r\n\r\n%PDF\r\n'
    b"--x--\r\n"
)


def message(**values: Any) -> SandboxMessage:
    defaults: dict[str, Any] = {
        "via": "smtp",
        "envelope_sender": "shop@example.org",
        "recipients": ["ann@example.org", "hidden@example.org"],
        "subject": "Invoice",
        "raw": RAW,
    }
    return SandboxMessage.objects.create(**(defaults | values))


def running(**values: Any) -> SandboxServer:
    server = SandboxServer(
        smtp_port=2525,
        https_port=8443,
        ca_pem=certificates.authority().pem,
        beat_at=timezone.now(),
        credentials={
            "user": "sandbox",
            "password": "sandbox-password",
            "tenant": "5a5db0c5-0000-4000-8000-000000000001",
            "client_id": "5a5db0c5-0000-4000-8000-000000000002",
            "client_secret": "sandbox-client-secret",
        },
    )
    for name, value in values.items():
        setattr(server, name, value)
    server.save()
    return server


def add(client: Client) -> str:
    return client.post(reverse("mailadmin:sandbox-add"), follow=True).content.decode()


def test_the_inbox_shows_what_arrived_and_how_to_start(operator_client: Client) -> None:
    text = operator_client.get(reverse("mailadmin:sandbox")).content.decode()
    assert "python manage.py sandbox" in text
    assert "Nothing arrived yet" in text
    running()
    message()
    text = operator_client.get(reverse("mailadmin:sandbox")).content.decode()
    assert "localhost:2525" in text
    assert "Invoice" in text
    assert ">+1<" in text


def test_a_message_shows_headers_envelope_text_and_attachments_and_no_html_of_its_own(operator_client: Client) -> None:
    row = message()
    text = operator_client.get(reverse("mailadmin:sandbox-message", args=[row.pk])).content.decode()
    assert "Café &lt;shop@example.org&gt;" in text
    assert "hidden@example.org" in text  # of the envelope alone
    assert "Good &lt;b&gt;morning&lt;/b&gt;" in text
    assert "bill.pdf" in text
    assert "<script>alert" not in text
    assert f'<iframe class="preview" sandbox src="{reverse("mailadmin:sandbox-html", args=[row.pk])}"' in text


def test_the_html_of_a_message_is_locked_into_a_policy_of_its_own(operator_client: Client) -> None:
    response = operator_client.get(reverse("mailadmin:sandbox-html", args=[message().pk]))
    policy = response["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert "script-src" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    plain = message(raw=b"Subject: x\r\n\r\nplain")
    assert operator_client.get(reverse("mailadmin:sandbox-html", args=[plain.pk])).status_code == 404


def test_a_message_can_be_had_byte_for_byte_and_no_browser_interprets_it(operator_client: Client) -> None:
    response = operator_client.get(reverse("mailadmin:sandbox-raw", args=[message().pk]))
    assert response.content == RAW
    assert response["Content-Type"] == "text/plain"
    assert response["Content-Disposition"].startswith("attachment")
    assert response["X-Content-Type-Options"] == "nosniff"


def test_n17_a_fault_is_chosen_by_door_and_written_down(operator_client: Client) -> None:
    running(smtp_fault="535")
    address = reverse("mailadmin:sandbox-fault")
    text = operator_client.post(address, {"graph": "403", "smtp": ""}, follow=True).content.decode()
    server = SandboxServer.load()
    assert (server.graph_fault, server.smtp_fault, server.smtp_port) == ("403", "", 2525)
    assert "From the next message on: 403 ErrorAccessDenied" in text
    assert AuditEntry.objects.get().detail.startswith("403")
    text = operator_client.post(address, {"graph": "bogus"}, follow=True).content.decode()
    assert "The sandbox knows no fault “bogus”" in text
    assert SandboxServer.load().graph_fault == "403"


def test_n17_the_faults_stand_in_groups_and_the_page_says_what_each_does(operator_client: Client) -> None:
    running(graph_fault="range-lost")
    text = operator_client.get(reverse("mailadmin:sandbox")).content.decode()
    for fault in (*GRAPH_FAULTS.values(), *SMTP_FAULTS.values()):
        assert f'<optgroup label="{escape(fault.group)}">' in text
        assert f"<dt>{escape(fault.label)}</dt><dd>{escape(fault.does)}</dd>" in text
    assert text.count("the upload must be resumed.") == 2  # in the list, and beside what is chosen
    assert '<option value="range-lost" selected>' in text


def test_n17_the_page_names_the_files_of_the_other_credentials(operator_client: Client) -> None:
    server = running()
    assert "Its key" not in operator_client.get(reverse("mailadmin:sandbox")).content.decode()
    files = {"certificate_file": "/box/client.pem", "key_file": "/box/client.key", "assertion_file": "/box/a.jwt"}
    server.credentials |= files
    server.save()
    text = operator_client.get(reverse("mailadmin:sandbox")).content.decode()
    assert all(name in text for name in files.values())
    assert "sandbox-client-secret" not in text


def test_the_inbox_can_be_emptied(admin_client: Client) -> None:
    message()
    assert (
        "1 message was removed" in admin_client.post(reverse("mailadmin:sandbox-empty"), follow=True).content.decode()
    )
    assert SandboxMessage.objects.count() == 0


def test_n17_the_sandbox_is_added_once_with_working_credentials(admin_client: Client) -> None:
    server = running()
    text = add(admin_client)
    assert "“Sandbox Office 365” and “Sandbox SMTP” are ready. Test them now." in text
    service, oauth, smtp = IntegratedService.objects.get(), OAuthService.objects.get(), SmtpConnection.objects.get()
    for row in (service, oauth, smtp):
        row.full_clean()
    assert (service.cloud, service.authority_host, service.graph_host) == ("custom", "localhost:8443", "localhost:8443")
    assert oauth.integrated_service == service
    assert (service.wide_permission_ok, oauth.large_messages) == (True, True)
    assert (smtp.host, smtp.port, smtp.security, smtp.auth) == ("localhost", 2525, "starttls", "password")
    assert smtp.secret.value().reveal() == server.credentials["password"]  # type: ignore[union-attr]
    assert service.secret.value().reveal() == server.credentials["client_secret"]  # type: ignore[union-attr]
    assert reverse("mailadmin:test-start", args=["oauth", oauth.pk]) in text
    assert AuditEntry.objects.filter(action="created").count() == 3
    assert "sandbox-password" not in repr(list(AuditEntry.objects.values()))
    assert "nothing was changed" in add(admin_client)
    assert (SmtpConnection.objects.count(), AuditEntry.objects.count()) == (1, 3)


def test_adding_the_sandbox_again_corrects_ports_that_moved_and_keeps_the_secrets(admin_client: Client) -> None:
    running()
    add(admin_client)
    smtp = SmtpConnection.objects.get()
    RouteState.objects.create(kind="smtp", route_id=smtp.pk, stopped=True, since=timezone.now())
    running(smtp_port=2600, https_port=8600)
    add(admin_client)
    smtp.refresh_from_db()
    service = IntegratedService.objects.get()
    assert (smtp.port, service.graph_host) == (2600, "localhost:8600")
    assert smtp.secret.stored
    assert service.secret.stored
    assert RouteState.objects.count() == 0


def test_a_name_that_is_taken_is_not_taken_away(admin_client: Client) -> None:
    SmtpConnection.objects.create(name="sandbox smtp", host="mail.example.org")
    running()
    add(admin_client)
    assert SmtpConnection.objects.filter(name="Sandbox SMTP 2").exists()


def test_the_sandbox_is_not_added_when_it_does_not_run_or_is_not_allowed(admin_client: Client, settings: Any) -> None:
    assert "The sandbox does not run." in add(admin_client)
    running()
    settings.MAILADMIN = settings.MAILADMIN | {"SANDBOX": False}
    assert "The sandbox is not allowed here" in add(admin_client)
    assert SmtpConnection.objects.count() == 0


def test_a_viewer_sees_nothing_of_the_sandbox(viewer_client: Client) -> None:
    row = message()
    for name in ("sandbox-message", "sandbox-html", "sandbox-raw"):
        assert viewer_client.get(reverse(f"mailadmin:{name}", args=[row.pk])).status_code == 403


@example(b"Content-Type: text/plain; charset=\x00\r\n\r\nx")
@example(b"Content-Disposition: attachment; filename*=\x00''a\r\n\r\nx")
@example(b"Subject: =?utf-8?b?a?=\r\n\r\nx")
@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=400),
        st.binary(max_size=200).map(lambda tail: RAW[:180] + tail),
        st.text(max_size=80).map(
            lambda text: f"Subject: =?{text}\r\nContent-Type: text/plain; charset={text}\r\n\r\nx".encode()
        ),
    )
)
def test_reading_a_message_never_fails(raw: bytes) -> None:
    found = arrived.read(raw)
    assert isinstance(found.text, str)
    assert all(isinstance(value, str) for pair in found.headers for value in pair)
