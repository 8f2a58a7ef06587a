"""SMTP connections, as rows."""

from __future__ import annotations

from dataclasses import replace

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin.core import validation
from mailadmin.core.destination import Destination, smtp_destination
from mailadmin.core.errors import MailError
from mailadmin.core.settings import (
    AddressFamily,
    Notices,
    OnUnsure,
    Rate,
    RouteKind,
    Security,
    SenderPolicy,
    SenderRules,
    SmtpAuth,
    SmtpRoute,
)

from .fields import Checked
from .office365 import IntegratedService
from .proxies import ProxyHolder
from .routes import RouteRow
from .secrets import SecretSlot
from .settings import VersionedQuerySet
from .smtp_options import SmtpOptions


def _password_destination(row: SmtpConnection) -> Destination:
    return smtp_destination(row.route_without_secrets())


def spare_password(auth: str) -> str:
    """Return what to say of a password that the sign-in `auth` has no use for, "" where it has one."""
    sentences = {
        SmtpAuth.NONE: gettext("You typed a password: choose “User name and password”, or leave it empty."),
        SmtpAuth.XOAUTH2: gettext("XOAUTH2 signs in with a token; leave the password empty."),
        SmtpAuth.GSSAPI: gettext("A Kerberos ticket needs no password; leave it empty."),
        SmtpAuth.CERTIFICATE: gettext(
            "A client certificate needs no password; leave it empty, or choose “User name and password” to use both."
        ),
    }
    return sentences.get(SmtpAuth(auth), "")


class SmtpConnection(ProxyHolder, SmtpOptions, RouteRow):
    """An SMTP server that takes our mail."""

    class Authentication(models.TextChoices):
        """How to sign in."""

        NONE = SmtpAuth.NONE, _("None")
        PASSWORD = SmtpAuth.PASSWORD, _("User name and password")
        XOAUTH2 = SmtpAuth.XOAUTH2, _("XOAUTH2 by an integrated service")
        GSSAPI = SmtpAuth.GSSAPI, _("Kerberos ticket (GSSAPI)")
        CERTIFICATE = SmtpAuth.CERTIFICATE, _("Client certificate")

    class Mechanism(models.TextChoices):
        """The method to sign in with a password (SASL)."""

        AUTOMATIC = "", _("The strongest that is offered")
        SCRAM_SHA_256 = "SCRAM-SHA-256", "SCRAM-SHA-256"
        SCRAM_SHA_1 = "SCRAM-SHA-1", "SCRAM-SHA-1"
        CRAM_MD5 = "CRAM-MD5", "CRAM-MD5"
        NTLM = "NTLM", "NTLM"
        PLAIN = "PLAIN", "PLAIN"
        LOGIN = "LOGIN", "LOGIN"

    class FromPolicy(models.TextChoices):
        """What happens to the From of a message."""

        KEEP = SenderPolicy.KEEP, _("Keep the message's own From")
        WHEN_MISSING = SenderPolicy.WHEN_MISSING, _("Use the From address when the message has none of its own")
        FORCE = SenderPolicy.FORCE, _("Always use the From address")

    kind = RouteKind.SMTP

    host = models.CharField(_("host"), max_length=255, validators=[Checked("host")])
    port = models.PositiveIntegerField(_("port"), null=True, blank=True, validators=[Checked("port")])
    auth = models.CharField(_("sign-in"), max_length=20, choices=Authentication, default=Authentication.NONE)
    mechanism = models.CharField(
        _("sign-in method"), max_length=20, blank=True, choices=Mechanism, default=Mechanism.AUTOMATIC
    )
    domain = models.CharField(_("domain"), max_length=120, blank=True, validators=[Checked("one_line")])
    user_name = models.CharField(_("user name"), max_length=255, blank=True, validators=[Checked("one_line")])
    secret = SecretSlot(_("password"), _password_destination)
    clear_text_confirmed = models.BooleanField(_("send the password without encryption"), default=False)
    integrated_service = models.ForeignKey(
        IntegratedService, on_delete=models.PROTECT, null=True, blank=True, related_name="smtp_connections"
    )
    from_address = models.CharField(_("From address"), max_length=254, blank=True, validators=[Checked("address")])
    from_name = models.CharField(_("From display name"), max_length=120, blank=True, validators=[Checked("one_line")])
    sender_policy = models.CharField(max_length=20, choices=FromPolicy, default=FromPolicy.WHEN_MISSING)
    envelope_sender = models.CharField(
        _("envelope sender"), max_length=254, blank=True, validators=[Checked("address")]
    )
    only_for_senders = models.TextField(_("only for these senders"), blank=True, validators=[Checked("sender_list")])

    objects = VersionedQuerySet.as_manager()

    class Meta(RouteRow.Meta):
        abstract = False
        verbose_name = _("SMTP connection")
        permissions = [("test_route", "Can test saved connections and services")]

    def clean(self) -> None:
        """Check what more than one field decides. Raises ValidationError. The secrets are checked once they are
        put in, by `secret_errors`."""
        super().clean()
        errors = self._sign_in_errors() | self._certificate_errors() | self.proxy_errors()
        if self.sender_policy == SenderPolicy.FORCE and not self.from_address:
            errors["from_address"] = gettext("To use it for every message, type the From address.")
        if errors:
            raise ValidationError(errors)

    def _sign_in_errors(self) -> dict[str, str]:
        errors: dict[str, str] = {}
        if self.auth == SmtpAuth.XOAUTH2:
            if not self.integrated_service:
                errors["integrated_service"] = gettext("Choose the integrated service that gives the token.")
            elif self.integrated_service.account_kind != IntegratedService.AccountKind.SERVICE_ACCOUNT:
                errors["integrated_service"] = gettext(
                    "“{name}” signs in as a user; mail leaves from background jobs with no user, so a service account "
                    "is needed."
                ).format(name=self.integrated_service.name)
            if not self.user_name:
                errors["user_name"] = gettext("Type the mailbox that sends, as its full address.")
            if self.security == Security.NONE:
                errors["security"] = gettext(
                    "A token is never sent without encryption; choose STARTTLS required or TLS."
                )
        if self.auth == SmtpAuth.NONE and self.user_name:
            errors["auth"] = gettext("You typed a user name: choose “User name and password”, or leave it empty.")
        if self.auth == SmtpAuth.PASSWORD and not self.user_name:
            errors["user_name"] = gettext("A password needs a user name; type it, or set the sign-in to None.")
        if self.auth == SmtpAuth.GSSAPI and self.host and validation.is_ip(self.host):
            errors["host"] = gettext("Kerberos knows servers by their names; type the full host name, not its address.")
        in_the_clear = self.auth == SmtpAuth.PASSWORD and self.security == Security.NONE
        nearby = validation.this_machine(self.host) and not self.proxy_kind  # a proxy finds itself under that name
        if in_the_clear and not self.clear_text_confirmed and not nearby:
            errors["clear_text_confirmed"] = gettext(
                "Without encryption everybody on the way can read the password. Choose STARTTLS or TLS as the "
                "security, or tick this to send it all the same."
            )
        return errors

    def _certificate_errors(self) -> dict[str, str]:
        errors: dict[str, str] = {}
        if self.auth == SmtpAuth.CERTIFICATE:
            if not self.client_certificate.strip():
                errors["client_certificate"] = gettext(
                    "To sign in with a client certificate, paste it here, with its key."
                )
            if self.security not in (Security.STARTTLS, Security.TLS):
                errors["security"] = gettext(
                    "A client certificate is shown while TLS begins; choose STARTTLS required or TLS."
                )
        elif self.client_certificate.strip() and self.security == Security.NONE:
            errors["client_certificate"] = gettext(
                "Without encryption no certificate is shown; choose STARTTLS or TLS."
            )
        return errors

    def secret_errors(self) -> dict[str, str]:
        """Return a sentence for each slot whose secret does not fit the row; call it after the secrets are put in."""
        errors = self.proxy_secret_errors() | self._client_key_errors()
        if self.auth == SmtpAuth.PASSWORD and not self.secret.stored:
            errors |= {"secret": gettext("Type the password: this sign-in needs it.")}
        if self.secret.stored and (sentence := spare_password(self.auth)):
            errors |= {"auth" if self.auth == SmtpAuth.NONE else "secret": sentence}
        return errors

    def needs_secret(self, name: str) -> bool:
        """Tell whether the sign-in needs the password, and the certificate its key."""
        if name == "secret":
            return bool(self.auth == SmtpAuth.PASSWORD)
        return bool(self.client_certificate) if name == "client_key" else super().needs_secret(name)

    def _client_key_errors(self) -> dict[str, str]:
        key = self.client_key.value()
        if not self.client_certificate.strip():
            text = gettext("You typed a private key; paste the certificate that it belongs to.")
            return {"client_certificate": text} if key else {}
        if key is None:
            return {"client_key": gettext("A client certificate needs its private key; paste it.")}
        try:
            validation.client_key(self.client_certificate, key)
        except ValueError as error:
            return {"client_key": str(error)}
        except MailError:
            pass  # kept outside, perhaps on the servers that send; Test Connection says so
        return {}

    def to_route(self) -> SmtpRoute:
        """Return the frozen value."""
        return replace(
            self.route_without_secrets(),
            password=self.secret.value(),
            app=self.integrated_service.to_app() if self.integrated_service else None,
            client=self.to_client(),
            proxy=self.to_proxy(),
        )

    def route_without_secrets(self) -> SmtpRoute:
        """Return the frozen value without opening or judging a secret, and without the app that gives tokens."""
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
            on_unsure=OnUnsure(self.on_unsure),
            rate=Rate(self.rate_messages, self.rate_seconds),
            host=self.host.strip(),
            port=self.port,
            security=Security(self.security),
            tls=self.to_tls(),
            auth=SmtpAuth(self.auth),
            mechanism=self.mechanism if self.auth == SmtpAuth.PASSWORD else "",
            domain=self.domain.strip(),
            user=self.user_name.strip(),
            client=self.client_without_key(),
            proxy=self.proxy_without_password(),
            family=AddressFamily(self.family),
            sessions=self.to_sessions(),
            notices=Notices(self.notices),
            timeouts=self.to_timeouts(),
        )
