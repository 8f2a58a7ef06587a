"""The form of "Why this route?"."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin import conf
from mailadmin.core import addresses, limits, sizes
from mailadmin.delivery.explain import Question
from mailadmin.delivery.options import DIRECT, QUEUED

from .addresses import AddressesField


class WhyForm(forms.Form):
    """The message to ask about. Nothing is required: an empty form asks about an ordinary message."""

    sender = forms.CharField(
        label=_("From"),
        required=False,
        max_length=320,
        help_text=_("As the application writes it. Empty: it names none, and Django fills in DEFAULT_FROM_EMAIL."),
    )
    to = AddressesField(label=_("To"), required=False, help_text=_("Several addresses are separated by commas."))
    size = forms.CharField(
        label=_("Size"),
        required=False,
        max_length=20,
        help_text=format_lazy(
            _("Such as 300 kB or 25 MB, as it leaves: a file in it grows by a third. Empty: {size}."),
            size=sizes.in_words(limits.WHY_BYTES),
        ),
    )
    label = forms.CharField(label=_("Endpoint label"), required=False, max_length=80)
    delivery = forms.ChoiceField(label=_("Delivery"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        queued = conf.setting("DELIVERY") == QUEUED
        usual = gettext("As usual (queued)") if queued else gettext("As usual (direct)")
        ways = [("", usual), (DIRECT, gettext("Direct")), (QUEUED, gettext("Queued"))]
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
