"""Addresses in a form."""

from __future__ import annotations

from typing import Any

from django import forms

from mailadmin.core import addresses, validation


class AddressesField(forms.CharField):
    """Addresses, comma-separated, each with or without a display name; cleaned to a list of texts."""

    def to_python(self, value: Any) -> Any:
        """Return the addresses. Raises ValidationError for the first bad one."""
        try:
            return list(validation.address_list(super().to_python(value) or ""))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class AddressField(forms.CharField):
    """One address, with or without a display name; need not be given."""

    def to_python(self, value: Any) -> Any:
        """Return the address as a header has it. Raises ValidationError."""
        text = super().to_python(value) or ""
        try:
            return addresses.format_address((found := addresses.parse(text)).name, found.spec) if text else ""
        except addresses.AddressError as error:
            raise forms.ValidationError(str(error)) from None
