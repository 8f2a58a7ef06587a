"""Whether the server's certificate was revoked: the issuer's list (CRL, RFC 5280 sections 5 and 6.3), fetched through
the guarded dialler and kept until its next update. Only asked for where a connection has the check switched on.

The list that is named for exactly this certificate counts: its own signature proves it, so that plain http will do.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes

from mailadmin.core import limits
from mailadmin.core.dates import day
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import clean
from mailadmin.core.settings import Proxy
from mailadmin.core.texts import N_, _

from .chain import verified_chain
from .http import fetch
from .policy import NetworkPolicy

_HTTP_PORTS = (80, 443)  # where lists are, whatever ports the mail servers of a deployment may have
_READ_EXTENSIONS = (
    x509.IssuingDistributionPoint,
    x509.AuthorityKeyIdentifier,
    x509.CRLNumber,
    x509.FreshestCRL,
    x509.IssuerAlternativeName,
    x509.AuthorityInformationAccess,
)

# What parsing raises for bytes that are no sound certificate or list.
_MALFORMED = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)

# Lists by address and issuer. Replaced as a whole, never changed, so that threads and forks need no lock.
_kept: dict[tuple[str, bytes], x509.CertificateRevocationList] = {}


class _Unusable(Exception):
    """A list that cannot say anything about the certificate: a sentence, to be translated, about the list at {url}, and
    what it says more of it, as {detail}."""

    def __init__(self, sentence: str, detail: object = "") -> None:
        super().__init__(sentence)
        self.sentence, self.detail = sentence, detail


def check(
    sock: ssl.SSLSocket,
    host: str,
    policy: NetworkPolicy,
    proxy: Proxy | None,
    seconds: float,
    port: int | None = None,
) -> None:
    """Make sure that the certificate which the server showed on `sock` is not revoked, within `seconds`.

    `sock` is closed on failure. Raises MailError with phase TLS: CERT_REVOKED, or CRL_UNAVAILABLE when no list can
    be had that says.
    """
    try:
        chain = _verified_chain(sock)
        kind, text = _judge(chain, policy, proxy, min(seconds, limits.CRL_SECONDS))
    except BaseException:
        sock.close()
        raise
    if kind:
        sock.close()
        field = "no-list" if kind is Kind.CRL_UNAVAILABLE and not _points(chain[0]) else ""
        raise MailError(Fault(Phase.TLS, kind, text, host=host, port=port, field=field))


def _judge(
    chain: list[x509.Certificate], policy: NetworkPolicy, proxy: Proxy | None, seconds: float
) -> tuple[Kind | None, str]:
    """Return what is wrong with the first certificate of `chain`, or None: the first list that can be used decides."""
    leaf, issuer = chain[0], chain[min(1, len(chain) - 1)]
    deadline = time.monotonic() + seconds
    if policy.ports:
        policy = replace(policy, ports=(*policy.ports, *_HTTP_PORTS))
    reasons = []
    for url, point in _points(leaf):
        try:
            listed = _list(url, leaf, issuer, policy, proxy, deadline - time.monotonic())
            _check_scope(listed, point)
            return _verdict(listed.get_revoked_certificate_by_serial_number(leaf.serial_number))
        except _Unusable as unusable:
            reasons.append(_(unusable.sentence).format(url=clean(url, limit=200), detail=unusable.detail))
        except _MALFORMED:
            reasons.append(_("The list at {url} cannot be read.").format(url=clean(url, limit=200)))
    none = _("The certificate names no revocation list that can be fetched by http or https.")
    return Kind.CRL_UNAVAILABLE, clean(" ".join(reasons) or none)


def _verdict(entry: x509.RevokedCertificate | None) -> tuple[Kind | None, str]:
    if entry is None:
        return None, ""
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        reason = x509.ReasonFlags.unspecified
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in reason.value)
    text = _("The certificate was revoked on {day} (reason: {reason}).")
    return Kind.CERT_REVOKED, text.format(day=day(entry.revocation_date_utc), reason=words)


def _verified_chain(sock: ssl.SSLSocket) -> list[x509.Certificate]:
    """Return the chain that OpenSSL verified, the server's own certificate first."""
    return [x509.load_der_x509_certificate(one) for one in verified_chain(sock)]


def _points(leaf: x509.Certificate) -> list[tuple[str, x509.DistributionPoint]]:
    """Return the web addresses of the lists that cover `leaf` for every reason and come from its own issuer."""
    try:
        points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, *_MALFORMED):
        return []
    return [
        (name.value, point)
        for point in points
        if not point.reasons and not point.crl_issuer
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier) and name.value.lower().startswith(("http://", "https://"))
    ]


def _list(
    url: str,
    leaf: x509.Certificate,
    issuer: x509.Certificate,
    policy: NetworkPolicy,
    proxy: Proxy | None,
    seconds: float,
) -> x509.CertificateRevocationList:
    """Return the list at `url`, kept or fetched, its signature checked. Raises _Unusable or one of _MALFORMED."""
    global _kept
    now = datetime.now(UTC)
    key = (url, issuer.fingerprint(hashes.SHA256()))
    if (known := _kept.get(key)) and _holds(known, now):
        return known
    listed = _parsed(_fetched(url, policy, proxy, seconds))
    if not _signed(listed, leaf, issuer):
        raise _Unusable(N_("The list at {url} is not signed by the issuer of the certificate."))
    if not _holds(listed, now):
        until = listed.next_update_utc
        if not until:
            raise _Unusable(N_("The list at {url} does not say how long it holds."))
        raise _Unusable(N_("The list at {url} was to be renewed by {detail}."), day(until))
    fresh = [(place, one) for place, one in _kept.items() if _holds(one, now) and place != key]
    _kept = dict([*fresh, (key, listed)][-limits.CRL_LISTS :])
    return listed


def _fetched(url: str, policy: NetworkPolicy, proxy: Proxy | None, seconds: float) -> bytes:
    if seconds <= 0:
        raise _Unusable(N_("The list at {url} was not fetched, because no time was left."))
    try:
        answer = fetch(url, policy, seconds, limits.CRL_BYTES, proxy)
    except MailError as error:
        raise _Unusable(N_("The list at {url} is not to be had: {detail}"), error.fault.text) from None
    if answer.status != 200:
        raise _Unusable(N_("The list at {url} is not to be had: the answer was HTTP {detail}."), answer.status)
    if len(answer.body) >= limits.CRL_BYTES:
        raise _Unusable(N_("The list at {url} is larger than {detail} MB."), limits.CRL_BYTES // 1024**2)
    return answer.body


def _parsed(body: bytes) -> x509.CertificateRevocationList:
    read = x509.load_pem_x509_crl if body.startswith(b"-----BEGIN") else x509.load_der_x509_crl
    return read(body)


def _holds(listed: x509.CertificateRevocationList, now: datetime) -> bool:
    """Tell whether the next list is not due yet."""
    return listed.next_update_utc is not None and now <= listed.next_update_utc


def _signed(listed: x509.CertificateRevocationList, leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether `listed` is by the issuer of `leaf`, who may sign lists; RFC 5280 section 6.3.3 (f) and (g)."""
    key = cast("CertificateIssuerPublicKeyTypes", issuer.public_key())  # it has signed the certificate
    if listed.issuer != leaf.issuer or issuer.subject != leaf.issuer:
        return False
    try:
        if not issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign:
            return False
    except x509.ExtensionNotFound:
        pass
    return listed.is_signature_valid(key)


def _check_scope(listed: x509.CertificateRevocationList, point: x509.DistributionPoint) -> None:
    """Make sure that `listed` is a whole list for what `point` stands for, and not another part of the issuer's
    lists; RFC 5280 section 6.3.3 (b). Raises _Unusable."""
    for extension in listed.extensions:
        value = extension.value
        if extension.critical and not isinstance(value, _READ_EXTENSIONS):
            raise _Unusable(N_("The list at {url} has a part that is not understood here."))
        if not isinstance(value, x509.IssuingDistributionPoint):
            continue
        ours = set(point.full_name or ())
        elsewhere = value.full_name is not None and not ours.intersection(value.full_name)
        partly = value.only_contains_ca_certs or value.only_contains_attribute_certs or value.only_some_reasons
        if elsewhere or partly or value.indirect_crl or value.relative_name:
            raise _Unusable(N_("The list at {url} is not for certificates of this kind."))
