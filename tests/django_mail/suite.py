"""The classes to run: Django's, with our backend in the place of its own."""

from __future__ import annotations

import importlib
import socket
import types
from typing import Any
from unittest import mock

import django
from aiosmtpd.controller import Controller
from django.test import SimpleTestCase

from mailadmin.backends import EmailBackend
from mailadmin.delivery import routes
from mailadmin.models import SmtpConnection

source: Any = importlib.import_module("mail.test_backends" if django.VERSION >= (6, 1) else "mail.tests")
Shared: Any = source.SharedEmailBackendTests if django.VERSION >= (6, 1) else source.BaseEmailBackendTests

# Of the SMTP backend's own tests, those that do not ask for EMAIL_* settings or for its inner parts.
SMTP_TESTS = (
    "test_send_messages_empty_list",
    "test_send_messages_with_empty_list_does_not_open_connection",
    "test_send_messages_zero_sent",
    "test_avoids_sending_to_invalid_addresses",
    "test_encodes_idna_in_smtp_commands",
    "test_does_not_reencode_idna",
)  # not test_rejects_non_ascii_local_part: with SMTPUTF8 we can send to such an address


class RelayMixin:
    """An SMTP server with Django's own handler, and a connection to it as a row."""

    databases = "__all__"
    email_backend = "mailadmin.backends.EmailBackend"
    backend_class = EmailBackend
    controller: Controller
    smtp_handler: Any

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()  # type: ignore[misc]
        cls.smtp_handler = source.SMTPHandler()
        with socket.create_server(("127.0.0.1", 0)) as finder:
            port = finder.getsockname()[1]
        cls.controller = Controller(cls.smtp_handler, hostname="127.0.0.1", port=port)
        cls.controller.start()
        cls.addClassCleanup(cls.controller.stop)  # type: ignore[attr-defined]
        row = SmtpConnection(
            name="Relay", host="127.0.0.1", port=port, security="none", auth="none", sender_policy="keep"
        )
        row.save()
        routes.forget()
        cls.addClassCleanup(row.delete)  # type: ignore[attr-defined]

    def setUp(self) -> None:
        super().setUp()  # type: ignore[misc]
        self.flush_mailbox()

    def flush_mailbox(self) -> None:
        self.smtp_handler.flush_mailbox()

    def get_mailbox_content(self) -> list[Any]:
        return list(self.smtp_handler.mailbox)

    def get_smtp_envelopes(self) -> list[Any]:
        return list(self.smtp_handler.smtp_envelopes)


class MailadminBackendTests(RelayMixin, Shared, SimpleTestCase):  # type: ignore[misc]
    """What every backend of Django must do."""

    if django.VERSION >= (6, 1):  # as Django's SMTP backend, ours goes on supporting fail_silently
        test_fail_silently_arg_accepted = source.SMTPBackendTests.test_fail_silently_arg_accepted


def _ours() -> types.SimpleNamespace:
    return types.SimpleNamespace(EmailBackend=EmailBackend)


class MailadminSmtpTests(RelayMixin, SimpleTestCase):
    """What Django's SMTP backend must do, with `smtp.EmailBackend` standing for ours."""

    def create_backend(self, **options: Any) -> EmailBackend:
        return EmailBackend(**({"alias": "test_alias"} | options) if django.VERSION >= (6, 1) else options)

    def run(self, result: Any = None) -> Any:
        with mock.patch.object(source, "smtp", _ours()):
            return super().run(result)


for _name in SMTP_TESTS:
    if hasattr(source.SMTPBackendTests, _name):
        setattr(MailadminSmtpTests, _name, getattr(source.SMTPBackendTests, _name))
