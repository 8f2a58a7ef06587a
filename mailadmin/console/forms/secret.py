"""Write-only secrets in forms: typed, kept or forgotten, never shown, never sent to another destination."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from mailadmin import conf
from mailadmin.core import references
from mailadmin.core.destination import Destination
from mailadmin.models.secrets import SecretHolder, check_reference

from .base import ConsoleForm


class SecretForm(ConsoleForm):
    """A form whose row holds a secret.

    `secret` left empty keeps the stored one as long as the destination is the same; when a part of the
    destination was changed, saving (and testing) is refused with a sentence that says which part.
    """

    # The names of the parts of the row's destination, in their order.
    destination_parts: ClassVar[tuple[str, ...]] = ()
    instance: Any  # a SecretHolder

    secret = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )
    forget_secret = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row: SecretHolder = self.instance
        word = row.secret_word
        self._before: Destination | None = row.destination() if row.has_secret else None
        self.fields["secret"].label = word.capitalize()
        self.fields["secret"].help_text = self._what_is_stored()
        self.fields["forget_secret"].label = f"Forget the stored {word}"
        if self._before is None:
            del self.fields["forget_secret"]

    def needs_secret(self) -> bool:
        """Tell whether the row, as typed, cannot work without its secret."""
        raise TypeError(f"{type(self).__name__} must say when it needs its secret.")

    @sensitive_variables()
    def clean_secret(self) -> str:
        """Return what was typed. Raises ValidationError for a reference that the deployment does not allow,
        and when there is no key to seal with."""
        value = str(self.cleaned_data["secret"])
        reference = references.parse(value)
        try:
            if reference:
                check_reference(reference)
            elif value:
                conf.key_ring()
        except (ValueError, conf.ConfigurationError) as error:
            raise ValidationError(str(error)) from None
        return value

    def add_error(self, field: str | None, error: Any) -> None:
        """Add an error as Django does; the form will be shown again, and then the secret is to be typed again."""
        super().add_error(field, error)
        if self.data.get("secret"):
            hint = f"Type the {self.instance.secret_word} again: what was typed is never sent back to the browser."
            self["secret"].help_text = hint

    @sensitive_variables()
    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's hook, missing from the stubs
        if not self.errors:
            self._settle_secret(self.cleaned_data["secret"], self.cleaned_data.get("forget_secret", False))

    @sensitive_variables("typed")
    def _settle_secret(self, typed: str, forget: bool) -> None:
        """Put the secret into the row (not the database): typed, forgotten, kept, or missing with its reason."""
        row: SecretHolder = self.instance
        word = row.secret_word
        if typed and forget:
            self.add_error("forget_secret", f"Either type a new {word} or forget the stored one, not both.")
        elif typed:
            row.set_secret(typed)
        elif forget:
            row.clear_secret()
            if self.needs_secret():
                self.add_error("forget_secret", f"This cannot work without its {word}; type the new one.")
        elif self._before is not None and not row.has_secret:
            if self.needs_secret():
                self.add_error(
                    "secret",
                    f"You changed {self._changed_parts(row.destination())}, so the stored {word} is not sent there; "
                    "type it again.",
                )
        elif self.needs_secret() and not row.has_secret:
            self.add_error("secret", f"Type the {word}: this sign-in needs it.")

    def _changed_parts(self, after: Destination) -> str:
        pairs = zip(self.destination_parts, self._before or (), after, strict=True)
        return " and ".join(name for name, old, new in pairs if old != new) or "the destination"

    def _what_is_stored(self) -> str:
        row: SecretHolder = self.instance
        if self._before is None:
            return (
                "Encrypted when it is saved, and never shown again. To keep it outside the database, type a reference: "
                "env:MAILADMIN_SECRET_… or file:/run/secrets/…"
            )
        where = f"Kept outside: {row.secret_reference}" if row.secret_reference else "Stored"
        changed = f", changed {timezone.localtime(row.secret_changed_at):%-d %b %Y}" if row.secret_changed_at else ""
        return f"{where}{changed}; leave empty to keep it."
