"""The forms of the console: explicit fields, write-only secrets, one sentence for each bad input."""

from __future__ import annotations

from .oauth import OAuthServiceForm
from .secret import SECRET_FIELDS
from .service import IntegratedServiceForm, SecondCredentialForm
from .settings import SendingForm, SettingsForm
from .smtp import SmtpConnectionForm

__all__ = [
    "SECRET_FIELDS",
    "IntegratedServiceForm",
    "OAuthServiceForm",
    "SecondCredentialForm",
    "SendingForm",
    "SettingsForm",
    "SmtpConnectionForm",
]
