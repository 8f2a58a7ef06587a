"""What forms have in common whose row posts to a webhook: the address, which is a secret, and its host."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.views.decorators.debug import sensitive_variables

from mailadmin.models.alerts import webhook_host

from .secret import SecretForm


class WebhookForm(SecretForm):
    """The form of a row with the slots `url` and `signing`, whose `host` is that of the address."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["url"].widget.attrs["rows"] = 2

    def needs(self, slot: str) -> bool:
        """Tell whether the row, as typed, cannot work without the secret in `slot`."""
        return bool(self.instance.needs_secret(slot))

    @sensitive_variables()
    def clean_url(self) -> str:
        """Return the typed address, "" where none was typed, and set the row's host by it. Raises ValidationError."""
        typed = str(self.cleaned_data.get("url", "")).strip()
        if typed:
            try:
                self.instance.host = webhook_host(typed)
            except ValueError as error:
                raise ValidationError(str(error)) from None
        return typed
