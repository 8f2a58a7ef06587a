"""Integrated services (app registrations in Entra) and the OAuth services that send with them, as rows."""

from __future__ import annotations

from dataclasses import replace

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin.core import clouds, limits, validation
from mailadmin.core.settings import (
    ClientType,
    CredentialKind,
    EntraApp,
    OAuthRoute,
    OnUnsure,
    RouteKind,
    SenderPolicy,
    SenderRules,
)

from .credentials import FIRST, SECOND, CredentialHolder
from .fields import Checked
from .routes import Named, RouteRow
from .settings import VersionedQuerySet


class IntegratedService(CredentialHolder, Named):
    """An app registration in Entra, usable by OAuth services as a service account only."""

    class AccountKind(models.TextChoices):
        """How the app signs in."""

        SERVICE_ACCOUNT = "service-account", _("Service account (client credentials)")
        USER = "user", _("Signed-in user (delegated)")

    class CloudName(models.TextChoices):
        """Microsoft's clouds, and one whose hosts are typed in."""

        GLOBAL = clouds.GLOBAL, _("Global (and US GCC)")
        GCC_HIGH = clouds.GCC_HIGH, _("US GCC High")
        DOD = clouds.DOD, _("US DoD")
        CHINA = clouds.CHINA, _("China (21Vianet)")
        CUSTOM = clouds.CUSTOM, _("Custom hosts")

    cloud = models.CharField(max_length=20, choices=CloudName, default=CloudName.GLOBAL)
    authority_host = models.CharField(
        _("sign-in host"), max_length=255, blank=True, validators=[Checked("host_and_port")]
    )
    graph_host = models.CharField(_("Graph host"), max_length=255, blank=True, validators=[Checked("host_and_port")])
    mail_hosts = models.TextField(_("mail hosts"), blank=True, validators=[Checked("host_list")])
    ca_pem = models.TextField(_("own CA certificate (PEM)"), blank=True, validators=[Checked("certificates")])
    tenant = models.CharField(_("tenant"), max_length=255, blank=True, validators=[Checked("tenant")])
    client_id = models.CharField(_("client ID"), max_length=36, blank=True, validators=[Checked("client_id")])
    requests_at_once = models.PositiveSmallIntegerField(
        _("requests to Graph at once"),
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
        errors = self.proxy_errors() | self.credential_errors(FIRST)
        if self.second_kind:
            errors |= self.credential_errors(SECOND)
        if self.cloud == clouds.CUSTOM:
            for field in ("authority_host", "graph_host"):
                if not getattr(self, field):
                    what = self._meta.get_field(field).verbose_name  # type: ignore[union-attr]
                    errors[field] = gettext("A custom cloud needs its {field}.").format(field=what)
        if self.credential_kind != CredentialKind.MANAGED_IDENTITY:
            for field, sentence in (
                ("tenant", gettext("Type the directory (tenant) ID or a domain of the tenant.")),
                ("client_id", gettext("Type the application (client) ID.")),
            ):
                if not getattr(self, field):
                    errors[field] = sentence
        used_by = self.oauth_services.first() if not self._state.adding else None
        if used_by and self.account_kind != self.AccountKind.SERVICE_ACCOUNT:
            errors["account_kind"] = gettext(
                "The OAuth service “{name}” sends with this; mail leaves from background jobs with no user signed in, "
                "so it must stay a service account."
            ).format(name=used_by.name)
        if errors:
            raise ValidationError(errors)

    def secret_errors(self) -> dict[str, str]:
        """Return a sentence for each slot whose secret does not fit the row; call it after the secrets are put in."""
        return self.proxy_secret_errors() | self.credential_secret_errors()

    def names_an_app(self) -> bool:
        """Tell whether tenant and client ID are there."""
        return bool(self.tenant and self.client_id)

    def routes(self) -> tuple[RouteRow, ...]:
        """Return who signs in with this: OAuth services, then SMTP connections."""
        return (*self.oauth_services.all(), *self.smtp_connections.all())

    def to_app(self) -> EntraApp:
        """Return the frozen value."""
        return replace(self.app_without_secrets(), credential=self.to_credential(), proxy=self.to_proxy())

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


class OAuthService(RouteRow):
    """A mailbox that sends through a provider's API, signed in by an integrated service."""

    class ClientTypeChoice(models.TextChoices):
        """The provider. Another one is one more entry here and in `transports.registry`."""

        OFFICE365 = ClientType.OFFICE365, "Office 365"

    kind = RouteKind.OAUTH

    client_type = models.CharField(max_length=20, choices=ClientTypeChoice, default=ClientTypeChoice.OFFICE365)
    integrated_service = models.ForeignKey(IntegratedService, on_delete=models.PROTECT, related_name="oauth_services")
    service_identity = models.CharField(_("service identity"), max_length=254, validators=[Checked("address")])
    mailboxes = models.TextField(_("further mailboxes"), blank=True, validators=[Checked("mailbox_list")])
    scopes = models.CharField(_("scopes"), max_length=255, blank=True, validators=[Checked("scopes")])
    send_as = models.TextField(_("Send-As addresses"), blank=True, validators=[Checked("sender_list")])
    large_messages = models.BooleanField(_("send large messages by upload"), default=False)
    save_to_sent = models.BooleanField(_("save to sent items"), default=True)
    settle = models.BooleanField(_("look into the mailbox after an unclear answer"), default=False)
    messages_per_minute = models.PositiveIntegerField(
        _("messages a minute for each mailbox"),
        default=limits.GRAPH_MESSAGES_PER_MINUTE,
        validators=[MaxValueValidator(limits.MAX_GRAPH_MESSAGES_PER_MINUTE)],
    )

    objects = VersionedQuerySet.as_manager()

    class Meta(RouteRow.Meta):
        abstract = False
        verbose_name = _("OAuth service")

    def clean(self) -> None:
        """Refuse an integrated service that is not a service account, and a mailbox that is named twice. Raises
        ValidationError."""
        super().clean()
        if self.service_identity.strip().lower() in self.mailboxes.lower().replace(",", " ").replace(";", " ").split():
            text = gettext("{address} is the service identity and sends already; name only further ones.")
            raise ValidationError({"mailboxes": text.format(address=self.service_identity.strip())})
        service = self.integrated_service if self.integrated_service_id else None
        if service and service.account_kind != IntegratedService.AccountKind.SERVICE_ACCOUNT:
            text = gettext(
                "“{name}” signs in as a user. Mail leaves from background jobs with no user signed in, so only a "
                "service account (client credentials) can send."
            )
            raise ValidationError({"integrated_service": text.format(name=service.name)})

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
            on_unsure=OnUnsure(self.on_unsure),
            client_type=ClientType(self.client_type),
            app=self.integrated_service.to_app(),
            identity=self.service_identity.strip(),
            mailboxes=validation.mailbox_list(self.mailboxes),
            large_messages=self.large_messages,
            save_to_sent=self.save_to_sent,
            settle=self.settle,
            messages_per_minute=self.messages_per_minute,
            scopes=validation.scopes(self.scopes),
        )
