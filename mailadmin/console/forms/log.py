"""The filters of the delivery log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms.utils import flatatt
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailadmin.console import deliveries, log_search
from mailadmin.core.knowledge import entries
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import OAuthService, SmtpConnection

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

_BAD_DAY = _("Type the day as year-month-day, such as 2026-11-21.")
# The ends of the calendar cannot be turned into moments, because midnight there may lie outside of it.
_THIS_CENTURY = (MinValueValidator(date(2000, 1, 1), _BAD_DAY), MaxValueValidator(date(2099, 12, 31), _BAD_DAY))


class Choice(forms.Select):
    """A select, written by itself: Django's templates for widgets take longer than the rest of the filters."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        """Return its HTML."""
        chosen = "" if value is None else str(value)
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((key, mark_safe(" selected") if str(key) == chosen else "", words) for key, words in self.choices),
        )
        given = flatatt({"name": name} | self.build_attrs(self.attrs, attrs))
        return format_html("<select{}>{}</select>", given, options)


class DayField(forms.DateField):
    """A day to filter by; need not be given."""

    default_error_messages = {"invalid": _BAD_DAY}

    def __init__(self, label: _StrOrPromise) -> None:
        widget = forms.DateInput(attrs={"type": "date"})
        super().__init__(label=label, required=False, widget=widget, validators=_THIS_CENTURY)


class FilterForm(forms.Form):
    """The filters of the log; they stand in the address, so that a view can be shared. `known_labels` are offered."""

    q = forms.CharField(label=_("Search"), required=False, max_length=200, strip=True)
    state = forms.ChoiceField(label=_("State"), required=False, widget=Choice)
    route = forms.ChoiceField(label=_("Route"), required=False, widget=Choice)
    code = forms.ChoiceField(label=_("Reason"), required=False, widget=Choice)
    address = forms.CharField(label=_("Recipient"), required=False, max_length=320)
    label = forms.CharField(
        label=_("Label"), required=False, max_length=80, widget=forms.TextInput(attrs={"list": "log-labels"})
    )
    since = DayField(label=_("From day"))
    until = DayField(label=_("To day"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = [(name, gettext(words)) for name, (words, __) in deliveries.GROUPS.items()]
        states = [(str(state), state.label) for state in DeliveryState]
        self._offer("state", [*groups, *states])
        self._offer("route", _routes())
        self._offer("code", _reasons(self.data.get("code", "")))
        self.known_labels = log_search.labels()

    def clean_since(self) -> datetime | None:
        """Return the start of the first day."""
        return _midnight(self.cleaned_data["since"])

    def clean_until(self) -> datetime | None:
        """Return the end of the last day: the day itself counts."""
        day = self.cleaned_data["until"]
        return _midnight(day + timedelta(days=1) if day else None)

    def clean(self) -> dict[str, Any]:
        """Refuse days in the wrong order."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since >= until:
            self.add_error("until", gettext("The last day lies before the first one; exchange them."))
        return cleaned

    def chosen(self) -> list[str]:
        """Return the names of the filters that are set."""
        return [name for name in self.fields if self.data.get(name)]

    def _offer(self, name: str, choices: Iterable[tuple[str, str]]) -> None:
        self.fields[name].choices = [("", gettext("Any")), *choices]  # type: ignore[attr-defined]  # a ChoiceField


def _routes() -> Iterator[tuple[str, str]]:
    for title, rows in (("OAuth", OAuthService.objects.all()), ("SMTP", SmtpConnection.objects.all())):
        for key, name in rows.values_list("pk", "name"):
            yield str(key), f"{title} · {name}"


def _reasons(asked: str) -> list[tuple[str, str]]:
    """Return the codes of the log with their words, by which they are sorted; what is asked for is among them."""
    titles = {entry.id: entry.explained().title for entry in entries()}
    codes = dict.fromkeys([*log_search.codes(), *([asked] if asked in titles else [])])
    return sorted(((code, titles.get(code, code)) for code in codes), key=lambda choice: choice[1])


def _midnight(day: date | None) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None
