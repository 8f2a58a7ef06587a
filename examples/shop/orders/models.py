"""What is sold."""

from __future__ import annotations

from django.db import models


class Order(models.Model):
    """One order, and whether its confirmation reached the customer."""

    customer = models.CharField("your name", max_length=80)
    address = models.EmailField("your e-mail address")
    article = models.CharField("what you want", max_length=80)
    pieces = models.PositiveIntegerField("how many", default=1)
    confirmed = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.pieces} × {self.article}"
