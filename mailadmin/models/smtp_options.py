"""How an SMTP connection encrypts, dials and keeps its sessions: what the form folds under Advanced."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from mailadmin.core import limits, validation
from mailadmin.core.destination import Destination, client_key_destination
from mailadmin.core.settings import (
    AddressFamily,
    ClientCertificate,
    Notices,
    Security,
    SessionRules,
    Timeouts,
    TlsSettings,
    TlsVersion,
)

from .fields import Checked
from .secrets import SecretHolder, SecretSlot

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise


def _at_most(most: int, text: _StrOrPromise) -> MaxValueValidator:
    return MaxValueValidator(most, format_lazy(text, most=most))


SECONDS = [
    MinValueValidator(1, _("Give it at least 1 second.")),
    _at_most(limits.MAX_TIMEOUT_SECONDS, _("At most {most} seconds.")),
]


def _client_key_destination(row: SmtpOptions) -> Destination:
    return client_key_destination(row.client_without_key())


class SmtpOptions(SecretHolder):
    """The options of a connection that have a right default."""

    class SecurityChoice(models.TextChoices):
        """How the connection is encrypted."""

        STARTTLS = Security.STARTTLS, _("STARTTLS required")
        TLS = Security.TLS, _("TLS from the start")
        STARTTLS_IF_OFFERED = Security.STARTTLS_IF_OFFERED, _("STARTTLS if offered")
        NONE = Security.NONE, _("No encryption")

    class MinimumTls(models.TextChoices):
        """The oldest version that is accepted."""

        TLS_1_2 = TlsVersion.TLS_1_2, "TLS 1.2"
        TLS_1_3 = TlsVersion.TLS_1_3, "TLS 1.3"

    class FamilyChoice(models.TextChoices):
        """Which addresses of the host are dialled."""

        RACE = AddressFamily.RACE, _("IPv6 and IPv4, whichever answers first")
        IN_TURN = AddressFamily.IN_TURN, _("One address after the other")
        IPV4 = AddressFamily.IPV4, _("Only IPv4")
        IPV6 = AddressFamily.IPV6, _("Only IPv6")

    class RateChoice(models.IntegerChoices):
        """The time in which a provider counts messages."""

        SECOND = 1, _("second")
        MINUTE = 60, _("minute")
        HOUR = 3600, _("hour")
        DAY = 86_400, _("day")

    class NoticesChoice(models.TextChoices):
        """Which delivery status notices are asked for."""

        SERVER = Notices.SERVER, _("As the server does it")
        NEVER = Notices.NEVER, _("Never")
        FAILURE = Notices.FAILURE, _("On failure")
        DELAY = Notices.DELAY, _("On failure and delay")
        ALL = Notices.ALL, _("On failure, delay and success")

    security = models.CharField(max_length=20, choices=SecurityChoice, default=SecurityChoice.STARTTLS)
    tls_minimum = models.CharField(
        _("oldest TLS version"), max_length=3, choices=MinimumTls, default=MinimumTls.TLS_1_2
    )
    check_identity = models.BooleanField(_("check the server's identity"), default=True)
    trusted_hosts = models.TextField(_("trusted hosts"), blank=True, validators=[Checked("host_list")])
    ca_pem = models.TextField(_("own CA certificate (PEM)"), blank=True, validators=[Checked("certificates")])
    check_revocation = models.BooleanField(_("check for revocation"), default=False)
    client_certificate = models.TextField(
        _("client certificate (PEM)"), blank=True, validators=[Checked("client_certificate")]
    )
    client_key = SecretSlot(_("private key"), _client_key_destination)
    family = models.CharField(_("addresses"), max_length=10, choices=FamilyChoice, default=FamilyChoice.RACE)
    keep_open = models.BooleanField(_("keep the session open"), default=True)
    idle_seconds = models.FloatField(_("idle time (seconds)"), default=limits.SESSION_IDLE_SECONDS, validators=SECONDS)
    session_messages = models.PositiveIntegerField(
        _("messages per session"),
        default=limits.SESSION_MESSAGES,
        validators=[
            MinValueValidator(1, _("At least 1 message.")),
            _at_most(limits.MAX_SESSION_MESSAGES, _("At most {most} messages.")),
        ],
    )
    parallel = models.PositiveIntegerField(
        _("sessions at once"),
        default=limits.SESSIONS,
        validators=[
            MinValueValidator(1, _("At least 1 session.")),
            _at_most(limits.MAX_SESSIONS, _("At most {most} sessions.")),
        ],
    )
    pipelining = models.BooleanField(_("use PIPELINING"), default=True)
    chunking = models.BooleanField(_("use CHUNKING"), default=True)
    notices = models.CharField(
        _("delivery notices"), max_length=30, blank=True, choices=NoticesChoice, default=NoticesChoice.SERVER
    )
    connect_timeout = models.FloatField(
        _("time to connect (seconds)"), default=limits.CONNECT_SECONDS, validators=SECONDS
    )
    command_timeout = models.FloatField(
        _("time for a command (seconds)"), default=limits.COMMAND_SECONDS, validators=SECONDS
    )
    message_timeout = models.FloatField(
        _("time for a whole message (seconds)"), default=limits.MESSAGE_SECONDS, validators=SECONDS
    )
    final_timeout = models.FloatField(
        _("time for the last answer (seconds)"), default=limits.FINAL_REPLY_SECONDS, validators=SECONDS
    )
    final_background_timeout = models.FloatField(
        _("time for the last answer, in a worker (seconds)"),
        default=limits.FINAL_REPLY_BACKGROUND_SECONDS,
        validators=SECONDS,
    )

    rate_messages = models.PositiveIntegerField(
        _("messages at most"),
        default=0,
        validators=[_at_most(limits.MAX_RATE_MESSAGES, _("At most {most} messages."))],
    )
    rate_seconds = models.PositiveIntegerField(_("in a"), choices=RateChoice, default=RateChoice.MINUTE)

    class Meta:
        abstract = True

    def to_tls(self) -> TlsSettings:
        """Return how the server's certificate is checked."""
        return TlsSettings(
            minimum=TlsVersion(self.tls_minimum),
            check_identity=self.check_identity,
            trusted_hosts=validation.host_list(self.trusted_hosts),
            ca_pem=self.ca_pem,
            check_revocation=self.check_revocation,
        )

    def to_client(self) -> ClientCertificate | None:
        """Return what is shown to a server that asks who we are, None without a certificate."""
        client = self.client_without_key()
        return replace(client, key=self.client_key.value()) if client else None

    def client_without_key(self) -> ClientCertificate | None:
        """Return the certificate without opening or judging its key, None without one."""
        return ClientCertificate(self.client_certificate) if self.client_certificate.strip() else None

    def to_sessions(self) -> SessionRules:
        """Return how sessions are used."""
        return SessionRules(
            keep_open=self.keep_open,
            idle_seconds=self.idle_seconds,
            messages=self.session_messages,
            parallel=self.parallel,
            pipelining=self.pipelining,
            chunking=self.chunking,
        )

    def to_timeouts(self) -> Timeouts:
        """Return the time limits, in seconds."""
        return Timeouts(
            self.connect_timeout,
            self.command_timeout,
            self.message_timeout,
            self.final_timeout,
            self.final_background_timeout,
        )
