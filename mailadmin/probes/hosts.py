"""The steps for the hosts of Entra and Graph: each is looked at leg by leg, and its certificate shown."""

from __future__ import annotations

from datetime import UTC, datetime

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault
from mailadmin.core.report import Step, StepState
from mailadmin.core.settings import CredentialKind, EntraApp
from mailadmin.core.texts import N_, _
from mailadmin.net.certificate import Certificate
from mailadmin.net.look import Peer, look_at, peer_of
from mailadmin.net.policy import NetworkPolicy

from . import certificates
from .families import address_rows, family_of, milliseconds

_RENEW = N_("Whoever runs the host, or the proxy before it, should renew it now.")


def look_at_sign_in_host(step: Step, app: EntraApp, policy: NetworkPolicy) -> None:
    """Connect to the sign-in host and tell what was seen. Raises MailError.

    A managed identity asks the machine itself, so that nothing is to be seen there.
    """
    if app.credential and app.credential.kind is CredentialKind.MANAGED_IDENTITY:
        step.state, step.fact = StepState.NOT_RUN, _("Not needed: a managed identity gets its token on this machine")
        return
    look_at_host(step, app.cloud.authority_host, app, policy)


def look_at_host(step: Step, host: str, app: EntraApp, policy: NetworkPolicy) -> None:
    """Connect to `host` ("name" or "name:port") as the requests of `app` do, ask nothing, and tell what was seen, also
    when it fails. Raises MailError."""
    peer = peer_of(host)
    try:
        look_at(peer, policy, app.cloud.ca_pem, app.proxy)
    except MailError as error:
        _describe(step, peer, error.fault)
        raise
    _describe(step, peer)
    if shown := peer.certificate:
        text = _("{host} by the proxy {proxy}, {tls}") if peer.proxy else _("{host} at {address}, {tls}")
        step.fact = text.format(host=host, proxy=peer.proxy, address=peer.address, tls=shown.tls_version)
        step.notes.append(_("The certificate is {words}.").format(words=shown.words(datetime.now(UTC))))
        certificates.warn_of_end(step, shown, _("The certificate ends in {days}."), _(_RENEW))


def _describe(step: Step, peer: Peer, failure: Fault | None = None) -> None:
    """Add the legs in their order, and the certificate, to the details of `step`."""
    times = {leg: milliseconds(seconds) for leg, seconds in peer.seconds.items()}
    if peer.proxy:
        step.details.append([_("Proxy"), _("{proxy}, which looks the name up").format(proxy=peer.proxy)])
        rows = {"proxy": _("Connected to the proxy"), "tunnel": _("Through the proxy to the host")}
        step.details += [[label, _("in {time}").format(time=times[leg])] for leg, label in rows.items() if leg in times]
    elif peer.addresses:
        step.details += address_rows(peer.addresses, peer.seconds["dns"])
    if peer.address:
        words = _("connected in {time}; used").format(time=times["tcp"])
        step.details.append([f"{family_of(peer.address)} {peer.address}", words])
    if peer.certificate:
        _describe_certificate(step, peer, peer.certificate, failure)
    if "tls" in times and not failure:
        step.details.append([_("Encrypted"), _("in {time}").format(time=times["tls"])])


def _describe_certificate(step: Step, peer: Peer, shown: Certificate, failure: Fault | None) -> None:
    if peer.refused:
        step.notes.append(_("The certificate is {words}.").format(words=shown.words(datetime.now(UTC))))
    certificates.describe(step, shown, peer.host, refused=failure if peer.refused else None)
