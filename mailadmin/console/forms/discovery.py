"""The form of the search for a server."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from mailadmin.core import discovery
from mailadmin.core.discovery import Mailbox


class DiscoveryForm(forms.Form):
    """The e-mail address whose server is looked for."""

    address = forms.CharField(
        label=_("E-mail address that is to send"),
        max_length=320,
        error_messages={"required": _("Type the e-mail address that is to send, such as shop@example.org.")},
        widget=forms.TextInput(attrs={"inputmode": "email", "autocomplete": "email", "spellcheck": "false"}),
        help_text=_(
            "Only its domain is looked up, at your DNS resolver and at servers that it names; no password is "
            "needed, nobody signs in, and nothing is sent."
        ),
    )
    use_required_attribute = False

    def clean_address(self) -> Mailbox:
        """Return the address and its domain."""
        try:
            return discovery.read_address(self.cleaned_data["address"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
