"""SMTP connections, as rows."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from mailadmin.core import limits, validation
from mailadmin.core.destination import Destination, smtp_destination
from mailadmin.core.settings import (
    RouteKind,
    Security,
    SenderPolicy,
    SenderRules,
    SmtpAuth,
    SmtpRoute,
    Timeouts,
    TlsSettings,
    TlsVersion,
)

from .fields import Checked
from .office365 import IntegratedService
from .routes import RouteRow
from .secrets import SecretHolder
from .settings import VersionedQuerySet

TIMEOUT_LIMITS = [
    MinValueValidator(1, "Give it at least 1 second."),
    MaxValueValidator(limits.MAX_TIMEOUT_SECONDS, f"At most {limits.MAX_TIMEOUT_SECONDS} seconds."),
]


class SmtpConnection(SecretHolder, RouteRow):
    """An SMTP server that takes our mail."""

    class SecurityChoice(models.TextChoices):
        """How the connection is encrypted."""

        STARTTLS = Security.STARTTLS, "STARTTLS required"
        TLS = Security.TLS, "TLS from the start"
        STARTTLS_IF_OFFERED = Security.STARTTLS_IF_OFFERED, "STARTTLS if offered"
        NONE = Security.NONE, "No encryption"

    class MinimumTls(models.TextChoices):
        """The oldest version that is accepted."""

        TLS_1_2 = TlsVersion.TLS_1_2, "TLS 1.2"
        TLS_1_3 = TlsVersion.TLS_1_3, "TLS 1.3"

    class Authentication(models.TextChoices):
        """How to sign in."""

        NONE = SmtpAuth.NONE, "None"
        PASSWORD = SmtpAuth.PASSWORD, "User name and password"
        XOAUTH2 = SmtpAuth.XOAUTH2, "XOAUTH2 by an integrated service"

    class FromPolicy(models.TextChoices):
        """What happens to the From of a message."""

        KEEP = SenderPolicy.KEEP, "Keep the message's own From"
        WHEN_MISSING = SenderPolicy.WHEN_MISSING, "Use the From address when the message has none of its own"
        FORCE = SenderPolicy.FORCE, "Always use the From address"

    kind = RouteKind.SMTP
    secret_word = "password"  # noqa: S105 -- what people call it

    host = models.CharField("host", max_length=255, validators=[Checked("host")])
    port = models.PositiveIntegerField("port", null=True, blank=True, validators=[Checked("port")])
    security = models.CharField(max_length=20, choices=SecurityChoice, default=SecurityChoice.STARTTLS)
    tls_minimum = models.CharField("oldest TLS version", max_length=3, choices=MinimumTls, default=MinimumTls.TLS_1_2)
    check_identity = models.BooleanField("check the server's identity", default=True)
    trusted_hosts = models.TextField("trusted hosts", blank=True, validators=[Checked("host_list")])
    ca_pem = models.TextField("own CA certificate (PEM)", blank=True, validators=[Checked("certificates")])
    auth = models.CharField("sign-in", max_length=20, choices=Authentication, default=Authentication.NONE)
    domain = models.CharField("domain", max_length=120, blank=True, validators=[Checked("one_line")])
    user_name = models.CharField("user name", max_length=255, blank=True, validators=[Checked("one_line")])
    clear_text_confirmed = models.BooleanField("send the password without encryption", default=False)
    integrated_service = models.ForeignKey(
        IntegratedService, on_delete=models.PROTECT, null=True, blank=True, related_name="smtp_connections"
    )
    connect_timeout = models.FloatField(
        "time to connect (seconds)", default=limits.CONNECT_SECONDS, validators=TIMEOUT_LIMITS
    )
    command_timeout = models.FloatField(
        "time for a command (seconds)", default=limits.COMMAND_SECONDS, validators=TIMEOUT_LIMITS
    )
    message_timeout = models.FloatField(
        "time for a whole message (seconds)", default=limits.MESSAGE_SECONDS, validators=TIMEOUT_LIMITS
    )
    from_address = models.CharField("From address", max_length=254, blank=True, validators=[Checked("address")])
    from_name = models.CharField("From display name", max_length=120, blank=True, validators=[Checked("one_line")])
    sender_policy = models.CharField(max_length=20, choices=FromPolicy, default=FromPolicy.WHEN_MISSING)
    envelope_sender = models.CharField("envelope sender", max_length=254, blank=True, validators=[Checked("address")])
    only_for_senders = models.TextField("only for these senders", blank=True, validators=[Checked("sender_list")])

    objects = VersionedQuerySet.as_manager()

    class Meta(RouteRow.Meta):
        abstract = False
        verbose_name = "SMTP connection"
        permissions = [("test_route", "Can test saved connections and services")]

    def clean(self) -> None:
        """Check what more than one field decides. Raises ValidationError. The password is the form's to check."""
        super().clean()
        errors: dict[str, str] = {}
        if self.auth == SmtpAuth.XOAUTH2:
            if not self.integrated_service:
                errors["integrated_service"] = "Choose the integrated service that gives the token."
            elif self.integrated_service.account_kind != IntegratedService.AccountKind.SERVICE_ACCOUNT:
                errors["integrated_service"] = (
                    f"“{self.integrated_service.name}” signs in as a user; mail leaves from background jobs with no "
                    "user, so a service account is needed."
                )
            if not self.user_name:
                errors["user_name"] = "Type the mailbox that sends, as its full address."
            if self.security == Security.NONE:
                errors["security"] = "A token is never sent without encryption; choose STARTTLS required or TLS."
        if self.auth == SmtpAuth.PASSWORD and not self.user_name:
            errors["user_name"] = "A password needs a user name; type it, or set the sign-in to None."
        in_the_clear = self.auth == SmtpAuth.PASSWORD and self.security == Security.NONE
        if in_the_clear and not self.clear_text_confirmed and not validation.this_machine(self.host):
            errors["clear_text_confirmed"] = (
                "Without encryption everybody on the way can read the password. Choose STARTTLS or TLS as the "
                "security, or tick this to send it all the same."
            )
        if self.sender_policy == SenderPolicy.FORCE and not self.from_address:
            errors["from_address"] = "To use it for every message, type the From address."
        if errors:
            raise ValidationError(errors)

    def to_route(self) -> SmtpRoute:
        """Return the frozen value."""
        return SmtpRoute(
            key=self.key,
            name=self.name,
            order=self.order,
            sender=SenderRules(
                address=self.from_address.strip(),
                name=self.from_name.strip(),
                policy=SenderPolicy(self.sender_policy),
                envelope=self.envelope_sender.strip(),
                only_for=validation.sender_list(self.only_for_senders),
                subject_prefix=self.subject_prefix,
            ),
            default_recipients=validation.address_list(self.default_recipients),
            label=self.label,
            host=self.host.strip(),
            port=self.port,
            security=Security(self.security),
            tls=TlsSettings(
                minimum=TlsVersion(self.tls_minimum),
                check_identity=self.check_identity,
                trusted_hosts=validation.host_list(self.trusted_hosts),
                ca_pem=self.ca_pem,
            ),
            auth=SmtpAuth(self.auth),
            domain=self.domain.strip(),
            user=self.user_name.strip(),
            password=self.secret_value() if self.secret_stored else None,
            app=self.integrated_service.to_app() if self.integrated_service else None,
            timeouts=Timeouts(self.connect_timeout, self.command_timeout, self.message_timeout),
        )

    def destination(self) -> Destination:
        """Return where the password may travel."""
        stored, self.secret_stored = self.secret_stored, ""
        try:
            return smtp_destination(self.to_route())
        finally:
            self.secret_stored = stored
