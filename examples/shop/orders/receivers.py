"""What became of the mail comes back as signals."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from mailadmin.models import Delivery
from mailadmin.signals import message_sent

from .models import Order


@receiver(message_sent)
def note_invoice(sender: Any, delivery_id: str | None, label: str, **kwargs: Any) -> None:
    """Remember that the invoice of an order left."""
    if label != "invoices" or not delivery_id:
        return
    metadata = Delivery.objects.filter(pk=delivery_id).values_list("metadata", flat=True).first() or {}
    Order.objects.filter(pk=metadata.get("order")).update(confirmed=True)
