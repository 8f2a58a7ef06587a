"""What the processes of one installation share about Microsoft's services: tokens (sealed), who may ask now, and the
pace of each mailbox. Written by `delivery` in plain SQL, by the clock of the database; losing it costs a token."""

from __future__ import annotations

from django.db import models


class SharedToken(models.Model):
    """An access token, sealed with the key ring, and until when it holds (seconds since the epoch)."""

    key = models.CharField(max_length=64, primary_key=True)
    sealed = models.TextField()
    expires_at = models.FloatField()

    def __str__(self) -> str:
        return self.key


class SharedLease(models.Model):
    """One of the places of `name`: `holder` has it while `until` (seconds since the epoch) is to come."""

    name = models.CharField(max_length=80)
    place = models.PositiveSmallIntegerField()
    holder = models.CharField(max_length=32, blank=True)
    until = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "place"], name="mailadmin_one_lease_for_a_place")]

    def __str__(self) -> str:
        return f"{self.name} {self.place}"


class SharedPace(models.Model):
    """How far the pace of `name` is used up: `due` and `paused` are seconds since the epoch."""

    name = models.CharField(max_length=80, primary_key=True)
    due = models.FloatField(default=0)
    paused = models.FloatField(default=0)

    def __str__(self) -> str:
        return self.name
