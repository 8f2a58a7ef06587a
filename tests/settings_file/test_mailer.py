"""P11: the mail server that Django's own settings name becomes a connection, by one command and by one click."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.urls import reverse

from mailadmin.backends import EmailBackend
from mailadmin.core.settings import Security
from mailadmin.delivery import routes
from mailadmin.models import AuditEntry, SmtpConnection
from mailadmin.settings_file import mailer
from mailadmin.transports.smtp.pool import POOL
from tests.console.conftest import _client, _user
from tests.fakes.app_certificates import app_certificate
from tests.fakes.smtp_server import SmtpServer

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings(
        "ignore:The EMAIL_:PendingDeprecationWarning"
    ),  # while a test sets them: they end after 6.1
]
PASSWORD = "canary-geheim-1"
SIX = django.VERSION >= (6, 1)
KINDS = ["EMAIL_HOST", *(["MAILERS"] if SIX else [])]


class Project:
    """The settings of a project that sends mail: by `MAILERS`, or by `EMAIL_HOST` and so on."""

    def __init__(self, settings: Any, kind: str) -> None:
        self.settings, self.kind = settings, kind

    def names(self, **options: Any) -> None:
        if self.kind == "MAILERS":
            own = {"BACKEND": "mailadmin.backends.EmailBackend"}
            old = {"BACKEND": mailer.BACKEND, "OPTIONS": options}
            self.settings.MAILERS = {"default": own, "old": old, "none": {"BACKEND": "x.Y"}}
            return
        if SIX:
            del self.settings.MAILERS
        for name, value in options.items():
            setattr(self.settings, mailer._OPTIONS[name], value)

    @property
    def source(self) -> str:
        return 'MAILERS["old"]' if self.kind == "MAILERS" else "EMAIL_HOST"


@pytest.fixture(params=KINDS)
def project(request: Any, settings: Any) -> Iterator[Project]:
    routes.forget()
    yield Project(settings, request.param)
    routes.forget()
    POOL.clear()


def run(*args: str) -> str:
    out = io.StringIO()
    call_command("mailadmin_import", *args, stdout=out)
    return out.getvalue()


class TestWhatItBecomes:
    """P11."""

    @pytest.mark.parametrize(
        ("options", "security", "port"),
        [
            ({"use_tls": True, "port": 587}, Security.STARTTLS, None),
            ({"use_ssl": True, "port": 465}, Security.TLS, None),
            ({"port": 25}, Security.NONE, None),
            ({"use_tls": True, "port": 2525}, Security.STARTTLS, 2525),
        ],
    )
    def test_p11_each_way_of_encryption(self, project, options, security, port):
        project.names(host="smtp.example.org", **options)
        row = mailer.take_over(mailer.first())
        assert (row.name, row.host, row.security, row.port) == ("smtp.example.org", "smtp.example.org", security, port)
        assert row.auth == "none"

    def test_user_and_password_the_time_out_and_the_sender(self, project, settings):
        settings.DEFAULT_FROM_EMAIL = "Example shop <shop@example.org>"
        project.names(host="smtp.example.org", username="ada", password=PASSWORD, timeout=7, use_tls=True, port=587)
        row = mailer.take_over(mailer.first())
        assert (row.auth, row.user_name, row.to_route().password.reveal()) == ("password", "ada", PASSWORD)
        assert PASSWORD not in row.secret_stored
        assert (row.connect_timeout, row.command_timeout) == (7, 7)
        assert (row.from_address, row.from_name) == ("shop@example.org", "Example shop")

    def test_a_server_to_which_django_sends_a_password_in_the_clear_is_not_taken_over(self, project):
        project.names(host="smtp.example.org", username="ada", password=PASSWORD, port=25)
        with pytest.raises(mailer.NotTaken, match="without encryption, which is not done here"):
            mailer.take_over(mailer.first())
        assert not SmtpConnection.objects.exists()

    def test_a_password_to_this_machine_is_nobodys_business(self, project):
        project.names(host="127.0.0.1", username="ada", password=PASSWORD, port=25)
        row = mailer.take_over(mailer.first())
        assert (row.enabled, row.security) == (True, Security.NONE)

    @pytest.mark.parametrize("half", [{"username": "ada"}, {"password": PASSWORD}])
    def test_s23_with_only_one_of_them_nobody_signs_in(self, project, half):
        """S23, and as Django does."""
        project.names(host="smtp.example.org", **half)
        row = mailer.take_over(mailer.first())
        assert (row.auth, row.user_name, row.secret_stored) == ("none", "", "")

    def test_a_client_certificate_with_its_key(self, project, tmp_path):
        made = app_certificate()
        (tmp_path / "cert.pem").write_text(made.pem)
        (tmp_path / "key.pem").write_text(made.key)
        paths = {"ssl_certfile": str(tmp_path / "cert.pem"), "ssl_keyfile": str(tmp_path / "key.pem")}
        project.names(host="smtp.example.org", use_tls=True, port=587, **paths)
        row = mailer.take_over(mailer.first())
        assert row.client_certificate == made.pem.strip()
        assert row.client_key.stored

    def test_p11_a_message_leaves_by_it(self, project, settings):
        """P11: a real send, through the connection that was taken over."""
        with SmtpServer(features=("SIZE 10000000",)) as server:
            project.names(host="127.0.0.1", port=server.port)
            run()
            message = EmailMessage("Hi", "Body", "shop@example.org", ["ann@example.org"])
            assert EmailBackend().send_messages([message]) == 1
        assert b"Subject: Hi" in server.messages[0]


class TestWhatIsRefused:
    def test_the_same_server_a_second_time(self, project):
        project.names(host="smtp.example.org", username="ada", password=PASSWORD, use_tls=True)
        assert "mailadmin_test" in run()
        with pytest.raises(CommandError, match="is the same server with the same user name") as refused:
            run()
        assert refused.value.returncode == 1
        assert SmtpConnection.objects.count() == 1

    def test_tls_and_ssl_at_once(self, project):
        project.names(host="smtp.example.org", use_tls=True, use_ssl=True)
        if project.kind == "EMAIL_HOST":
            with pytest.raises(mailer.NotTaken, match="Django refuses too"):
                mailer.first()
        assert mailer.offer() is None

    def test_looking_for_an_offer_warns_nobody(self, project):
        """Django 6.1 warns of each look at these settings; a page that only offers to leave them must not."""
        project.names(host="smtp.example.org")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert mailer.offer() is not None

    def test_a_host_that_is_none(self, project):
        project.names(host="smtp example")
        assert mailer.offer() is None

    def test_a_certificate_that_is_not_there(self, project, tmp_path):
        project.names(host="smtp.example.org", use_tls=True, ssl_certfile=str(tmp_path / "nowhere.pem"))
        with pytest.raises(mailer.NotTaken, match=r"nowhere\.pem: No such file"):
            mailer.take_over(mailer.first())

    def test_settings_that_nobody_touched(self, settings):
        Project(settings, "EMAIL_HOST").names()
        assert mailer.offer() is None
        with pytest.raises(CommandError, match="name no mail server"):
            run("--from-settings")

    @pytest.mark.skipif(not SIX, reason="MAILERS came with Django 6.1")
    def test_under_mailers_the_other_settings_are_never_read(self, settings):
        Project(settings, "MAILERS").names(host="smtp.example.org")
        with pytest.raises(CommandError, match="EMAIL_HOST and so on do not count"):
            run("--from-settings")
        for alias, sentence in (
            ("nope", "has no alias “nope”"),
            ("none", "its backend is x.Y"),
            ("default", "backend"),
        ):
            with pytest.raises(CommandError, match=sentence):
                run("--alias", alias)
        assert "smtp.example.org" in run("--alias", "old")

    @pytest.mark.skipif(SIX, reason="Django 6.1 has MAILERS")
    def test_without_mailers_there_is_no_alias(self):
        with pytest.raises(CommandError, match="has no MAILERS"):
            run("--alias", "default")


class TestInTheConsole:
    """One click on the dashboard, or on the empty list."""

    @pytest.fixture
    def admin_client(self, db: None) -> Any:
        return _client(_user("anna", "Administrator"))

    @pytest.mark.parametrize("page", ["dashboard", "smtp-list"])
    def test_p11_it_is_offered_and_taken_over(self, project, admin_client, page):
        project.names(host="smtp.example.org", username="ada", password=PASSWORD, use_tls=True, port=2525)
        shown = admin_client.get(reverse(f"mailadmin:{page}")).text
        assert "already name a mail server: <strong>smtp.example.org:2525</strong>" in shown
        assert "user ada" in shown
        assert PASSWORD not in shown
        response = admin_client.post(reverse("mailadmin:smtp-import"))
        row = SmtpConnection.objects.get()
        assert response.url == f"{reverse('mailadmin:smtp-edit', args=[row.pk])}#test"
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.user_name) == ("created", "anna")
        assert PASSWORD not in str(entry.changes) + entry.detail
        assert "Take it over" not in admin_client.get(reverse(f"mailadmin:{page}")).text

    def test_a_second_click_says_that_it_is_there(self, project, admin_client):
        project.names(host="smtp.example.org")
        admin_client.post(reverse("mailadmin:smtp-import"))
        response = admin_client.post(reverse("mailadmin:smtp-import"), follow=True)
        assert "is the same server with the same user name" in response.text
        assert SmtpConnection.objects.count() == 1

    def test_nothing_is_offered_to_who_may_not_add(self, project):
        project.names(host="smtp.example.org")
        viewer = _client(_user("vera", "Viewer"))
        assert "Take it over" not in viewer.get(reverse("mailadmin:dashboard")).text
        assert viewer.post(reverse("mailadmin:smtp-import")).status_code == 403

    def test_without_a_server_in_the_settings_nothing_is_offered(self, admin_client):
        assert "Take it over" not in admin_client.get(reverse("mailadmin:dashboard")).text
        response = admin_client.post(reverse("mailadmin:smtp-import"), follow=True)
        assert response.status_code == 200
        assert not SmtpConnection.objects.exists()
