"""From a saved row or a typed form to what Test Connection walks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from mailadmin.core import addresses
from mailadmin.models import ConnectionTest, IntegratedService
from mailadmin.testruns import Subject, app_subject

from .forms import IntegratedServiceForm
from .sections import TESTED, Form, Row


def typed_form(kind: str, data: Mapping[str, Any], files: Any = None) -> Form:
    """Return the form of `kind` with what was typed (a POST with its files, or a draft).

    `data["pk"]` names the row that is edited, missing or empty for a new one. Raises KeyError for an unknown
    kind and the model's DoesNotExist for an unknown row.
    """
    section = TESTED[kind]
    row = None
    if data.get("pk"):
        try:
            row = section.model.objects.get(pk=data["pk"])
        except ValidationError:
            raise section.model.DoesNotExist from None  # not a UUID
    form: Form = section.form(data, files, instance=row)
    return form


def subject_of_form(form: Form, as_saved: bool) -> Subject:
    """Return what is walked for typed values; only after `form.is_valid()`. `as_saved` tells that nothing was changed.

    A typed credential has no version, so that its tokens are shared with no other process.
    """
    if not isinstance(form, IntegratedServiceForm):
        return form.to_route()
    subject, app = app_subject(form.instance), form.instance.to_app()
    if as_saved:
        return subject
    known = "" if form.instance._state.adding else app.id
    credential = replace(app.credential, version="") if app.credential else None
    return replace(subject, app=replace(app, id=known, credential=credential))


def service_of(row: Row | None) -> IntegratedService | None:
    """Return the integrated service that `row` is, or signs in with."""
    return row if row is None or isinstance(row, IntegratedService) else row.integrated_service


def typed_recipient(request: HttpRequest) -> str:
    """Return the address to send the test message to, "" for none. Raises AddressError."""
    typed = request.POST.get("recipient", "").strip()
    return addresses.parse(typed).spec if typed else ""


def told(recipient: str) -> Promise:
    """Return what the audit trail says of a test that sends to `recipient`."""
    if recipient:
        return format_lazy(gettext_lazy("with a message to {recipient}"), recipient=recipient)
    return gettext_lazy("without sending")


def named(test: ConnectionTest, how: Promise) -> Promise:
    """Return what the audit trail says of `test`: what was tested, where, and `how`."""
    return format_lazy("{name} ({target}): {how}", name=test.name, target=test.target, how=how)
