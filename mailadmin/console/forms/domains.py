"""The forms of sender domains: one more of them, and the selectors of its DKIM keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin.core import limits, validation
from mailadmin.models import SenderDomain

Value = TypeVar("Value")
_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class AddDomainForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    """A domain that no route names, such as one that an application writes into its messages."""

    use_required_attribute = False

    class Meta:
        model = SenderDomain
        fields = ("domain",)
        widgets = {"domain": forms.TextInput(attrs=_PLAIN)}
        labels = {"domain": _("Domain")}
        help_texts = {"domain": _("Such as example.org: one that an application sends from, or is to send from.")}
        error_messages = {
            "domain": {"required": _("Type a domain."), "unique": _("This domain is in the list already.")},
        }

    def clean_domain(self) -> str:
        """Return it as the DNS knows it; refuse one more than the console looks after."""
        if SenderDomain.objects.count() >= limits.SENDER_DOMAINS:
            text = gettext("There are {number} domains already; take one out first.")
            raise forms.ValidationError(text.format(number=limits.SENDER_DOMAINS))
        return _checked(validation.domain, self.cleaned_data["domain"])


class SelectorsForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    """The names of the DKIM keys of one domain."""

    use_required_attribute = False

    class Meta:
        model = SenderDomain
        fields = ("selectors",)
        widgets = {"selectors": forms.TextInput(attrs=_PLAIN)}
        labels = {"selectors": _("Selectors")}
        help_texts = {
            "selectors": _(
                "Such as mail2026, several with commas. A message that arrived names it as s= in its "
                "DKIM-Signature; the usual ones of known providers are asked for anyway."
            )
        }

    def clean_selectors(self) -> str:
        """Return them in lower case, with commas."""
        return ", ".join(_checked(validation.selectors, self.cleaned_data["selectors"]))


def _checked(check: Callable[[str], Value], text: str) -> Value:
    """Return what `check` makes of `text`. Raises ValidationError with its sentence."""
    try:
        return check(text)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None
