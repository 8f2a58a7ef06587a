"""Whatever is typed or put into an address, no page breaks: it answers, in its own words."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as few
from hypothesis import strategies as st

from mailadmin.console import arrived
from mailadmin.console.forms import IntegratedServiceForm, OAuthServiceForm, SecondCredentialForm, SmtpConnectionForm
from mailadmin.console.forms.compose import ComposeForm
from mailadmin.console.views import audit, log
from mailadmin.models import SandboxMessage, Settings

pytestmark = pytest.mark.django_db
# Each example starts from the rows of the fixtures: what it writes does no harm to the next one.
modest = few(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

NASTY = st.sampled_from(
    [
        "",
        " ",
        "0",
        "-1",
        "65536",
        "9" * 5000,
        "1e400",
        "nan",
        "NaN",
        "٣",
        "\x00",
        "a\r\nBcc: b@example.org",
        "<script>alert(1)</script>",
        "%_'\"\\",
        "{{ 7 }}{% now %}",
        "\u202eevil",
        "\ud800",
        "ä" * 300,
        "a" * 100_000,
        "https://user:pass@host:1/?x#y",
        "[::1]",
        "::1",
        "host:99999",
        "a@b@c",
        '"a b"@example.org',
        "=?utf-8?q?a?= <a@example.org>",
        "example.org, ;,@",
        "env:HOME",
        "file:/etc/passwd",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "9999-12-31",
        "0001-01-01",
        "2026-02-31",
        "12/31/9999",
        "custom",
        "xoauth2",
        "password",
        "none",
        "on",
    ]
)
TYPED = NASTY | st.text(max_size=60)


def values(names) -> st.SearchStrategy[dict[str, str]]:
    """What a browser, or somebody who is none, may send for fields with these names."""
    fields = sorted(names)
    return st.dictionaries(st.sampled_from(fields), TYPED, max_size=len(fields))


def encodable(data: dict[str, str]) -> dict[str, str]:
    """A request carries bytes, in which half a surrogate pair cannot stand."""
    return {name: value.encode("utf-8", "replace").decode() for name, value in data.items()}


@pytest.mark.parametrize(
    ("page", "form"),
    [("log-list", log.FilterForm), ("audit-list", audit.FilterForm), ("test-list", None), ("dashboard", None)],
)
@modest
@given(data=st.data())
def test_no_address_breaks_a_list(admin_client, page, form, data):
    names = {*(form.base_fields if form else ()), "page", "state", "period"}
    query = encodable(data.draw(values(names)))
    assert admin_client.get(reverse(f"mailadmin:{page}"), query).status_code == 200


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
@pytest.mark.parametrize("day", ["0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31"])
@pytest.mark.parametrize("name", ["since", "until"])
def test_the_ends_of_the_calendar_break_no_filter(admin_client, settings, zone, day, name):
    settings.TIME_ZONE = zone
    assert admin_client.get(reverse("mailadmin:log-list"), {name: day}).status_code == 200


@pytest.mark.parametrize(
    ("section", "form"), [("smtp", SmtpConnectionForm), ("oauth", OAuthServiceForm), ("service", IntegratedServiceForm)]
)
@modest
@given(data=st.data())
def test_nothing_typed_breaks_a_settings_form(
    admin_client, smtp_values, service_values, smtp, oauth, section, form, data
):
    """S16: some fields hold nonsense, the others what belongs there."""
    row = {"smtp": smtp, "oauth": oauth, "service": oauth.integrated_service}[section]
    good = {
        "smtp": smtp_values | {"name": "Fuzzed"},
        "service": service_values | {"name": "Fuzzed"},
        "oauth": {"name": "Fuzzed", "client_type": "office365", "integrated_service": str(row.pk)},
    }[section]
    typed = good | encodable(data.draw(values({*form.base_fields, "forget_secret", "recipient"})))
    for address in (reverse(f"mailadmin:{section}-new"), reverse(f"mailadmin:{section}-edit", args=[row.pk])):
        assert admin_client.post(address, typed).status_code in (200, 302)
    if section != "service":
        # A name that is never right keeps the test from being started: what is typed is checked all the same.
        typed |= {"name": "", "pk": data.draw(st.sampled_from(["", str(row.pk)]))}
        response = admin_client.post(reverse("mailadmin:test-start-unsaved", args=[section]), typed)
        assert response.status_code == 200


@modest
@given(data=st.data(), content=st.binary(max_size=80) | st.sampled_from([b"-----BEGIN", b"0\x03\x02\x01\x03"]))
def test_nothing_typed_or_chosen_breaks_the_page_of_a_second_credential(admin_client, service, data, content):
    """S16: the kinds are drawn apart, because nonsense is mostly no kind."""
    kind = data.draw(st.sampled_from(["secret", "certificate", "federated", "managed-identity", "x"]))
    typed = encodable(data.draw(values({*SecondCredentialForm.base_fields} - {"bundle"})))
    file = SimpleUploadedFile("app.pfx", content)
    for more in ({}, {"bundle": file}):
        page = reverse("mailadmin:service-credential", args=[service.pk])
        assert admin_client.post(page, {**typed, "second_kind": kind, **more}).status_code in (200, 302)


@modest
@given(typed=values({"pk", "recipient", "seen", "name"}))
def test_no_row_number_breaks_a_test(admin_client, typed):
    for kind in ("smtp", "oauth", "service", "%00"):
        response = admin_client.post(f"/tests/try/{kind}/", encodable(typed))
        assert response.status_code in (200, 404)


@modest
@given(data=st.data())
def test_nothing_typed_breaks_the_page_to_send_a_message(admin_client, smtp, data):
    """With an address that is never right, so that nothing is sent."""
    typed = encodable(data.draw(values(ComposeForm.base_fields))) | {"cc": "not an address"}
    assert admin_client.post(reverse("mailadmin:compose"), typed).status_code == 200


@modest
@given(typed=values({"retention_days", "secret_warning_days"}))
def test_nothing_typed_breaks_the_preferences(admin_client, typed):
    assert admin_client.post(reverse("mailadmin:settings"), encodable(typed)).status_code in (200, 302)
    assert 1 <= Settings.load().retention_days <= 3650


@modest
@given(typed=values({"smtp", "graph", "theme", "next", "direction", "enabled"}))
def test_nothing_breaks_the_small_buttons(admin_client, smtp, typed):
    for name, args in (
        ("sandbox-fault", []),
        ("theme", []),
        ("smtp-move", [smtp.pk]),
        ("smtp-switch", [smtp.pk]),
    ):
        assert admin_client.post(reverse(f"mailadmin:{name}", args=args), encodable(typed)).status_code == 302


@pytest.mark.parametrize("kind", ["x", "multipart/mixed", "message/rfc822", "text/plain", "a/b/c", "/", "te xt/x y"])
def test_whatever_type_a_browser_gives_a_file_it_can_be_attached(smtp, kind):
    file = SimpleUploadedFile("résumé\n.txt", b"\xff\xfe\x00 not a message", content_type=kind)
    form = ComposeForm({"to": "anna@example.org", "text": "x", "subject": "s"}, {"attachments": file})
    assert form.is_valid(), form.errors
    raw = form.message().message().as_bytes()
    assert b"not a message" in raw or b"//4AIG5vdCBhIG1lc3NhZ2U" in raw


HEADERS = st.lists(
    st.sampled_from(
        [
            "Content-Type: text/html; charset=utf-7",
            "Content-Type: text/html; charset=unicode_escape",
            "Content-Type: text/plain; charset=rot13",
            "Content-Type: text/html; charset*=''%00",
            "Content-Type: multipart/mixed; boundary=x",
            "Content-Type: message/rfc822",
            "Content-Transfer-Encoding: base64",
            "Content-Transfer-Encoding: x-uuencode",
            "Content-Disposition: attachment; filename*=nothing''%ff",
            "Subject: =?utf-7?q?+2AA-?=",
            "Subject: =?unicode_escape?q?=5Cud800?=",
            "Subject: =?utf-8?b?A?=",
            "Subject: \xff",
        ]
    ),
    max_size=6,
)


@modest
@given(headers=HEADERS, body=st.binary(max_size=80) | st.sampled_from([b"+2AA-", b"\\ud800", b"--x\n\n--x--"]))
def test_no_message_breaks_the_pages_of_the_sandbox(admin_client, headers, body):
    raw = "\r\n".join(headers).encode("latin-1") + b"\r\n\r\n" + body
    row = SandboxMessage.objects.create(via="smtp", raw=raw)
    for name in ("sandbox-message", "sandbox-html", "sandbox-raw"):
        status = admin_client.get(reverse(f"mailadmin:{name}", args=[row.pk])).status_code
        assert status == 200 or (name == "sandbox-html" and status == 404)


def test_a_message_nested_without_end_can_be_shown():
    raw = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(2000))
    assert "Download it" in arrived.read(raw).text
