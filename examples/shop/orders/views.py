"""The two pages of the shop."""

from __future__ import annotations

from django.forms import modelform_factory
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from mailadmin import MailError
from mailadmin.conf import ConfigurationError

from . import mails
from .models import Order

OrderForm = modelform_factory(Order, fields=["customer", "address", "article", "pieces"])


def order(request: HttpRequest) -> HttpResponse:
    """Take an order, and send confirmation and invoice. Mail that fails does not undo the order."""
    form = OrderForm(request.POST or None)
    if form.is_valid():
        taken = form.save()
        try:
            mails.confirm(taken)
            mails.bill(taken)
        except (MailError, ConfigurationError, OSError) as error:
            return render(request, "orders/thanks.html", {"order": taken, "problem": str(error)})
        return redirect("thanks", taken.pk)
    return render(request, "orders/order.html", {"form": form})


def thanks(request: HttpRequest, number: int) -> HttpResponse:
    """Say thank you."""
    return render(request, "orders/thanks.html", {"order": get_object_or_404(Order, pk=number)})
