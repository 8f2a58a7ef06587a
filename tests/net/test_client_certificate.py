"""P12: showing our own certificate to a server that asks for it."""

from __future__ import annotations

import ssl
import tempfile
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import ClientCertificate, TlsSettings, TlsVersion
from mailadmin.net import client_certificate, tls
from mailadmin.net.dialler import NetworkPolicy, dial
from tests.fakes import certificates
from tests.fakes.smtp_server import SmtpServer

CA = certificates.authority()
OWN_CA = TlsSettings(ca_pem=CA.pem)
US = CA.issue("client.example.org")


def asking_server(maximum: ssl.TLSVersion | None = None) -> SmtpServer:
    """A server that takes only clients with a certificate by our CA."""
    server = SmtpServer(identity=certificates.good(), implicit=True, maximum=maximum)
    assert server.context
    server.context.verify_mode = ssl.CERT_REQUIRED
    server.context.load_verify_locations(cadata=CA.pem)
    return server


def greeting(server: SmtpServer, client: ClientCertificate | None) -> bytes:
    sock = dial("127.0.0.1", server.port, NetworkPolicy(), 5)
    with tls.secure(sock, "localhost", OWN_CA, 5, server.port, client) as secured:
        return secured.recv(100)


def bad(client: ClientCertificate) -> Fault:
    with pytest.raises(MailError) as caught:
        tls.client_context(OWN_CA, client)
    fault = caught.value.fault
    assert (fault.phase, fault.kind) == (Phase.SETTINGS, Kind.CLIENT_CERTIFICATE_BAD)
    return fault


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_p12_our_certificate_is_shown_to_a_server_that_asks(version: ssl.TLSVersion) -> None:
    with asking_server(version) as server:
        assert greeting(server, US.client).startswith(b"220")


def test_p12_the_intermediate_certificates_are_shown_too() -> None:
    middle = CA.subordinate("Example Departments")
    us = middle.issue("client.example.org")
    with asking_server() as server:
        assert greeting(server, replace(us.client, pem=us.certificate + middle.pem)).startswith(b"220")


@pytest.mark.parametrize(
    "encoding", [serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8]
)
def test_p12_a_key_is_taken_in_every_form_of_pem(encoding: serialization.PrivateFormat) -> None:
    with asking_server() as server:
        key = key_pem(encoding, serialization.NoEncryption())
        assert greeting(server, ClientCertificate(US.certificate, key)).startswith(b"220")


def key_pem(form: serialization.PrivateFormat, protection: serialization.KeySerializationEncryption) -> Secret:
    key = serialization.load_pem_private_key(US.key.encode(), None)
    return Secret("Bag Attributes: none\n" + key.private_bytes(serialization.Encoding.PEM, form, protection).decode())


@pytest.mark.parametrize("client", [None, certificates.authority("Other CA").issue("client.example.org").client])
def test_p12_a_server_that_wants_another_certificate_says_so_in_the_first_read(
    client: ClientCertificate | None,
) -> None:
    """In TLS 1.3 the handshake is over for us before the server has seen our certificate."""
    with asking_server() as server, pytest.raises(OSError) as caught:
        greeting(server, client)
    assert tls.client_refused(caught.value)


def test_p12_in_tls_1_2_a_refused_certificate_ends_the_handshake() -> None:
    with asking_server(ssl.TLSVersion.TLSv1_2) as server, pytest.raises(MailError) as caught:
        greeting(server, certificates.authority("Other CA").issue("client.example.org").client)
    fault = caught.value.fault
    assert (fault.phase, fault.kind) == (Phase.TLS, Kind.CLIENT_CERTIFICATE_REFUSED)
    assert fault.text == "The server answered: unknown ca."


@pytest.mark.parametrize("error", [ssl.SSLEOFError(8, "eof"), ConnectionResetError(), TimeoutError(), ValueError("x")])
def test_another_failure_of_a_line_is_no_refusal(error: Exception) -> None:
    assert not tls.client_refused(error)


def test_p12_what_cannot_be_used_is_told_apart() -> None:
    other = CA.issue("other.example.org")
    protected = key_pem(serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x"))
    assert "certificate cannot be read" in bad(replace(US.client, pem="-----BEGIN CERTIFICATE-----\nx")).text
    assert "certificate cannot be read" in bad(replace(US.client, pem="")).text
    assert "key of our own certificate is missing" in bad(replace(US.client, key=None)).text
    assert "key of our own certificate cannot be read" in bad(replace(US.client, key=Secret("x"))).text
    assert "protected by a passphrase" in bad(replace(US.client, key=protected)).text
    assert "does not belong" in bad(replace(US.client, key=Secret(other.key))).text


def test_p12_a_bad_certificate_of_ours_ends_the_connection_before_the_handshake() -> None:
    with asking_server() as server:
        sock = dial("127.0.0.1", server.port, NetworkPolicy(), 5)
        with pytest.raises(MailError):
            tls.secure(sock, "localhost", OWN_CA, 5, client=replace(US.client, key=None))
        assert sock.fileno() == -1


def test_the_key_is_never_on_the_disk_in_clear_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []

    class Watching(ssl.SSLContext):
        def load_cert_chain(self, certfile, keyfile=None, password=None):  # type: ignore[no-untyped-def]
            path = Path(certfile)
            seen.append((path.read_text(), path.stat().st_mode & 0o777))
            super().load_cert_chain(certfile, keyfile, password)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    client_certificate.load(Watching(ssl.PROTOCOL_TLS_CLIENT), US.client)
    assert seen[0][1] == 0o600
    assert "BEGIN ENCRYPTED PRIVATE KEY" in seen[0][0]
    assert "BEGIN PRIVATE KEY" not in seen[0][0]
    assert list(tmp_path.iterdir()) == []


def test_a_context_with_a_key_of_ours_is_not_kept() -> None:
    assert tls.client_context(OWN_CA) is tls.client_context(replace(OWN_CA, minimum=TlsVersion.TLS_1_2))
    assert tls.client_context(OWN_CA, US.client) is not tls.client_context(OWN_CA, US.client)


def held_in_frames(client: ClientCertificate) -> str:
    """What the frames of the error hold."""
    with pytest.raises(MailError) as caught:
        tls.client_context(OWN_CA, client)
    assert caught.value.fault.kind is Kind.CLIENT_CERTIFICATE_BAD
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    return repr([frame.f_locals for frame in frames if "/mailadmin/" in frame.f_code.co_filename])


def test_no_error_holds_the_key_in_its_frames() -> None:
    other = CA.issue("other.example.org")
    assert "BEGIN PRIVATE KEY" not in held_in_frames(replace(US.client, key=Secret(other.key)))


def test_no_error_holds_the_encrypted_key_together_with_what_opens_it() -> None:
    """OpenSSL refuses a key of 1024 bits only after it has read our temporary file."""
    assert "ENCRYPTED PRIVATE KEY" not in held_in_frames(certificates.weak().client)


def test_p12_a_key_that_is_too_short_is_told() -> None:
    assert bad(certificates.weak().client).text == "Our own certificate cannot be loaded (ee key too small)."


def test_p12_a_machine_without_room_for_a_temporary_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert "needs a temporary file" in bad(US.client).text
    assert "ENCRYPTED PRIVATE KEY" not in held_in_frames(US.client)
