"""Integrated services (app registrations in Entra) and the OAuth services that send with them, as rows."""

from __future__ import annotations

from dataclasses import replace

from django.core.exceptions import ValidationError
from django.db import models

from mailadmin.core import clouds, validation
from mailadmin.core.destination import Destination, entra_destination
from mailadmin.core.settings import ClientType, EntraApp, OAuthRoute, RouteKind, SenderPolicy, SenderRules

from .fields import Checked
from .proxies import ProxyHolder
from .routes import Named, RouteRow
from .secrets import SecretSlot
from .settings import VersionedQuerySet


def _entra_destination(row: IntegratedService) -> Destination:
    return entra_destination(row.app_without_secrets())


class IntegratedService(ProxyHolder, Named):
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

    cloud = models.CharField(max_length=20, choices=CloudName, default=CloudName.GLOBAL)
    authority_host = models.CharField("sign-in host", max_length=255, blank=True, validators=[Checked("host_and_port")])
    graph_host = models.CharField("Graph host", max_length=255, blank=True, validators=[Checked("host_and_port")])
    mail_hosts = models.TextField("mail hosts", blank=True, validators=[Checked("host_list")])
    ca_pem = models.TextField("own CA certificate (PEM)", blank=True, validators=[Checked("certificates")])
    tenant = models.CharField("tenant", max_length=255, validators=[Checked("tenant")])
    client_id = models.CharField("client ID", max_length=36, validators=[Checked("client_id")])
    secret = SecretSlot("client secret", _entra_destination)
    secret_expires_on = models.DateField("client secret ends on", null=True, blank=True)
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
        return replace(self.app_without_secrets(), secret=self.secret.value(), proxy=self.to_proxy())

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
        )


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
