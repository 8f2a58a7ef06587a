"""The ways out, as rows: SMTP connections, integrated services and OAuth services.

Each turns into a frozen value of `core.settings`; nothing here talks to a server.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower

from mailadmin.core import clouds, limits, validation
from mailadmin.core.destination import Destination, entra_destination, smtp_destination
from mailadmin.core.settings import (
    ClientType,
    EntraApp,
    OAuthRoute,
    RouteKey,
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
from .secrets import SecretHolder
from .settings import Versioned, VersionedQuerySet

TIMEOUT_LIMITS = [
    MinValueValidator(1, "Give it at least 1 second."),
    MaxValueValidator(limits.MAX_TIMEOUT_SECONDS, f"At most {limits.MAX_TIMEOUT_SECONDS} seconds."),
]


class Named(Versioned):
    """What every settings row has: a UUID, a unique name and its dates."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80, unique=True, validators=[Checked("one_line")])
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
        ordering = (Lower("name"),)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a name that differs from another one only by its case."""
        twin = type(self)._default_manager.filter(name__iexact=self.name).exclude(pk=self.pk).first()
        if twin:
            raise ValidationError({"name": f"“{twin.name}” exists already; choose another name."})


class RouteRow(Named):
    """What SMTP connections and OAuth services have in common."""

    enabled = models.BooleanField("enabled", default=True)
    order = models.PositiveIntegerField("order", default=0)
    subject_prefix = models.CharField(max_length=80, blank=True, validators=[Checked("one_line")])
    default_recipients = models.TextField(blank=True, validators=[Checked("address_list")])
    label = models.CharField("endpoint label", max_length=80, blank=True, validators=[Checked("one_line")])

    kind: RouteKind

    class Meta:
        abstract = True
        ordering = ("order", Lower("name"))

    @property
    def key(self) -> RouteKey:
        """Return which route this row is."""
        return RouteKey(self.kind, str(self.pk))


class IntegratedService(SecretHolder, Named):
    """An app registration in Entra, usable by OAuth services as a service account only."""

    class AccountKind(models.TextChoices):
        """How the app signs in."""

        SERVICE_ACCOUNT = "service-account", "Service account (client credentials)"
        USER = "user", "Signed-in user (delegated)"

    class CloudName(models.TextChoices):
        """Microsoft's clouds, and one whose hosts are typed in."""

        GLOBAL = clouds.GLOBAL, "Global (and US GCC)"
        GCC_HIGH = clouds.GCC_HIGH, "US GCC High"
        DOD = clouds.DOD, "US DoD"
        CHINA = clouds.CHINA, "China (21Vianet)"
        CUSTOM = clouds.CUSTOM, "Custom hosts"

    secret_word = "client secret"  # noqa: S105 -- what people call it

    cloud = models.CharField(max_length=20, choices=CloudName, default=CloudName.GLOBAL)
    authority_host = models.CharField("sign-in host", max_length=255, blank=True, validators=[Checked("host_and_port")])
    graph_host = models.CharField("Graph host", max_length=255, blank=True, validators=[Checked("host_and_port")])
    mail_hosts = models.TextField("mail hosts", blank=True, validators=[Checked("host_list")])
    ca_pem = models.TextField("own CA certificate (PEM)", blank=True, validators=[Checked("certificates")])
    tenant = models.CharField("tenant", max_length=255, validators=[Checked("tenant")])
    client_id = models.CharField("client ID", max_length=36, validators=[Checked("client_id")])
    secret_expires_on = models.DateField("client secret ends on", null=True, blank=True)
    account_kind = models.CharField(max_length=20, choices=AccountKind, default=AccountKind.SERVICE_ACCOUNT)

    objects = VersionedQuerySet.as_manager()

    class Meta(Named.Meta):
        abstract = False

    def clean(self) -> None:
        """Check what more than one field decides. Raises ValidationError."""
        super().clean()
        errors: dict[str, str] = {}
        if self.cloud == clouds.CUSTOM:
            for field in ("authority_host", "graph_host"):
                if not getattr(self, field):
                    errors[field] = f"A custom cloud needs its {self._meta.get_field(field).verbose_name}."  # type: ignore[union-attr]
        used_by = self.oauth_services.first() if not self._state.adding else None
        if used_by and self.account_kind != self.AccountKind.SERVICE_ACCOUNT:
            errors["account_kind"] = (
                f"The OAuth service “{used_by.name}” sends with this; mail leaves from background jobs with no user "
                "signed in, so it must stay a service account."
            )
        if errors:
            raise ValidationError(errors)

    def to_app(self) -> EntraApp:
        """Return the frozen value."""
        custom = self.cloud == clouds.CUSTOM
        return EntraApp(
            id=str(self.pk),
            name=self.name,
            cloud=clouds.cloud(
                self.cloud,
                authority_host=self.authority_host.strip() if custom else "",
                graph_host=self.graph_host.strip() if custom else "",
                mail_hosts=validation.host_list(self.mail_hosts),
                ca_pem=self.ca_pem,
            ),
            tenant=self.tenant.strip(),
            client_id=self.client_id.strip(),
            secret=self.secret_value() if self.secret_stored else None,
        )

    def destination(self) -> Destination:
        """Return where the client secret, and tokens got with it, may travel."""
        stored, self.secret_stored = self.secret_stored, ""
        try:
            return entra_destination(self.to_app())
        finally:
            self.secret_stored = stored

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a secret for another destination is dropped."""
        self.drop_misplaced_secret()
        super().save(*args, **kwargs)


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

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a password for another destination is dropped."""
        self.drop_misplaced_secret()
        super().save(*args, **kwargs)


class OAuthService(RouteRow):
    """A mailbox that sends through a provider's API, signed in by an integrated service."""

    class ClientTypeChoice(models.TextChoices):
        """The provider. Another one is one more entry here and in `transports.registry`."""

        OFFICE365 = ClientType.OFFICE365, "Office 365"

    kind = RouteKind.OAUTH

    client_type = models.CharField(max_length=20, choices=ClientTypeChoice, default=ClientTypeChoice.OFFICE365)
    integrated_service = models.ForeignKey(IntegratedService, on_delete=models.PROTECT, related_name="oauth_services")
    service_identity = models.CharField("service identity", max_length=254, validators=[Checked("address")])
    scopes = models.CharField("scopes", max_length=255, blank=True, validators=[Checked("scopes")])
    send_as = models.TextField("Send-As addresses", blank=True, validators=[Checked("sender_list")])

    objects = VersionedQuerySet.as_manager()

    class Meta(RouteRow.Meta):
        abstract = False
        verbose_name = "OAuth service"

    def clean(self) -> None:
        """Refuse an integrated service that is not a service account. Raises ValidationError."""
        super().clean()
        service = self.integrated_service if self.integrated_service_id else None
        if service and service.account_kind != IntegratedService.AccountKind.SERVICE_ACCOUNT:
            raise ValidationError(
                {
                    "integrated_service": f"“{service.name}” signs in as a user. Mail leaves from background jobs with "
                    "no user signed in, so only a service account (client credentials) can send."
                }
            )

    def to_route(self) -> OAuthRoute:
        """Return the frozen value."""
        return OAuthRoute(
            key=self.key,
            name=self.name,
            order=self.order,
            sender=SenderRules(
                address=self.service_identity.strip(),
                policy=SenderPolicy.FORCE,
                send_as=validation.sender_list(self.send_as),
                subject_prefix=self.subject_prefix,
            ),
            default_recipients=validation.address_list(self.default_recipients),
            label=self.label,
            client_type=ClientType(self.client_type),
            app=self.integrated_service.to_app(),
            identity=self.service_identity.strip(),
            scopes=validation.scopes(self.scopes),
        )


class RouteState(Versioned):
    """What sending and testing learned of a route: stopped until somebody looks, or failing for now.
    No row means that nothing is wrong."""

    kind = models.CharField(max_length=10)
    route_id = models.UUIDField()
    stopped = models.BooleanField(default=False)
    failing = models.BooleanField(default=False)
    failures = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()
    code = models.CharField(max_length=80, blank=True)
    reason = models.TextField(blank=True)

    objects = VersionedQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "route_id"], name="mailadmin_one_state_for_a_route")]

    def __str__(self) -> str:
        return f"{self.kind} {self.route_id}: {'stopped' if self.stopped else 'failing'}"

    @property
    def key(self) -> RouteKey:
        """Return which route this is about."""
        return RouteKey(RouteKind(self.kind), str(self.route_id))
