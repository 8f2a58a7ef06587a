"""A day and a time in a form."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy


class MomentField(forms.DateTimeField):
    """A moment in the time zone of the page; need not be given."""

    default_error_messages = {"invalid": gettext_lazy("Type day and time, such as 2026-11-21 18:30.")}

    def __init__(self, label: Any, help_text: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(label=label, required=False, widget=widget, help_text=help_text)
