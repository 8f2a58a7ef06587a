"""The fields of a credential: four kinds, of which the page shows only what the chosen one needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from mailadmin.core import limits, pfx, references, validation
from mailadmin.core.secret import Secret
from mailadmin.core.settings import CredentialKind
from mailadmin.models import IntegratedService
from mailadmin.models.credentials import CredentialColumns
from mailadmin.models.opening import check_reference
from mailadmin.models.secrets import HeldSecret

from .secret import NOT_STORED_YET, SecretField, SecretForm, changed_parts

KIND_HELP = _(
    'A managed identity works only on an Azure machine whose settings allow it (MAILADMIN["MANAGED_IDENTITY"] = True). '
    "Then the tenant may stay empty, and a client ID names the user-assigned identity."
)
ENDS_HELP = _("Needed with a new secret: Entra shows it there, and the console warns in time.")
CERTIFICATE_HELP = _(
    "PEM: your own first, then those of its issuers. Entra needs the same certificate, without the key."
)
_TYPED = {CredentialKind.CERTIFICATE: "private_key", CredentialKind.FEDERATED: "assertion_file"}
_MISSING = {
    CredentialKind.SECRET: _("Type the client secret."),
    CredentialKind.CERTIFICATE: _("Paste the private key of the certificate, or choose the file that holds both."),
    CredentialKind.FEDERATED: _("Type the absolute path of the file, such as /run/secrets/assertion."),
}
_PEM_BEGINS = b"-----BEGIN"


def credential_section(columns: CredentialColumns) -> tuple[str, ...]:
    """Return the fields of a credential in their order."""
    certificate = ("bundle", "passphrase", columns.certificate, "private_key")
    return (columns.kind, columns.secret, columns.ends_on, *certificate, "assertion_file", f"forget_{columns.secret}")


def shown_by_kind(columns: CredentialColumns) -> dict[str, str]:
    """Return which kind each field of a credential belongs to, as `shown_when` wants it."""
    kinds = _kinds(columns)
    return {name: f"{columns.kind}={kind}" for name, kind in kinds.items()}


class CredentialForm(SecretForm):
    """A form with one of the two credentials of an integrated service, `columns`. Sub-classes add a `SecretField`
    with the name of its slot."""

    columns: ClassVar[CredentialColumns]
    # Whether a credential without its secret is refused; the first one may be completed later.
    complete: ClassVar[bool] = False

    bundle = forms.FileField(
        required=False,
        label=_("File with certificate and private key"),
        widget=forms.FileInput({"accept": ".pfx,.p12,.pem,application/x-pkcs12,application/x-pem-file"}),
        help_text=_("A PFX (PKCS #12) or PEM file. Or paste both below."),
        error_messages={"empty": _("The file is empty.")},
    )
    passphrase = forms.CharField(
        required=False,
        strip=False,
        label=_("Passphrase of the file or key"),
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=_("Opens it once; it is not kept."),
    )
    private_key = SecretField(lines=True, label=_("Private key"), help_text=_("PEM."))
    assertion_file = forms.CharField(
        required=False,
        label=_("Assertion file"),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        help_text=_(
            "The absolute path on this server. It is read anew for each token, and must be allowed by "
            'MAILADMIN["SECRET_REFS"].'
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read: tuple[str, Secret] | None = None  # what the chosen file holds
        self._stored_kind = self.columns.kind_of(self.instance)
        had = self._stored_kind is CredentialKind.MANAGED_IDENTITY or self.columns.secret in self._before
        self._had = had and not self.instance._state.adding
        if self._stored_kind is not CredentialKind.SECRET:
            self.initial[self.columns.ends_on] = None  # the certificate's last day is not that of a new secret
        reference = self.columns.held(self.instance).reference
        if self._stored_kind is CredentialKind.FEDERATED and reference:
            self.initial["assertion_file"] = reference.removeprefix("file:")
        if forget := self.fields.get(f"forget_{self.columns.secret}"):
            forget.widget.attrs["data-shown-when"] = f"{self.columns.kind}={self._stored_kind}"

    def typed_into(self, slot: str) -> str:
        """Return the field for the secret of the row's kind."""
        kind = self.columns.kind_of(self.instance)
        return _TYPED.get(kind, slot) if slot == self.columns.secret else super().typed_into(slot)

    def typed_secrets(self) -> dict[str, str]:
        """Return every field for a secret: somebody may type into one and then choose another kind."""
        own = {
            self.columns.secret: gettext("client secret"),
            "private_key": gettext("private key"),
            "passphrase": gettext("passphrase"),
        }
        return super().typed_secrets() | own

    def needs(self, slot: str) -> bool:
        """Tell whether the stored secret would be lost by what was changed; see `clean` for another kind."""
        if slot != self.columns.secret:
            return super().needs(slot)
        kind = self.columns.kind_of(self.instance)
        return kind is self._stored_kind and not self.cleaned_data.get(f"forget_{slot}")

    def add_error(self, field: str | None, error: Any) -> None:
        """Add an error as Django does; a chosen file, too, is to be chosen again."""
        super().add_error(field, error)
        if self.files.get("bundle"):
            self["bundle"].help_text = gettext("Choose the file again: a browser never sends it back with the page.")

    def draft(self) -> dict[str, str]:
        """Return what was typed, and what the chosen file held in place of the file."""
        if not self._read:
            return super().draft()
        pem, key = self._read
        return super().draft() | {self.columns.certificate: pem, "private_key": key.reveal(), "passphrase": ""}

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Bring what was typed for the chosen kind into its columns and its slot. Raises nothing: errors go to their
        fields."""
        values = super().clean() or self.cleaned_data
        if not values.get(self.columns.kind):
            return values
        kind = CredentialKind(values[self.columns.kind])
        self._refuse_what_belongs_to_others(values, kind)
        if kind is CredentialKind.SECRET:
            self._take_secret(values)
        else:
            values[self.columns.secret] = ""
            values[self.columns.ends_on] = None
        if kind is CredentialKind.CERTIFICATE:
            self._take_certificate(values)
        if kind is CredentialKind.FEDERATED:
            self._take_file(values)
        self._refuse_incomplete(values, kind)
        return values

    def _refuse_what_belongs_to_others(self, values: dict[str, Any], kind: CredentialKind) -> None:
        """Refuse what was typed for another kind, and forget what such a field still held."""
        for name, owner in _kinds(self.columns).items():
            if owner is kind or not values.get(name):
                continue
            if name in self.changed_data and name != self.columns.ends_on:
                text = gettext("This belongs to “{kind}”: choose that credential, or leave it empty.")
                kind_of_owner = IntegratedService.CredentialChoice(owner).label
                self.add_error(name, text.format(kind=kind_of_owner))
            values[name] = None if name == self.columns.ends_on else ""

    @sensitive_variables()
    def _take_secret(self, values: dict[str, Any]) -> None:
        slot, ends_on = self.columns.secret, self.columns.ends_on
        try:
            values[slot] = validation.client_secret(values.get(slot, "").strip())
        except ValueError as error:
            self.add_error(slot, str(error))
        if values.get(slot) and not values.get(ends_on) and not self.has_error(ends_on):
            text = gettext("Type the date on which the secret ends; mail stops on that day unless it is renewed.")
            self.add_error(ends_on, text)

    @sensitive_variables()
    def _take_certificate(self, values: dict[str, Any]) -> None:
        """Take certificate and key from the chosen file, or as they were pasted; the end is the certificate's own."""
        column, key = self.columns.certificate, values.get("private_key", "").strip()
        if upload := values.get("bundle"):
            if key or (values.get(column) and column in self.changed_data):
                self.add_error("bundle", gettext("Either choose a file or paste certificate and key, not both."))
            elif self._open("bundle", partial(_from_file, upload)) and self._read:
                values[column], key = self._read[0], self._read[1].reveal()
        elif key and not references.parse(key) and values.get("passphrase"):
            text = f"{values.get(column, '')}\n{key}"
            if self._open("private_key", partial(pfx.read_pem, text)) and self._read:
                key = self._read[1].reveal()
        values[self.columns.secret] = key
        try:
            values[self.columns.ends_on] = pfx.ends_on(values.get(column) or "")
        except ValueError:
            values[self.columns.ends_on] = None  # the model says what is wrong with it

    @sensitive_variables()
    def _open(self, field: str, read: Callable[[Secret | None], tuple[str, Secret]]) -> bool:
        """Read certificate and key with the passphrase; tell whether that went well."""
        word = self.cleaned_data.get("passphrase")
        try:
            self._read = read(Secret(word) if word else None)
        except pfx.PassphraseError as error:
            self.add_error("passphrase", str(error))
        except ValueError as error:
            self.add_error(field, str(error))
        return self._read is not None

    def _take_file(self, values: dict[str, Any]) -> None:
        """Turn the path into the reference that the slot keeps."""
        path = values.get("assertion_file", "").strip().removeprefix("file:")
        if not path:
            return
        reference = references.parse(f"file:{path}")
        if reference is None:
            self.add_error("assertion_file", _MISSING[CredentialKind.FEDERATED])
            return
        try:
            check_reference(reference)
        except ValueError as error:
            self.add_error("assertion_file", str(error))
        values[self.columns.secret] = str(reference)

    def _refuse_incomplete(self, values: dict[str, Any], kind: CredentialKind) -> None:
        """Refuse to lose a credential for another kind without its secret, and an incomplete second one."""
        if kind not in _MISSING or values.get(self.columns.secret) or values.get(f"forget_{self.columns.secret}"):
            return
        lost = self._had and kind is not self._stored_kind
        if not (lost or (self.complete and not self._had) or kind is CredentialKind.FEDERATED):
            return
        field = _TYPED.get(kind, self.columns.secret)
        if not any(self.has_error(name) for name in (field, "bundle", "passphrase")):
            self.add_error(field, _MISSING[kind])

    @sensitive_variables("typed")
    def _settle(self, held: HeldSecret, typed: str, forget: bool) -> None:
        """Keep the path of an assertion as it is stored: put in anew it would count as a new credential."""
        kind = self.columns.kind_of(self.instance)
        same = held.name == self.columns.secret and held.stored and typed == held.reference and bool(typed)
        if same and kind is CredentialKind.FEDERATED:
            typed = ""
        super()._settle(held, typed, forget)

    def _describe(self, held: HeldSecret) -> None:
        if held.name != self.columns.secret:
            super()._describe(held)
            return
        for kind, name in ((CredentialKind.SECRET, held.name), (CredentialKind.CERTIFICATE, "private_key")):
            stored = held.name in self._before and self.columns.kind_of(self.instance) is kind
            said = self._what_is_stored(held) if stored else NOT_STORED_YET
            self.fields[name].help_text = f"{self.fields[name].help_text} {said}".strip()

    def _changed_parts(self, held: HeldSecret) -> str:
        """Return what was changed; the tuple of a client secret lacks the parts of the other kinds."""
        names = self.destination_parts[held.name]
        if held.name == self.columns.secret and self._stored_kind is not CredentialKind.SECRET:
            names = (gettext("the kind"), gettext("the kind of credential"), gettext("the certificate"), *names)
        return changed_parts(names, self._before[held.name], held.destination())

    def _update_errors(self, errors: ValidationError) -> None:
        """Leave out what another page asks about: the row has two credentials, and this form shows one. A file that
        was chosen and cannot be read has its own sentence; that the certificate is missing would be a second one."""
        if hasattr(errors, "error_dict"):
            shown = {*self.fields, "__all__"}
            if self.files.get("bundle") and (self.has_error("bundle") or self.has_error("passphrase")):
                shown.discard(self.columns.certificate)
            if self.has_error(self.columns.kind):  # nobody knows what the certificate would belong to
                shown.discard(self.columns.certificate)
            errors = ValidationError({name: found for name, found in errors.error_dict.items() if name in shown})
        super()._update_errors(errors)  # type: ignore[misc]  # Django's hook, missing from the stubs


def _kinds(columns: CredentialColumns) -> dict[str, CredentialKind]:
    """Return which kind each field belongs to."""
    certificate = ("bundle", "passphrase", columns.certificate, "private_key")
    return {
        columns.secret: CredentialKind.SECRET,
        columns.ends_on: CredentialKind.SECRET,
        **dict.fromkeys(certificate, CredentialKind.CERTIFICATE),
        "assertion_file": CredentialKind.FEDERATED,
    }


@sensitive_variables()
def _from_file(upload: UploadedFile[Any], passphrase: Secret | None) -> tuple[str, Secret]:
    """Return certificates and key of a PFX or PEM file. Raises ValueError with a sentence."""
    if (upload.size or 0) > limits.CREDENTIAL_FILE_BYTES:
        raise ValueError(gettext("The file is too large to be a certificate with its key."))
    data = upload.read()
    if _PEM_BEGINS in data:
        return pfx.read_pem(data.decode("utf-8", "replace"), passphrase)
    return pfx.read_pfx(data, passphrase)
