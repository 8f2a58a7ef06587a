"""Fixes of an app registration: its cloud, its tenant, its client ID and its credential."""

from __future__ import annotations

from collections.abc import Iterator

from mailadmin.core.clouds import CHINA, CLOUDS, CUSTOM, DOD, GCC_HIGH, GLOBAL
from mailadmin.core.fault import Fault, Kind
from mailadmin.core.settings import CredentialKind, EntraApp
from mailadmin.core.texts import N_, _

from .fix import Fix, Rule, codes

# What people call them; the form's own words (models.IntegratedService.CloudName).
_CLOUD_WORDS = {
    GLOBAL: N_("Global (and US GCC)"),
    GCC_HIGH: N_("US GCC High"),
    DOD: N_("US DoD"),
    CHINA: N_("China (21Vianet)"),
}
# The domains that Microsoft gives to tenants, by cloud.
_TENANT_ENDS = {".onmicrosoft.us": GCC_HIGH, ".partner.onmschina.cn": CHINA, ".onmicrosoft.com": GLOBAL}
# "This app's tenant is a US government one" (learn.microsoft.com, "Microsoft Entra authentication and authorization
# error codes", AADSTS900439).
_GOVERNMENT = frozenset({"900439"})
_NO_TENANT = frozenset({"", "common", "organizations", "consumers"})
_TYPED = {  # where the secret of each kind of credential is typed, and what to do there
    CredentialKind.SECRET: ("secret", N_("Type a new client secret")),
    CredentialKind.CERTIFICATE: ("bundle", N_("Replace the certificate with its key")),
    CredentialKind.FEDERATED: ("assertion_file", N_("Replace the path of the assertion file")),
}


def right_cloud(fault: Fault, app: EntraApp) -> Iterator[Fix]:
    """The tenant, or the host that answered, belongs to another of Microsoft's clouds."""
    wanted = _cloud_meant(fault, app)
    if wanted and wanted != app.cloud.name:
        why = _reason(app)
        yield Fix(_("Choose the cloud {cloud}").format(cloud=_(_CLOUD_WORDS[wanted])), why, {"cloud": wanted})


def tenant_to_type(fault: Fault, app: EntraApp) -> Iterator[Fix]:
    """The tenant is missing or unknown. Only a person can look it up."""
    why = _("In Entra it stands on the Overview page as “Tenant ID”. A domain of the tenant will do as well.")
    title = _("Type the tenant") if app.tenant.lower() in _NO_TENANT else _("Correct the tenant")
    yield Fix(title, why, focus="tenant")


def client_id_to_type(fault: Fault, app: EntraApp) -> Iterator[Fix]:
    """The app is unknown, or not named."""
    title = _("Correct the client ID") if app.client_id else _("Type the client ID")
    yield Fix(
        title, _("In Entra it stands on the app's Overview page as “Application (client) ID”."), focus="client_id"
    )


def credential_to_type(fault: Fault, app: EntraApp) -> Iterator[Fix]:
    """The credential is wrong, missing or over."""
    kind = app.credential.kind if app.credential else CredentialKind.SECRET
    if kind not in _TYPED:
        return  # a managed identity has none
    field, title = _TYPED[kind]
    if kind is CredentialKind.SECRET:
        # The old last day would belong to the old secret, and one that is over is not even tried.
        why = _("In Entra: Certificates & secrets, New client secret. Copy its Value, not its ID, and its last day.")
        yield Fix(_(title), why, {"credential_ends_on": ""}, focus=f"{field} credential_ends_on")
    else:
        yield Fix(
            _(title),
            _("Entra, or this server, did not accept the present one."),
            focus=field,
        )


def _cloud_meant(fault: Fault, app: EntraApp) -> str:
    """Return the name of the cloud that the failure or the settings speak of, "" when they speak of none."""
    if app.cloud.name == CUSTOM:
        return ""  # its hosts were typed on purpose
    if fault.aadsts in _GOVERNMENT:
        return GCC_HIGH
    tenant = app.tenant.lower()
    for end, name in _TENANT_ENDS.items():
        # US GCC High and DoD tenants look alike.
        if tenant.endswith(end) and not (name == GCC_HIGH and app.cloud.name == DOD):
            return name
    named = [name for name, cloud in CLOUDS.items() if any(host in fault.text.lower() for host in _hosts(name))]
    return named[0] if len(named) == 1 else ""


def _hosts(name: str) -> set[str]:
    """Return the hosts that only this one of the clouds has."""
    own = CLOUDS[name]
    others = {
        host for other, cloud in CLOUDS.items() if other != name for host in (cloud.authority_host, cloud.graph_host)
    }
    return {own.authority_host, own.graph_host} - others


def _reason(app: EntraApp) -> str:
    if app.tenant.lower().endswith(tuple(_TENANT_ENDS)):
        text = _("The tenant {tenant} belongs to that cloud; its hosts are different ones.")
        return text.format(tenant=app.tenant)
    return _("What answered belongs to that cloud; its hosts are different ones.")


APP: tuple[Rule[EntraApp], ...] = (
    Rule(
        right_cloud,
        codes=codes("entra-tenant-unknown entra-wrong-cloud graph-wrong-audience graph-token-invalid entra-resource"),
        aadsts=_GOVERNMENT,
    ),
    Rule(tenant_to_type, codes=codes("tenant-missing entra-tenant-unknown entra-tenant-malformed entra-tenant-common")),
    Rule(client_id_to_type, codes=codes("client-id-missing entra-app-unknown")),
    Rule(
        credential_to_type,
        codes=codes(
            "entra-secret-wrong entra-secret-expired entra-secret-absent entra-certificate client-secret-missing "
            "client-secret-unreadable credential-bad credential-ended"
        ),
        kinds=frozenset({Kind.CREDENTIAL_ENDED, Kind.CREDENTIAL_BAD}),
    ),
)
