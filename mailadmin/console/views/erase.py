"""Erasing what the log knows of a recipient: a page that asks, one that says how much it is, and the deed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import salted_hmac
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy
from django.views.decorators.http import require_http_methods

from mailadmin.console import audit
from mailadmin.console.access import needs
from mailadmin.core.addresses import AddressError, parse
from mailadmin.delivery import erase as erasing


class EraseForm(forms.Form):
    """Whom to erase."""

    address = forms.CharField(
        label=gettext_lazy("E-mail address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def clean_address(self) -> str:
        """Return the address alone, without a name."""
        try:
            return parse(self.cleaned_data["address"], local_names=True).spec
        except AddressError as error:
            raise forms.ValidationError(str(error)) from None


@require_http_methods(["GET", "POST"])
@needs("mailadmin.view_delivery", "mailadmin.erase_recipient")
def log_erase(request: HttpRequest) -> HttpResponse:
    """Ask for an address; say how many messages know it; with `confirmed`, erase it."""
    form = EraseForm(request.POST or None)
    shown: dict[str, Any] = {"form": form}
    if form.is_valid():
        address = form.cleaned_data["address"]
        if request.POST.get("confirmed") == "yes":
            return _erase(request, address)
        shown |= {"address": address, "known": erasing.known(address)}
    return render(request, "mailadmin/log/erase.html", shown)


def _erase(request: HttpRequest, address: str) -> HttpResponse:
    before = erasing.known(address)
    number = erasing.erase(address)
    detail = ngettext_lazy(
        "a recipient ({fingerprint}) from {number} message of the log",
        "a recipient ({fingerprint}) from {number} messages of the log",
        number,
    )
    audit.record(request, "erased", detail=format_lazy(detail, fingerprint=fingerprint(address), number=number))
    text = ngettext(
        "The recipient was erased from {number} message of the log.",
        "The recipient was erased from {number} messages of the log.",
        number,
    )
    messages.success(request, text.format(number=number))
    if before.waiting:
        text = _("{number} that wait in the outbox still name the recipient. Erase again when they are over.")
        messages.warning(request, text.format(number=before.waiting))
    return redirect("mailadmin:log-list")


def fingerprint(address: str) -> str:
    """Return what tells, to who has the address and the server's secret key, that it is the one: the audit trail must
    not keep what was erased."""
    return salted_hmac("mailadmin.erase", address.lower(), algorithm="sha256").hexdigest()[:16]
