"""Integrated services (app registrations in Entra) and the OAuth services that send with them, as rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from mailadmin.core import clouds, limits, validation
from mailadmin.core.destination import Destination, credential_destination
from mailadmin.core.settings import (
    ClientType,
    Credential,
    CredentialKind,
    EntraApp,
    OAuthRoute,
    RouteKind,
    SenderPolicy,
    SenderRules,
)

from .fields import Checked
from .proxies import ProxyHolder
from .routes import Named, RouteRow
from .secrets import HeldSecret, SecretSlot
from .settings import VersionedQuerySet


def _destination(row: IntegratedService) -> Destination:
    return credential_destination(row.app_without_secrets(), CredentialKind(row.credential_kind), row.certificate)


def _second_destination(row: IntegratedService) -> Destination:
    kind = CredentialKind(row.second_kind or CredentialKind.SECRET)
    return credential_destination(row.app_without_secrets(), kind, row.second_certificate)


class IntegratedService(ProxyHolder, Named):
    """An app registration in Entra, usable by OAuth services as a service account only."""

    class AccountKind(models.TextChoices):
        """How the app signs in."""

        SERVICE_ACCOUNT = "service-account", "Service account (client credentials)"
        USER = "user", "Signed-in user (delegated)"

    class CredentialChoice(models.TextChoices):
        """How the app proves itself to Entra."""

        SECRET = CredentialKind.SECRET, "Client secret"
        CERTIFICATE = CredentialKind.CERTIFICATE, "Certificate"
        FEDERATED = CredentialKind.FEDERATED, "Federated assertion from a file"
        MANAGED_IDENTITY = CredentialKind.MANAGED_IDENTITY, "Managed identity of this server (Azure)"

    class CloudName(models.TextChoices):
        """Microsoft's clouds, and one whose hosts are typed in."""

        GLOBAL = clouds.GLOBAL, "Global (and US GCC)"
        GCC_HIGH = clouds.GCC_HIGH, "US GCC High"
        DOD = clouds.DOD, "US DoD"
        CHINA = clouds.CHINA, "China (21Vianet)"
        CUSTOM = clouds.CUSTOM, "Custom hosts"

    cloud = models.CharField(max_length=20, choices=CloudName, default=CloudName.GLOBAL)
    authority_host = models.CharField("sign-in host", max_length=255, blank=True, validators=[Checked("host_and_port")])
    graph_host = models.CharField("Graph host", max_length=255, blank=True, validators=[Checked("host_and_port")])
    mail_hosts = models.TextField("mail hosts", blank=True, validators=[Checked("host_list")])
    ca_pem = models.TextField("own CA certificate (PEM)", blank=True, validators=[Checked("certificates")])
    tenant = models.CharField("tenant", max_length=255, blank=True, validators=[Checked("tenant")])
    client_id = models.CharField("client ID", max_length=36, blank=True, validators=[Checked("client_id")])
    # Two credentials: the one in use, and a second one that waits to replace it.
    credential_kind = models.CharField(max_length=20, choices=CredentialChoice, default=CredentialChoice.SECRET)
    certificate = models.TextField(blank=True, validators=[Checked("client_certificate")])
    secret = SecretSlot("client secret", _destination)
    credential_ends_on = models.DateField("credential ends on", null=True, blank=True)
    second_kind = models.CharField(max_length=20, choices=CredentialChoice, blank=True)
    second_certificate = models.TextField(blank=True, validators=[Checked("client_certificate")])
    second_secret = SecretSlot("second client secret", _second_destination)
    second_ends_on = models.DateField("second credential ends on", null=True, blank=True)
    requests_at_once = models.PositiveSmallIntegerField(
        "requests to Graph at once",
        default=limits.GRAPH_REQUESTS_AT_ONCE,
        validators=[MinValueValidator(1), MaxValueValidator(limits.MAX_GRAPH_REQUESTS_AT_ONCE)],
    )
    # A permission for every mailbox of the tenant is known, and limited otherwise or meant.
    wide_permission_ok = models.BooleanField(default=False)
    account_kind = models.CharField(max_length=20, choices=AccountKind, default=AccountKind.SERVICE_ACCOUNT)

    objects = VersionedQuerySet.as_manager()

    class Meta(Named.Meta):
        abstract = False

    def clean(self) -> None:
        """Check what more than one field decides. Raises ValidationError."""
        super().clean()
        errors = self.proxy_errors()
        if self.cloud == clouds.CUSTOM:
            for field in ("authority_host", "graph_host"):
                if not getattr(self, field):
                    errors[field] = f"A custom cloud needs its {self._meta.get_field(field).verbose_name}."  # type: ignore[union-attr]
        if self.credential_kind != CredentialKind.MANAGED_IDENTITY:
            for field, sentence in (
                ("tenant", "Type the directory (tenant) ID or a domain of the tenant."),
                ("client_id", "Type the application (client) ID."),
            ):
                if not getattr(self, field):
                    errors[field] = sentence
        used_by = self.oauth_services.first() if not self._state.adding else None
        if used_by and self.account_kind != self.AccountKind.SERVICE_ACCOUNT:
            errors["account_kind"] = (
                f"The OAuth service “{used_by.name}” sends with this; mail leaves from background jobs with no user "
                "signed in, so it must stay a service account."
            )
        if errors:
            raise ValidationError(errors)

    def secret_errors(self) -> dict[str, str]:
        """Return a sentence for each slot whose secret does not fit the row; call it after the secrets are put in."""
        return self.proxy_secret_errors()

    def to_app(self) -> EntraApp:
        """Return the frozen value."""
        return replace(self.app_without_secrets(), credential=self.to_credential(), proxy=self.to_proxy())

    def to_credential(self) -> Credential | None:
        """Return the credential in use, None when nothing is stored for its destination."""
        return _credential(self.credential_kind, self.secret, self.certificate, self.credential_ends_on)

    def to_second_credential(self) -> Credential | None:
        """Return the second credential, None when there is none."""
        return _credential(self.second_kind, self.second_secret, self.second_certificate, self.second_ends_on)

    def app_without_secrets(self) -> EntraApp:
        """Return the frozen value without opening or judging a secret."""
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
            proxy=self.proxy_without_password(),
            requests_at_once=self.requests_at_once,
            wide_permission_ok=self.wide_permission_ok,
        )


def _credential(kind: str, held: HeldSecret, certificate: str, ends_on: date | None) -> Credential | None:
    if kind == CredentialKind.MANAGED_IDENTITY:
        return Credential(CredentialKind.MANAGED_IDENTITY, version="managed-identity")
    secret, changed = held.value(), held.changed_at
    if not kind or secret is None:
        return None
    version = changed.isoformat() if changed else ""
    return Credential(CredentialKind(kind), secret, certificate, ends_on, version)


class OAuthService(RouteRow):
    """A mailbox that sends through a provider's API, signed in by an integrated service."""

    class ClientTypeChoice(models.TextChoices):
        """The provider. Another one is one more entry here and in `transports.registry`."""

        OFFICE365 = ClientType.OFFICE365, "Office 365"

    kind = RouteKind.OAUTH

    client_type = models.CharField(max_length=20, choices=ClientTypeChoice, default=ClientTypeChoice.OFFICE365)
    integrated_service = models.ForeignKey(IntegratedService, on_delete=models.PROTECT, related_name="oauth_services")
    service_identity = models.CharField("service identity", max_length=254, validators=[Checked("address")])
    mailboxes = models.TextField("further mailboxes", blank=True, validators=[Checked("address_list")])
    scopes = models.CharField("scopes", max_length=255, blank=True, validators=[Checked("scopes")])
    send_as = models.TextField("Send-As addresses", blank=True, validators=[Checked("sender_list")])
    large_messages = models.BooleanField("send large messages by upload", default=False)
    save_to_sent = models.BooleanField("save to sent items", default=True)
    settle = models.BooleanField("look into the mailbox after an unclear answer", default=False)
    messages_per_minute = models.PositiveIntegerField(
        "messages a minute for each mailbox",
        default=limits.GRAPH_MESSAGES_PER_MINUTE,
        validators=[MaxValueValidator(limits.MAX_GRAPH_MESSAGES_PER_MINUTE)],
    )

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
            mailboxes=validation.address_list(self.mailboxes),
            large_messages=self.large_messages,
            save_to_sent=self.save_to_sent,
            settle=self.settle,
            messages_per_minute=self.messages_per_minute,
            scopes=validation.scopes(self.scopes),
        )
