"""What the processes of one installation share about Microsoft's services: tokens (sealed), who may ask now, and the
pace of each mailbox. Written by `delivery`, read with no other row; losing all of it costs a token."""

from __future__ import annotations

from django.db import models


class SharedToken(models.Model):
    """An access token, sealed with the key ring, and until when it holds."""

    key = models.CharField(max_length=64, primary_key=True)
    sealed = models.TextField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"token until {self.expires_at:%Y-%m-%d %H:%M}"


class SharedLease(models.Model):
    """One of the places of `name`: free unless `holder` has it until `until`."""

    name = models.CharField(max_length=80)
    place = models.PositiveSmallIntegerField()
    holder = models.CharField(max_length=32, blank=True)
    until = models.DateTimeField(null=True)

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
