"""The form of the preferences."""

from __future__ import annotations

from django import forms

from mailadmin.models import Settings

_DAYS = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    """The preferences of the whole installation."""

    use_required_attribute = False

    class Meta:
        model = Settings
        fields = ("retention_days", "secret_warning_days")
        widgets = {"retention_days": _DAYS, "secret_warning_days": _DAYS}
        labels = {
            "retention_days": "Keep the delivery log for (days)",
            "secret_warning_days": "Warn before a secret ends (days)",
        }
        help_texts = {
            "retention_days": "Older messages, with their attempts, are removed from the log.",
            "secret_warning_days": "The dashboard shows a banner this long before a client secret ends.",
        }
        error_messages = {
            name: {
                "required": "Type a number of days.",
                "invalid": "Type a whole number of days.",
                "min_value": "At least one day.",
                "max_value": "At most %(limit_value)s days.",
            }
            for name in ("retention_days", "secret_warning_days")
        }
