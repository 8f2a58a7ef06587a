"""Tokens for the identity that Azure gives to the machine we run on (learn.microsoft.com, "managed identities")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msal

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import clean
from mailadmin.core.settings import CredentialKind, EntraApp
from mailadmin.core.texts import _
from mailadmin.net import machine
from mailadmin.net.policy import NetworkPolicy

from .faults import identity_fault
from .sign_in import MsalAnswer, Note


def is_machine(app: EntraApp) -> bool:
    """Tell whether `app` stands for the identity of the machine."""
    return bool(app.credential and app.credential.kind is CredentialKind.MANAGED_IDENTITY)


def check_allowed(app: EntraApp, policy: NetworkPolicy) -> None:
    """Check that the deployment lets `app` use the identity of the machine, if it wants to.

    Behind a proxy of its own a host is Microsoft's only by its certificate, so an integrated service may not choose
    both the proxy and whom to trust. Raises MailError (IDENTITY_UNAVAILABLE).
    """
    if not is_machine(app):
        return
    if not policy.managed_identity:
        raise _unavailable(_("The settings of this site do not allow the managed identity of its server."))
    if app.proxy and app.cloud.ca_pem.strip():
        raise _unavailable(
            _(
                "With a managed identity the integrated service cannot have a proxy and an own CA at once; name them "
                "in the environment of the site (HTTPS_PROXY, REQUESTS_CA_BUNDLE)."
            )
        )


def ask_machine(app: EntraApp, scopes: tuple[str, ...], policy: NetworkPolicy, note: Note) -> dict[str, Any]:
    """Return msal's answer for the identity of the machine: the user-assigned one that `app.client_id` names, or the
    machine's own. Raises MailError, and on an odd answer what msal raises."""
    named = msal.UserAssignedManagedIdentity(client_id=app.client_id) if app.client_id else None
    client = msal.ManagedIdentityClient(
        named or msal.SystemAssignedManagedIdentity(), http_client=_MachineClient(policy, note)
    )
    resource = scopes[0].removesuffix("/.default") if scopes else ""
    try:
        result: dict[str, Any] = client.acquire_token_for_client(resource=resource)
    except msal.ManagedIdentityError:
        raise _unavailable(_("The managed identity of this kind of machine cannot be used here.")) from None
    return result


class _MachineClient:
    """The HTTP client that msal gets for the machine's endpoint."""

    def __init__(self, policy: NetworkPolicy, note: Note) -> None:
        self._policy, self._note = policy, note

    def get(self, url: str, params: Mapping[str, str], headers: Mapping[str, str], **unused: Any) -> MsalAnswer:
        """Return a token answer, or the challenge of Azure Arc. Raises MailError."""
        self._note(f"> GET {clean(url)} ({clean(str(params.get('resource', '')))})")
        answer = machine.ask(url, params, headers, self._policy)
        parts = urlsplit(url)
        fault = identity_fault(answer, parts.hostname or "", parts.port or 80)
        self._note(f"< {answer.status}" + (f" {fault.text}" if fault else ""))
        if fault:
            raise MailError(fault)
        return MsalAnswer.of(answer)

    def post(self, *unused: Any, **more: Any) -> MsalAnswer:
        """Refuse: no endpoint of a machine is asked by POST."""
        raise _unavailable(_("The managed identity of this kind of machine cannot be used here."))

    def close(self) -> None:
        """Do nothing: each request has a connection of its own."""


def _unavailable(text: str) -> MailError:
    return MailError(Fault(Phase.TOKEN, Kind.IDENTITY_UNAVAILABLE, text))
