"""The form of "Why this route?"."""

from __future__ import annotations

from typing import Any

from django import forms

from mailadmin import conf
from mailadmin.core import addresses, limits, sizes
from mailadmin.delivery.explain import Question
from mailadmin.delivery.options import DIRECT, QUEUED

from .compose import AddressesField


class WhyForm(forms.Form):
    """The message to ask about. Nothing is required: an empty form asks about an ordinary message."""

    sender = forms.CharField(
        label="From",
        required=False,
        max_length=320,
        help_text="As the application writes it. Empty: it names none, and Django fills in DEFAULT_FROM_EMAIL.",
    )
    to = AddressesField(label="To", required=False, help_text="Several addresses are separated by commas.")
    size = forms.CharField(
        label="Size",
        required=False,
        max_length=20,
        help_text="Such as 300 kB or 25 MB, as it leaves: a file in it grows by a third. "
        f"Empty: {sizes.in_words(limits.WHY_BYTES)}.",
    )
    label = forms.CharField(label="Endpoint label", required=False, max_length=80)
    delivery = forms.ChoiceField(label="Delivery", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usual = "queued" if conf.setting("DELIVERY") == QUEUED else "direct"
        ways = [("", f"As usual ({usual})"), (DIRECT, "Direct"), (QUEUED, "Queued")]
        self.fields["delivery"].choices = ways  # type: ignore[attr-defined]  # a ChoiceField

    def clean_sender(self) -> str:
        """Refuse a From that is not one address."""
        text: str = self.cleaned_data["sender"].strip()
        try:
            return addresses.parse(text, local_names=True).full if text else ""
        except addresses.AddressError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_size(self) -> int:
        """Return bytes."""
        text: str = self.cleaned_data["size"].strip()
        try:
            return sizes.parse(text) if text else limits.WHY_BYTES
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def question(self) -> Question:
        """Return what is asked; only after `is_valid()`."""
        typed = self.cleaned_data
        return Question(
            sender=typed["sender"],
            recipients=tuple(typed["to"]),
            size=typed["size"],
            label=typed["label"].strip(),
            queued=(typed["delivery"] or conf.setting("DELIVERY")) == QUEUED,
        )
