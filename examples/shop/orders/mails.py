"""The mail of the shop. `confirm` is as it was before mailadmin; `bill` uses what mailadmin adds."""

from __future__ import annotations

from django.core.mail import send_mail

import mailadmin
from mailadmin.core.outcome import SendResult

from .models import Order


def confirm(order: Order) -> int:
    """Thank the customer; return how many messages were sent. Plain Django: nothing here had to change."""
    return send_mail(
        f"Your order {order.pk}",
        f"Hello {order.customer},\n\nthank you for ordering {order}. We are packing it.\n",
        None,
        [order.address],
    )


def bill(order: Order) -> SendResult:
    """Send the invoice as HTML with its text beside it and a file, once however often it is called, and return what
    became of it. Metadata comes back with the signals; the label tells invoices from other mail in the log."""
    return mailadmin.send(
        f"Invoice {order.pk}",
        html=f"<h1>Invoice {order.pk}</h1><p>{order.pieces} pieces, due in 14 days.</p>",
        text_from_html=True,
        to=f'"{order.customer}" <{order.address}>',
        attachments=[(f"invoice-{order.pk}.csv", f"article,pieces\n{order.article},{order.pieces}\n", "text/csv")],
        priority="urgent",
        label="invoices",
        idempotency_key=f"invoice-{order.pk}",
        metadata={"order": str(order.pk)},
    )
