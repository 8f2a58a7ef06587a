"""What the settings forms share: sections in front, the rest folded under Advanced, and the typed draft."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.forms.boundfield import BoundField
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

ON_UNSURE = _(
    "When nobody knows whether the message was taken. Sent once more, by the same route and with the same Message-ID, "
    "it may arrive twice; held, it may not have arrived at all until somebody decides in the outbox. A message sent "
    "directly is never sent again by itself."
)
Sections = tuple[tuple[Any, tuple[str, ...]], ...]  # titles (texts, "" for none) with the names of their fields
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """One section as the page shows it: how many of its values are not as usual, and whether it must show because
    of that, or because something in it is to be looked at or put right."""

    title: _StrOrPromise
    fields: list[BoundField]
    changed: int
    open: bool


class ConsoleForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    """A form of a settings row. Sub-classes name their fields in sections: `front` shows at once, `advanced`
    is folded away."""

    front: ClassVar[Sections] = ()
    advanced: ClassVar[Sections] = ()
    # What a link to the empty form may fill in.
    from_query: ClassVar[tuple[str, ...]] = ()
    # Whether each folded section is folded for itself, too: with many of them the page stays calm.
    nested: ClassVar[bool] = False
    # field -> "other=value,value": the browser hides the field while the other one holds something else. Only a
    # comfort: the server checks what it gets.
    shown_when: ClassVar[dict[str, str]] = {}
    # Fields that the page marks, because somebody proposes another value: the folded part with them must show.
    marked: frozenset[str] = frozenset()
    # field -> what an empty one, or one that an older page did not have, means.
    usual: ClassVar[dict[str, Any]] = {}
    # The server's own sentences are better than the browser's, and come all at once.
    use_required_attribute = False
    # How the row stood when the page with this form was made: two people must not undo each other.
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._changed_at: datetime | None = None if self.instance._state.adding else self.instance.changed_at
        for name in self.usual:
            self.fields[name].required = False
        for name, condition in self.shown_when.items():
            if name in self.fields:
                self.fields[name].widget.attrs["data-shown-when"] = condition
        # Switching a route on or off is no change of its settings, and yet must not be undone.
        switched = getattr(self.instance, "enabled", "")
        self.initial["seen"] = f"{self._changed_at.isoformat()} {switched}".strip() if self._changed_at else ""

    def clean(self) -> dict[str, Any]:
        """Fill in what was left as usual; refuse, once, to overwrite what somebody else saved while this form was
        open."""
        values = super().clean() or self.cleaned_data
        values |= {name: value for name, value in self.usual.items() if values.get(name, value) in (None, "")}
        if self._changed_at and values.get("seen") and values["seen"] != self.initial["seen"]:
            when = timezone.localtime(self._changed_at)
            text = gettext(
                "Somebody saved other values while this page was open (the last ones at {time}), or switched it on or "
                "off. Compare them in a second window; saving again overwrites them with what stands here."
            )
            self.add_error(None, text.format(time=f"{when:%H:%M:%S}"))
            self.data = {**self.draft(), "seen": self.initial["seen"]}
        return values

    @classmethod
    def initial_from(cls, query: Mapping[str, str]) -> dict[str, str]:
        """Return what a link to the empty form fills in: the fields in `from_query` that stand in its address."""
        return {name: query[name] for name in cls.from_query if name in query}

    def front_parts(self) -> list[Part]:
        """Return the sections that show at once."""
        return [self._part(title, names) for title, names in self.front]

    def advanced_parts(self) -> list[Part]:
        """Return the sections that are folded away."""
        return [self._part(title, names) for title, names in self.advanced]

    def advanced_changed(self) -> int:
        """Return how many of the folded fields differ from their defaults."""
        return sum(part.changed for part in self.advanced_parts())

    def advanced_open(self) -> bool:
        """Tell whether the folded part must show, because something in it is to be looked at or put right."""
        return any(name in self.errors or name in self.marked for __, names in self.advanced for name in names)

    def draft(self) -> dict[str, str]:
        """Return what was typed, secrets included, so that the form can be shown and saved again.
        The caller keeps it sealed, and not for long."""
        return {name: str(value) for name, value in self.data.items() if name != "csrfmiddlewaretoken"}

    def _part(self, title: _StrOrPromise, names: Iterable[str]) -> Part:
        fields = [self[name] for name in names if name in self.fields]
        changed = sum(self._differs(field) for field in fields)
        noticed = any(field.errors or field.name in self.marked for field in fields)
        return Part(title, fields, changed, changed > 0 or noticed)

    def _differs(self, field: BoundField) -> bool:
        """Tell whether a column has another value than usual; a secret and its box are no column."""
        column = {column.name: column for column in self._meta.model._meta.fields}.get(field.name)
        return column is not None and field.field.has_changed(column.get_default(), field.value())


class SecondsInput(forms.TextInput):
    """A number of seconds, shown without needless decimals."""

    def format_value(self, value: Any) -> str | None:
        """Return 10.0 as "10"."""
        return f"{value:g}" if isinstance(value, float) else super().format_value(value)


class Lines(forms.Textarea):
    """A text area whose line ends are those of the database: browsers send CRLF, which would count as a change."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return the text as it was typed."""
        value = super().value_from_datadict(data, files, name)
        return value.replace("\r\n", "\n") if isinstance(value, str) else value


class Certificates(Lines):
    """A text area for PEM certificates. A private key that was pasted with them is not sent back to the browser."""

    def format_value(self, value: Any) -> str | None:
        """Return the text without private keys."""
        text = super().format_value(value)
        return _PRIVATE_KEY.sub("", text) if text else text


def out_of_range(sentence: _StrOrPromise) -> dict[str, _StrOrPromise]:
    """Return the error messages of a number: the one sentence that says which numbers are meant."""
    return dict.fromkeys(("invalid", "min_value", "max_value"), sentence)


def certificates() -> Certificates:
    """Return a text area for PEM certificates."""
    return Certificates(attrs={"rows": 4, "spellcheck": "false", "class": "pem"})


def textarea(rows: int = 2) -> Lines:
    """Return a text area of `rows` lines without spell checking: addresses are no prose."""
    return Lines(attrs={"rows": rows, "spellcheck": "false"})
