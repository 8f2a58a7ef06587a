"""The least-privilege kit of an integrated service: what it may do with which mailboxes, as a script for PowerShell."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from mailadmin.core import clouds, validation
from mailadmin.core.settings import CredentialKind, OAuthRoute, SmtpAuth
from mailadmin.models import IntegratedService

from .powershell import literal, literals, one_line

_SCRIPT = "mailadmin/kit/script.ps1"
# -Environment of Connect-MgGraph, -ExchangeEnvironmentName of Connect-ExchangeOnline, and the audience of a federated
# credential, by cloud (learn.microsoft.com: the cmdlets' pages, and "workload identity federation").
_ENVIRONMENTS = {
    clouds.GLOBAL: ("Global", "O365Default", "api://AzureADTokenExchange"),
    clouds.GCC_HIGH: ("USGov", "O365USGovGCCHigh", "api://AzureADTokenExchangeUSGov"),
    clouds.DOD: ("USGovDoD", "O365USGovDoD", "api://AzureADTokenExchangeUSGov"),
    clouds.CHINA: ("China", "O365China", "api://AzureADTokenExchangeChina"),
}


@dataclass(frozen=True)
class Grant:
    """One permission ("Mail.Send") for exactly these mailboxes; `why` says which option needs it."""

    permission: str
    why: str
    mailboxes: tuple[str, ...]

    @property
    def role(self) -> str:
        """Return Exchange's role that gives it (RBAC for Applications)."""
        return f"Application {self.permission}"


@dataclass(frozen=True)
class Kit:
    """What the script is made from. `label` names what it makes in Entra and Exchange; `send_as` holds pairs of a
    mailbox and an address that it may send as; `domains` are listed as senders but can be given to nobody."""

    name: str
    label: str
    cloud: str
    tenant: str
    client_id: str
    kind: CredentialKind
    certificate: str = ""
    grants: tuple[Grant, ...] = ()
    send_as: tuple[tuple[str, str], ...] = ()
    domains: tuple[str, ...] = ()

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """Return every mailbox that the app sends from, once."""
        return _once(address for grant in self.grants for address in grant.mailboxes)


def kit(service: IntegratedService) -> Kit:
    """Return the kit of `service`, from its own row and every route that signs in with it. Opens no secret."""
    routes = [row.to_route() for row in service.oauth_services.all()]
    smtp = [row for row in service.smtp_connections.all() if row.auth == SmtpAuth.XOAUTH2 and row.user_name.strip()]
    client_id = service.client_id.strip()
    return Kit(
        name=service.name,
        label=f"mailadmin-{(client_id or str(service.pk))[:8]}",
        cloud=service.cloud,
        tenant=service.tenant.strip(),
        client_id=client_id,
        kind=CredentialKind(service.credential_kind),
        certificate=service.certificate if service.credential_kind == CredentialKind.CERTIFICATE else "",
        grants=tuple(grant for grant in _grants(routes, [row.user_name.strip() for row in smtp]) if grant.mailboxes),
        send_as=_pairs(
            [
                *((box, address) for route in routes for box in route.identities for address in _addresses(route)),
                *((row.user_name.strip(), row.from_address.strip()) for row in smtp if row.from_address.strip()),
            ]
        ),
        domains=_once(sender for route in routes for sender in route.sender.send_as if sender not in _addresses(route)),
    )


def script(found: Kit) -> str:
    """Return the script. Every value in it stands in quotes that it cannot leave, or behind a comment sign."""
    graph, exchange, audience = _ENVIRONMENTS.get(found.cloud, _ENVIRONMENTS[clouds.GLOBAL])
    der = _der(found.certificate) if found.certificate else ""
    text: str = render_to_string(
        _SCRIPT,
        {
            "heading": one_line(found.name),
            "name": literal(found.name),
            "label": literal(found.label),
            "tenant": literal(found.tenant),
            "client_id": literal(found.client_id),
            "kind": found.kind,
            "certificate": literal(der) if der else "",
            "custom": found.cloud not in _ENVIRONMENTS,
            "graph_environment": literal(graph),
            "exchange_environment": literal(exchange),
            "audience": literal(audience),
            "grants": [(literal(grant.role), literals(grant.mailboxes)) for grant in found.grants],
            "permissions": literals(grant.permission for grant in found.grants),
            "mailboxes": literals(found.mailboxes),
            "send_as": [(literal(mailbox), literal(address)) for mailbox, address in found.send_as],
        },
    )
    return text


def _grants(routes: list[OAuthRoute], smtp_mailboxes: list[str]) -> list[Grant]:
    def of(chosen: Iterable[OAuthRoute]) -> tuple[str, ...]:
        return _once(address for route in chosen for address in route.identities)

    return [
        Grant("Mail.Send", _("sending by Graph"), of(routes)),
        Grant("Mail.ReadWrite", _("large messages by upload"), of(route for route in routes if route.large_messages)),
        Grant("Mail.Read", _("a look into the mailbox after an unclear answer"), of(r for r in routes if r.settle)),
        Grant("SMTP.SendAsApp", _("sending by SMTP with a token"), _once(smtp_mailboxes)),
    ]


def _addresses(route: OAuthRoute) -> list[str]:
    """Return the Send-As entries that are addresses; the others are domains."""
    return [sender for sender in route.sender.send_as if "@" in sender.lstrip("@")]


def _pairs(found: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return each pair once, and none of a mailbox with itself."""
    kept: dict[tuple[str, str], tuple[str, str]] = {}
    for box, address in found:
        if box.lower() != address.lower():
            kept.setdefault((box.lower(), address.lower()), (box, address))
    return tuple(kept.values())


def _once(addresses: Iterable[str]) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for address in addresses:
        kept.setdefault(address.strip().lower(), address.strip())
    return tuple(address for address in kept.values() if address)


def _der(pem: str) -> str:
    """Return the app's own certificate, the first one, in base64 without line ends; "" when it cannot be read."""
    try:
        validation.client_certificate(pem)
        own = x509.load_pem_x509_certificates(pem.encode())[0]
    except ValueError:
        return ""
    return base64.b64encode(own.public_bytes(Encoding.DER)).decode()
