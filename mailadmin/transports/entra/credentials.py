"""What an app registration proves itself with: opened, judged before Entra is asked, and put as msal wants it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import Any

from mailadmin.core import pfx
from mailadmin.core.dates import day
from mailadmin.core.destination import credential_destination
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Credential, CredentialKind, EntraApp
from mailadmin.core.texts import _

_SALT = secrets.token_bytes(16)  # so that a mark can be compared in this process only


def opened(app: EntraApp) -> str:
    """Return the secret, private key or assertion of `app` in clear text, "" for a managed identity.

    Raises MailError (SECRET_MISSING), and whatever revealing the secret raises.
    """
    credential = app.credential
    if credential and credential.kind is CredentialKind.MANAGED_IDENTITY:
        return ""
    text = credential.secret.reveal() if credential and credential.secret else ""
    if not text:
        raise MailError(Fault(Phase.TOKEN, Kind.SECRET_MISSING, host=app.cloud.authority_host))
    return text


def mark(text: str) -> bytes:
    """Return what tells a secret from another one, and nothing else of it."""
    return hmac.digest(_SALT, text.encode("utf-8", "surrogatepass"), hashlib.sha256)


def identity(app: EntraApp) -> object:
    """Return what tells the credential of `app`, and where it may travel, from any other one in this process.

    An assertion of another issuer is renewed every hour and stays the same credential, so that one goes by its
    version. Raises as `opened`.
    """
    credential = app.credential or Credential()
    where = credential_destination(app, credential.kind, credential.certificate)
    if credential.kind is CredentialKind.FEDERATED and credential.secret and credential.version:
        return where, app.id, credential.version
    return where, mark(opened(app))


def shared_key(app: EntraApp, scopes: tuple[str, ...]) -> str:
    """Return the name under which processes share the token, "" when they do not.

    A credential that was never saved stays in its process. So does the identity of a machine: another host has
    another one, and the machine's endpoint keeps its tokens itself.
    """
    credential = app.credential
    if not credential or not credential.version or credential.kind is CredentialKind.MANAGED_IDENTITY:
        return ""
    where = credential_destination(app, credential.kind, credential.certificate)
    parts = (*where, app.id, credential.kind, credential.version, *scopes)
    return hashlib.sha256(repr(tuple(str(part) for part in parts)).encode()).hexdigest()


def ended(credential: Credential | None) -> bool:
    """Tell whether the last day (UTC) that somebody typed is over."""
    return bool(credential and credential.ends_on and credential.ends_on < datetime.now(UTC).date())


def for_msal(app: EntraApp, text: str) -> Any:
    """Return msal's `client_credential` for `text`, what `opened` gave, or a Fault that says why Entra need not be
    asked. Raises nothing, because its frame holds the secret."""
    credential = app.credential or Credential()
    if credential.kind is CredentialKind.FEDERATED:
        return {"client_assertion": lambda: text}  # msal warns of a plain text
    if credential.kind is not CredentialKind.CERTIFICATE:
        return text
    if fault := _certificate_fault(app, credential.certificate, Secret(text)):
        return fault
    # Without a thumbprint: PS256 with x5t#S256, as learn.microsoft.com "certificate credentials" wants it.
    return {"private_key": text.strip(), "public_certificate": credential.certificate}


def _certificate_fault(app: EntraApp, certificate: str, key: Secret) -> Fault | None:
    def fault(kind: Kind, words: str) -> Fault:
        return Fault(Phase.TOKEN, kind, words, host=app.cloud.authority_host)

    try:
        pfx.check_pair(certificate, key)
        starts, ends = pfx.validity(certificate)
    except ValueError as error:
        return fault(Kind.CREDENTIAL_BAD, str(error))
    now = datetime.now(UTC)
    if now > ends:
        return fault(Kind.CREDENTIAL_ENDED, _("The certificate ended on {day}.").format(day=day(ends)))
    if now < starts:
        words = _("The certificate is valid only from {day}, {time} UTC, on.").format(
            day=day(starts), time=f"{starts:%H:%M}"
        )
        return fault(Kind.CREDENTIAL_ENDED, words)
    return None
