"""The two credentials of an app registration: the one in use, and a second one that waits to replace it.

Both have the same four parts, a kind, a certificate, a secret in a slot of its own and a last day; `FIRST` and
`SECOND` name their columns, so that forms and pages are written once.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin import conf
from mailadmin.core import pfx
from mailadmin.core.destination import Destination, credential_destination
from mailadmin.core.errors import MailError
from mailadmin.core.settings import Credential, CredentialKind

from .fields import Checked
from .proxies import ProxyHolder
from .secrets import HeldSecret, SecretSlot, exchange

# What each kind keeps in its slot; a managed identity keeps nothing.
_WORDS = {
    CredentialKind.SECRET: _("client secret"),
    CredentialKind.CERTIFICATE: _("private key"),
    CredentialKind.FEDERATED: _("assertion file"),
    CredentialKind.MANAGED_IDENTITY: _("managed identity"),
}
_SECOND_WORDS = {
    CredentialKind.SECRET: _("second client secret"),
    CredentialKind.CERTIFICATE: _("second private key"),
    CredentialKind.FEDERATED: _("second assertion file"),
    CredentialKind.MANAGED_IDENTITY: _("second managed identity"),
}

NO_FILE = _("Type the absolute path of the file, such as /run/secrets/assertion.")
NO_END = _("Type the date on which the secret ends; mail stops on that day unless it is renewed.")


def belongs_to(kind: Any) -> str:
    """Return what to say of something that only the kind of credential with this label has a use for."""
    return gettext("This belongs to “{kind}”: choose that credential, or leave it empty.").format(kind=kind)


@dataclass(frozen=True)
class CredentialColumns:
    """The names of the columns of one credential; `secret` is its slot."""

    kind: str
    certificate: str
    secret: str
    ends_on: str

    def kind_of(self, row: Any) -> CredentialKind:
        """Return the kind that `row` has, a client secret when it says nothing."""
        return CredentialKind(getattr(row, self.kind) or CredentialKind.SECRET)

    def held(self, row: Any) -> HeldSecret:
        """Return what the slot of `row` holds."""
        held: HeldSecret = getattr(row, self.secret)
        return held

    def destination(self, row: Any) -> Destination:
        """Return where the secret of `row` may travel, or what it may sign."""
        return credential_destination(row.app_without_secrets(), self.kind_of(row), getattr(row, self.certificate))

    def word(self, row: Any) -> str:
        """Return what people call that which the slot of `row` keeps."""
        return str(_WORDS[self.kind_of(row)])


FIRST = CredentialColumns("credential_kind", "certificate", "secret", "credential_ends_on")
SECOND = CredentialColumns("second_kind", "second_certificate", "second_secret", "second_ends_on")


class CredentialHolder(ProxyHolder):
    """A row with two credentials. It must have `app_without_secrets()`, which says where they may travel."""

    class CredentialChoice(models.TextChoices):
        """How the app proves itself to Entra."""

        SECRET = CredentialKind.SECRET, _("Client secret")
        CERTIFICATE = CredentialKind.CERTIFICATE, _("Certificate")
        FEDERATED = CredentialKind.FEDERATED, _("Federated assertion from a file")
        MANAGED_IDENTITY = CredentialKind.MANAGED_IDENTITY, _("Managed identity (Azure)")

    credential_kind = models.CharField(
        _("credential"), max_length=20, choices=CredentialChoice, default=CredentialChoice.SECRET
    )
    certificate = models.TextField(blank=True, validators=[Checked("client_certificate")])
    secret = SecretSlot(FIRST.word, FIRST.destination)
    credential_ends_on = models.DateField(_("credential ends on"), null=True, blank=True)
    second_kind = models.CharField(_("second credential"), max_length=20, choices=CredentialChoice, blank=True)
    second_certificate = models.TextField(blank=True, validators=[Checked("client_certificate")])
    second_secret = SecretSlot(lambda row: str(_SECOND_WORDS[SECOND.kind_of(row)]), SECOND.destination)
    second_ends_on = models.DateField(_("second credential ends on"), null=True, blank=True)

    class Meta:
        abstract = True

    def names_an_app(self) -> bool:
        """Tell whether the row says which app registration of which tenant it is; a managed identity may do without."""
        raise NotImplementedError

    def to_credential(self) -> Credential | None:
        """Return the credential in use, None when nothing is stored for its destination."""
        return self._to_credential(FIRST)

    def to_second_credential(self) -> Credential | None:
        """Return the second credential, None when there is none."""
        return self._to_credential(SECOND) if self.second_kind else None

    def credential_errors(self, columns: CredentialColumns) -> dict[str, str]:
        """Return a sentence for each column that the credential's kind does not go with."""
        kind = columns.kind_of(self)
        if kind is CredentialKind.MANAGED_IDENTITY and not conf.setting("MANAGED_IDENTITY"):
            sentence = gettext(
                "This server does not allow its managed identity to be used: its settings must say "
                'MAILADMIN["MANAGED_IDENTITY"] = True.'
            )
            return {columns.kind: sentence}
        if kind is not CredentialKind.CERTIFICATE and getattr(self, columns.certificate).strip():
            return {columns.certificate: belongs_to(self.CredentialChoice.CERTIFICATE.label)}
        if kind is CredentialKind.CERTIFICATE and not getattr(self, columns.certificate).strip():
            return {
                columns.certificate: gettext("Choose the file with certificate and key, or paste the certificate here.")
            }
        if kind is not CredentialKind.MANAGED_IDENTITY and columns is SECOND and not self.names_an_app():
            return {
                columns.kind: gettext(
                    "It needs the tenant and the client ID of the app; type them on the service first."
                )
            }
        return {}

    def credential_secret_errors(self) -> dict[str, str]:
        """Return a sentence for each slot whose private key cannot sign for its certificate, and for an assertion that
        is no file."""
        pairs = ((columns, columns.held(self).value()) for columns in (FIRST, SECOND))
        errors = {}
        for columns, key in pairs:
            reference = columns.held(self).reference
            if key and columns.kind_of(self) is CredentialKind.FEDERATED and not reference.startswith("file:"):
                errors[columns.secret] = str(NO_FILE)
            if key is None or columns.kind_of(self) is not CredentialKind.CERTIFICATE:
                continue
            try:
                pfx.check_pair(getattr(self, columns.certificate), key)
            except ValueError as error:
                errors[columns.secret] = str(error)
            except MailError:
                pass  # kept outside, perhaps on the servers that send; the page warns, and a test says so
        return errors

    def needs_secret(self, name: str) -> bool:
        """Tell whether a credential needs what its slot keeps; a managed identity keeps nothing."""
        if name not in (FIRST.secret, SECOND.secret):
            return super().needs_secret(name)
        columns = FIRST if name == FIRST.secret else SECOND
        return bool(getattr(self, columns.kind)) and columns.kind_of(self) is not CredentialKind.MANAGED_IDENTITY

    def settle_credentials(self) -> None:
        """Give each credential the last day that its kind has by itself, and forget all of a second one that is none;
        does not save. What is wrong with a certificate is `full_clean`'s to say."""
        for columns in (FIRST, SECOND):
            kind = columns.kind_of(self)
            if kind is CredentialKind.CERTIFICATE:
                with suppress(ValueError):
                    setattr(self, columns.ends_on, pfx.ends_on(getattr(self, columns.certificate)))
            elif kind is not CredentialKind.SECRET:
                setattr(self, columns.ends_on, None)
        if not self.second_kind:
            self.second_secret.clear()
            self.second_ends_on = None

    def swap_credentials(self) -> None:
        """Put the second credential to use and keep the present one as the second; does not save.

        Both keep their dates, so that tokens stay theirs. A present one that can no longer be read is forgotten.
        """
        exchange(self.secret, self.second_secret, self._swap_columns)
        if self.to_second_credential() is None:
            self.forget_second_credential()

    def forget_second_credential(self) -> None:
        """Clear the second credential; does not save."""
        self.second_secret.clear()
        self.second_kind = self.second_certificate = ""
        self.second_ends_on = None

    def _swap_columns(self) -> None:
        for name in ("kind", "certificate", "ends_on"):
            first, second = getattr(FIRST, name), getattr(SECOND, name)
            values = getattr(self, second), getattr(self, first)
            setattr(self, first, values[0])
            setattr(self, second, values[1])

    def _to_credential(self, columns: CredentialColumns) -> Credential | None:
        kind, held = columns.kind_of(self), columns.held(self)
        ends_on: date | None = getattr(self, columns.ends_on)
        if kind is CredentialKind.MANAGED_IDENTITY:
            return Credential(kind, version="managed-identity")
        secret, changed = held.value(), held.changed_at
        if secret is None:
            return None
        version = changed.isoformat() if changed else ""
        return Credential(kind, secret, getattr(self, columns.certificate), ends_on, version)
