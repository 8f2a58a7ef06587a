"""The forms of the console: explicit fields, write-only secrets, one sentence for each bad input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from mailadmin.core.settings import RouteKind

from .oauth import OAuthServiceForm
from .secret import SECRET_FIELDS
from .service import IntegratedServiceForm, SecondCredentialForm
from .settings import SettingsForm
from .smtp import SmtpConnectionForm

__all__ = [
    "SECRET_FIELDS",
    "IntegratedServiceForm",
    "OAuthServiceForm",
    "SecondCredentialForm",
    "SettingsForm",
    "SmtpConnectionForm",
    "route_form",
]

_ROUTE_FORMS: dict[str, type[SmtpConnectionForm] | type[OAuthServiceForm]] = {
    RouteKind.SMTP: SmtpConnectionForm,
    RouteKind.OAUTH: OAuthServiceForm,
}


def route_form(kind: str, data: Mapping[str, Any]) -> SmtpConnectionForm | OAuthServiceForm:
    """Return the form of a route of `kind` with the typed `data` (a POST, or a draft).

    `data["pk"]` names the row that is edited, missing or empty for a new one. Raises KeyError for an unknown
    kind and the model's DoesNotExist for an unknown row.
    """
    form = _ROUTE_FORMS[kind]
    model = form._meta.model
    if not data.get("pk"):
        return form(data)
    try:
        return form(data, instance=model._default_manager.get(pk=data["pk"]))
    except ValidationError:
        raise model.DoesNotExist from None  # not a UUID
