"""A form with proposed values: which fields differ from what stands now, what has to be typed again, what is lost.

Nothing is saved or tested here: a person looks at the form, and saves and tests it as always.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from .forms.secret import SecretField, type_again
from .sections import Form, Row, Section

_LONG = 60  # characters of an old value beside its field; a certificate says nothing to a reader


@dataclass(frozen=True)
class Mark:
    """One field with another value than now: where it is, what it is called, and both values in words."""

    name: str
    anchor: str
    label: str
    was: str
    now: str


@dataclass(frozen=True)
class Proposal:
    """What the page says above a form with proposed values. `notes` are sentences on what is not proposed: secrets to
    type again, values that are gone. `marks` are the changed fields and `wanted` those that a person has to fill in,
    as pairs of anchor and label. `back` is an address with its words."""

    title: str
    why: str
    marks: tuple[Mark, ...] = ()
    wanted: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    back: tuple[str, str] = ("", "")


@dataclass
class Draft:
    """The values that a form starts from, by its fields and as a browser would send them: those of the row, or those
    of `typed` (without its secrets), changed by `changes`."""

    section: Section
    row: Row
    changes: Mapping[str, Any]
    typed: Mapping[str, str] | None = field(default=None, repr=False)  # with what was typed as secrets
    focus: str = ""
    notes: list[str] = field(default_factory=list)

    def form(self) -> Form:
        """Return the form with the values filled in."""
        return self._form(self._base() | dict(self.changes))

    def before(self) -> Form:
        """Return the form as it would be without the changes."""
        return self._form(self._base())

    def _form(self, initial: dict[str, Any]) -> Form:
        form: Form = self.section.form(instance=self.row, initial=initial)
        return form

    def _base(self) -> dict[str, Any]:
        if self.typed is None:
            return {}
        names = [name for name, field in self.section.form.base_fields.items() if not _untold(field)]
        return {name: self.typed.get(name, "") for name in names}  # a box without a tick is not sent


def proposed(draft: Draft, title: str, why: str, back: tuple[str, str] = ("", "")) -> tuple[Form, Proposal]:
    """Return the form of `draft`, its changed fields marked, and what the page says above it."""
    form = draft.form()
    typed_again = _to_type_again(draft, form)
    wanted = [name for name in dict.fromkeys((*draft.focus.split(), *typed_again)) if name in form.fields]
    new = draft.row._state.adding and draft.typed is None  # then everything is filled in anew
    marks = [] if new else [one for one in marks_of(form, draft.before()) if one.name not in wanted]
    missing = tuple((_anchor(form[name]), _label(form, name)) for name in wanted)
    mark(form, marks, wanted)
    for name in wanted:
        if isinstance(form.fields[name], SecretField):  # in place of "leave empty to keep it"
            form[name].help_text = typed_again.get(name, _("What is stored stays in use until this form is saved."))
    return form, Proposal(title, why, tuple(marks), missing, (*typed_again.values(), *draft.notes), back)


def marks_of(form: forms.BaseForm, before: forms.BaseForm) -> list[Mark]:
    """Return the fields whose value in `form` differs from that in `before`."""
    names = [name for name, field in form.fields.items() if not _untold(field)]
    return [
        Mark(name, _anchor(form[name]), _label(form, name), in_words(before[name]), in_words(form[name]))
        for name in names
        if before[name].value() != form[name].value()
        and form.fields[name].has_changed(before[name].value(), form[name].value())
    ]


def mark(form: Any, marks: Iterable[Mark], wanted: Iterable[str] = ()) -> None:
    """Say at each changed field what it held, and at each of the `wanted` ones that something is to be typed."""
    emptied, changed = _("emptied, was: {value}"), _("changed, was: {value}")
    told = {one.name: (emptied if one.now == _empty() else changed).format(value=one.was) for one in marks}
    told |= dict.fromkeys(wanted, _("to be typed here"))
    form.marked = frozenset(told)
    for name, words in told.items():
        said = format_html('{} <span class="was">{}</span>', _label(form, name), words)
        form.fields[name].label = form[name].label = said


@sensitive_variables()
def _to_type_again(draft: Draft, form: Form) -> dict[str, str]:
    """Return the fields of secrets that have to be typed again, each with a sentence that says why."""
    sentences = {}
    secrets: dict[str, str] = getattr(form, "typed_secrets", dict)()
    if draft.typed is not None:
        sentences = {name: type_again(word) for name, word in secrets.items() if draft.typed.get(name)}
    trial = draft.section.form(as_sent(form), instance=copy.copy(draft.row))
    trial.proposed = True
    for name in secrets:
        if name not in sentences and trial.errors.get(name):
            sentences[name] = str(trial.errors[name][0])
    return sentences


def as_sent(form: Form) -> dict[str, str]:
    """Return what a browser would send if `form` were pressed as it stands: no secrets, no files."""
    values = {bound.name: bound.value() for bound in form if bound.name == "seen" or not _untold(bound.field)}
    return {
        name: "on" if value is True else str(value)
        for name, value in values.items()
        if not (value is None or value is False or value == "")
    }


def in_words(bound: BoundField) -> str:
    """Return the value of a field as a person reads it: the words of a choice, "ticked", "empty"."""
    value = bound.value()
    if isinstance(bound.field, forms.BooleanField):
        return _("ticked") if value and value != "False" else _("not ticked")
    if value in (None, ""):
        return _empty()
    choices = getattr(bound.field, "choices", ())
    text = next((str(label) for key, label in choices if str(key) == str(value)), str(value))
    text = " ".join(text.split())
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _untold(field: forms.Field) -> bool:
    """Tell whether the value of a field is a secret, a file, or none that people know."""
    unseen = isinstance(field.widget, forms.PasswordInput | forms.HiddenInput)
    return unseen or isinstance(field, SecretField | forms.FileField)


def _empty() -> str:
    return _("empty")


def _anchor(bound: BoundField) -> str:
    return bound.id_for_label or str(bound.auto_id)


def _label(form: forms.BaseForm, name: str) -> str:
    return str(form[name].label)
