"""The three kinds of settings rows, each with its form, its names and its templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from mailadmin.models import IntegratedService, OAuthService, SmtpConnection

from .forms import IntegratedServiceForm, OAuthServiceForm, SmtpConnectionForm

Row = OAuthService | SmtpConnection | IntegratedService
Form = OAuthServiceForm | SmtpConnectionForm | IntegratedServiceForm


@dataclass(frozen=True)
class Section:
    """One kind of row. `name` starts its URL names and templates, `path` its addresses; `one` and `many` are
    what people call it; `add` is the word on the button; `is_route` tells rows that send from apps they use."""

    name: str
    path: str
    one: Promise
    many: Promise
    add: Promise
    model: Any  # one of the types of Row
    form: Any  # its form
    is_route: bool = True

    def permission(self, action: str) -> str:
        """Return the permission for "view", "add", "change" or "delete"."""
        return f"mailadmin.{action}_{self.model._meta.model_name}"

    def address(self, page: str, row: Row | None = None) -> str:
        """Return the address of a page ("list", "new", "edit", ...), for pages of one row with the row."""
        return reverse(f"mailadmin:{self.name}-{page}", args=[row.pk] if row else [])


SMTP = Section(
    "smtp",
    "smtp",
    gettext_lazy("SMTP connection"),
    gettext_lazy("SMTP connections"),
    gettext_lazy("New connection"),
    SmtpConnection,
    SmtpConnectionForm,
)
OAUTH = Section(
    "oauth",
    "oauth",
    gettext_lazy("OAuth service"),
    gettext_lazy("OAuth services"),
    gettext_lazy("New service"),
    OAuthService,
    OAuthServiceForm,
)
SERVICE = Section(
    "service",
    "services",
    gettext_lazy("integrated service"),
    gettext_lazy("Integrated services"),
    gettext_lazy("New integrated service"),
    IntegratedService,
    IntegratedServiceForm,
    is_route=False,
)
ROUTES = {section.name: section for section in (OAUTH, SMTP)}  # by the kind in addresses and rows
TESTED = {section.name: section for section in (OAUTH, SMTP, SERVICE)}  # what Test Connection can walk


def section_of(row: Row) -> Section:
    """Return the section that `row` belongs to."""
    return next(section for section in (SMTP, OAUTH, SERVICE) if isinstance(row, section.model))
