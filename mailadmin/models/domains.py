"""Sender domains: what their DNS said when it was last read."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .fields import Checked


class SenderDomain(models.Model):
    """A domain that mail is sent from, with the selectors of its DKIM keys that somebody named, and the last reading
    (`probes.sender_domain`), as a mapping."""

    domain = models.CharField(max_length=253, unique=True, validators=[Checked("domain")])  # lower case, A-labels
    selectors = models.TextField(_("DKIM selectors"), blank=True, validators=[Checked("selectors")])
    reading = models.JSONField(default=dict)
    read_at = models.DateTimeField(null=True)
    managed_by = models.CharField(max_length=200, blank=True, editable=False)  # see routes.Named

    class Meta:
        ordering = ("domain",)

    def __str__(self) -> str:
        return self.domain
