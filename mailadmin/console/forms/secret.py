"""Write-only secrets in forms: typed, kept or forgotten, never shown, never sent to another destination."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core import references
from mailadmin.core.dates import day
from mailadmin.core.destination import Destination
from mailadmin.models.opening import check_reference
from mailadmin.models.secrets import HeldSecret

from .base import ConsoleForm, Lines

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

# What a request may not show in an error report. A private key is easily pasted with its certificate.
SECRET_FIELDS = (
    *("secret", "second_secret", "private_key", "passphrase", "proxy_password", "client_key"),
    *("certificate", "second_certificate", "client_certificate", "ca_pem"),
    *("url", "signing"),
)
NOT_STORED_YET = _(
    "Encrypted when it is saved, and never shown again. To keep it outside the database, type a reference: "
    "env:MAILADMIN_SECRET_… or file:/run/secrets/…"
)


class SecretLines(Lines):
    """A text area that takes a secret of several lines and never shows one."""

    def format_value(self, value: Any) -> str:
        """Return nothing, whatever was typed."""
        return ""


class SecretField(forms.CharField):
    """The field of a slot; its label comes from the slot unless it is given. `lines` is for a private key."""

    def __init__(self, *, lines: bool = False, label: _StrOrPromise = "", help_text: _StrOrPromise = "") -> None:
        attrs = {"autocomplete": "new-password", "spellcheck": "false"}
        typed = SecretLines(attrs={**attrs, "rows": 4, "class": "pem"}) if lines else forms.PasswordInput(attrs)
        super().__init__(required=False, strip=False, widget=typed, label=label or None, help_text=help_text)

    @sensitive_variables()
    def validate(self, value: str) -> None:
        """Raise ValidationError for a reference that the deployment does not allow, and when there is no key to
        seal with."""
        super().validate(value)
        reference = references.parse(value)
        try:
            if reference:
                check_reference(reference)
            elif value:
                conf.key_ring()
        except (ValueError, conf.ConfigurationError) as error:
            raise ValidationError(str(error)) from None


def forget_field() -> forms.BooleanField:
    """Return the box that forgets what a slot holds."""
    return forms.BooleanField(required=False)


class SecretForm(ConsoleForm):
    """A form whose row holds secrets. A slot `x` of the row has a field `x` and a box `forget_x`.

    A field left empty keeps the stored secret as long as its destination is the same; when a part of the
    destination was changed, saving (and testing) is refused with a sentence that says which part.
    """

    # For each slot the names of the parts of its destination, in their order.
    destination_parts: ClassVar[dict[str, tuple[_StrOrPromise, ...]]] = {}
    # Whether its values are a proposal: sentences then speak to somebody who typed nothing.
    proposed = False
    instance: Any  # a SecretHolder

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._slots: list[HeldSecret] = [held for held in self.instance.secrets() if held.name in self.fields]
        self._before: dict[str, Destination] = {held.name: held.destination() for held in self._slots if held.stored}
        for held in self._slots:
            self._describe(held)
            if held.name not in self._before:
                self.fields.pop(f"forget_{held.name}", None)
            elif f"forget_{held.name}" in self.fields:
                text = gettext("Forget the stored {secret}")
                self.fields[f"forget_{held.name}"].label = text.format(secret=held.word)

    def typed_into(self, slot: str) -> str:
        """Return the field into which the secret of `slot` is typed."""
        return slot

    def typed_secrets(self) -> dict[str, str]:
        """Return the fields for secrets, each with what people call what is typed there."""
        return {self.typed_into(held.name): held.word for held in self._slots}

    def needs(self, slot: str) -> bool:
        """Tell whether the row, as typed, cannot work without the secret in `slot`."""
        raise TypeError(f"{type(self).__name__} must say when it needs the secret {slot}.")

    def add_error(self, field: str | None, error: Any) -> None:
        """Add an error as Django does; the form will be shown again, and then each secret is to be typed again."""
        super().add_error(field, error)
        for name, word in self.typed_secrets().items():
            if self.data.get(name):
                self[name].help_text = type_again(word)

    @sensitive_variables()
    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's hook, missing from the stubs
        if self.errors:
            return
        for held in self._slots:
            self._settle(held, self.cleaned_data[held.name], self.cleaned_data.get(f"forget_{held.name}", False))
        for slot, sentence in self.instance.secret_errors().items():
            field = self.typed_into(slot)
            if field in self.fields and not self.has_error(field):
                self.add_error(field, sentence)

    @sensitive_variables("typed")
    def _settle(self, held: HeldSecret, typed: str, forget: bool) -> None:
        """Put a secret into the row (not the database): typed, forgotten, kept, or missing with its reason."""
        if typed and forget:
            text = gettext("Either type a new {secret} or forget the stored one, not both.")
            self.add_error(f"forget_{held.name}", text.format(secret=held.word))
        elif typed:
            held.set(typed)
        elif forget:
            held.clear()
            if self.needs(held.name):
                text = gettext("This cannot work without its {secret}; type the new one.")
                self.add_error(f"forget_{held.name}", text.format(secret=held.word))
        elif held.name in self._before and not held.stored and self.needs(held.name):
            text = gettext("You changed {parts}, so the stored {secret} is not sent there; type it again.")
            if self.proposed:
                text = gettext("This changes {parts}, so the stored {secret} is not sent there; type it again.")
            sentence = text.format(parts=self._changed_parts(held), secret=held.word)
            self.add_error(self.typed_into(held.name), sentence)

    def _describe(self, held: HeldSecret) -> None:
        """Put the slot's word, and what is stored in it, to its field."""
        field = self.fields[held.name]
        field.label = capfirst(held.word)
        field.help_text = f"{field.help_text} {self._what_is_stored(held)}".strip()

    def _changed_parts(self, held: HeldSecret) -> str:
        return changed_parts(self.destination_parts[held.name], self._before[held.name], held.destination())

    def _what_is_stored(self, held: HeldSecret) -> str:
        if held.name not in self._before:
            return str(NOT_STORED_YET)
        changed = day(timezone.localtime(held.changed_at)) if held.changed_at else ""
        if held.reference and changed:
            text = gettext("Kept outside: {reference}, changed {day}; leave empty to keep it.")
        elif held.reference:
            text = gettext("Kept outside: {reference}; leave empty to keep it.")
        elif changed:
            text = gettext("Stored, changed {day}; leave empty to keep it.")
        else:
            text = gettext("Stored; leave empty to keep it.")
        return text.format(reference=held.reference, day=changed)


def changed_parts(names: tuple[_StrOrPromise, ...], before: Destination, now: Destination) -> str:
    """Return in words which of the parts, called `names`, of a destination differ."""
    parts = zip_longest(names, before, now)
    changed = list(dict.fromkeys(str(name) for name, old, new in parts if old != new))
    if not changed:
        return gettext("the destination")
    together = changed[0]
    for name in changed[1:]:
        together = gettext("{parts} and {last}").format(parts=together, last=name)
    return together


def type_again(word: str) -> str:
    """Return the sentence beside the field of a secret that was typed; `word` is what people call it."""
    return gettext("Type the {secret} again: what was typed is never sent back to the browser.").format(secret=word)
