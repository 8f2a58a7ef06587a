"""How the credentials of an integrated service stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mailadmin import conf
from mailadmin.core import pfx
from mailadmin.core.expiry import countdown, days_left
from mailadmin.core.settings import CredentialKind
from mailadmin.core.texts import N_, _
from mailadmin.models import IntegratedService
from mailadmin.models.credentials import FIRST, SECOND, CredentialColumns
from mailadmin.models.secrets import HeldSecret

# What people say of each kind: what it is, what is missing, and how it is renewed.
NOUNS = {
    CredentialKind.SECRET: N_("client secret"),
    CredentialKind.CERTIFICATE: N_("certificate"),
    CredentialKind.FEDERATED: N_("assertion file"),
    CredentialKind.MANAGED_IDENTITY: N_("managed identity"),
}


@dataclass(frozen=True)
class CredentialState:
    """One credential: `state` is ok, warning or failed, `label` its word; `days_left` is None when no end is known;
    `reference` says where the secret is kept outside the database."""

    kind: CredentialKind
    state: str
    label: str
    ends_on: date | None
    days_left: int | None
    reference: str
    certificate: str
    second: bool = False
    missing: bool = False  # nothing is stored for what the service is

    @property
    def noun(self) -> str:
        """Return what it is called."""
        return _(NOUNS[self.kind])

    @property
    def ended(self) -> bool:
        """Tell whether its last day is over."""
        return self.days_left is not None and self.days_left < 0

    @property
    def countdown(self) -> str:
        """Return when it ends, in words: "ends in 9 days"; "" when no end is known."""
        if self.days_left is None:
            return ""
        text = _("ended {when}") if self.ended else _("ends {when}")
        return text.format(when=countdown(self.days_left))

    @property
    def thumbprint(self) -> str:
        """Return the thumbprint of its certificate as Entra shows it, "" for other kinds."""
        try:
            return pfx.thumbprint(self.certificate) if self.kind is CredentialKind.CERTIFICATE else ""
        except ValueError:
            return ""


def first_state(row: IntegratedService, warning_days: int, today: date) -> CredentialState:
    """Return how the credential in use stands. No statement."""
    return _state(row, FIRST, warning_days, today)


def second_state(row: IntegratedService, warning_days: int, today: date) -> CredentialState | None:
    """Return how the second credential stands, None without one. No statement."""
    return _state(row, SECOND, warning_days, today) if row.second_kind else None


def second_ready(row: IntegratedService, today: date) -> bool:
    """Tell whether the second credential could be tried: complete and not ended."""
    left = days_left(row.second_ends_on, today)
    return row.to_second_credential() is not None and not (left is not None and left < 0)


def _state(row: IntegratedService, columns: CredentialColumns, warning_days: int, today: date) -> CredentialState:
    kind, held = columns.kind_of(row), columns.held(row)
    ends_on: date | None = getattr(row, columns.ends_on) if kind is not CredentialKind.FEDERATED else None
    left = days_left(ends_on, today)
    state, label = _judged(kind, held, left, warning_days)
    certificate: str = getattr(row, columns.certificate)
    missing = kind is not CredentialKind.MANAGED_IDENTITY and not held.stored
    return CredentialState(kind, state, label, ends_on, left, held.reference, certificate, columns is SECOND, missing)


def _judged(kind: CredentialKind, held: HeldSecret, left: int | None, warning_days: int) -> tuple[str, str]:
    if kind is CredentialKind.MANAGED_IDENTITY:
        allowed = conf.setting("MANAGED_IDENTITY")
        return ("ok", _("Managed identity")) if allowed else ("failed", _("Not allowed here"))
    if not held.stored:
        return "failed", _("Missing")
    if left is not None and left < 0:
        return "failed", _("Ended")
    if left is not None and left <= warning_days:
        return "warning", _("Ends soon")
    if held.reference:
        return "ok", _("Kept in {place}").format(place=held.reference.partition(":")[0])
    return "ok", _("Stored")
