"""The readers of the sign-in methods: challenges that are valid, nearly valid, and none at all. No server here knows
the password, so SCRAM must never be content; and what the server repeats of the password is shown to nobody."""

from __future__ import annotations

import base64
import random
import re
import struct

from mailadmin.core.errors import MailError
from mailadmin.core.secret import Secret
from mailadmin.core.settings import SmtpAuth
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp.session import SmtpSession

from . import sessions
from .case import Case
from .checks import Violation, well_formed
from .memory import MemoryLine
from .server import Knowing

_PASSWORD = "geheim-fuzz-7"
_SECRETS = (
    _PASSWORD,
    base64.b64encode(_PASSWORD.encode()).decode(),
    base64.b64encode(f"\0anna\0{_PASSWORD}".encode()).decode(),
    base64.b64encode(f"\0CORP\\anna\0{_PASSWORD}".encode()).decode(),
)
_METHODS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "NTLM")
_NONCE = re.compile(rb"r=([^,]+)")


def feed(case: Case) -> None:
    """Sign in by one method."""
    rng = case.rng
    method = rng.choice(_METHODS)
    odd_at = frozenset(rng.randrange(2, 6) for _ in range(rng.choice((0, 0, 1, 2))))
    server = Knowing(rng, [b"AUTH " + method.encode()], odd_at, challenge=_CHALLENGES.get(method, _any))
    case.fed = server.told
    route = sessions.route(
        rng,
        auth=SmtpAuth.PASSWORD,
        mechanism=rng.choice(("", method)),
        domain="CORP" if method == "NTLM" else rng.choice(("", "CORP")),
        user="anna",
        password=Secret(_PASSWORD),
    )
    session = SmtpSession(route, NetworkPolicy())
    session.wire.attach(MemoryLine(rng, server).as_socket())
    try:
        session.greet()
        session.sign_in()
    except MailError as error:
        well_formed(error, _SECRETS)
        case.tally[f"not signed in: {error.fault.kind}"] += 1
    else:
        case.tally[f"signed in by {method.partition('-')[0]}"] += 1
        if method.startswith("SCRAM"):
            raise Violation("SCRAM took a server for one that knows the password.")
    if any(secret in line for line in session.dialogue.lines for secret in _SECRETS):
        raise Violation("The dialogue shows the password.")
    session.close()
    case.replies += server.count


def _any(rng: random.Random, line: bytes) -> bytes:
    """Any question: base64 of anything, or something that is none."""
    return rng.choice(
        (
            b"",
            b"=",
            b"VXNlcm5hbWU6",
            b"UGFzc3dvcmQ6",
            b"ntlm supported",
            b"no base64 at all ",
            b"A",
            b"====",
            "Größe".encode(),
            line,
            base64.b64encode(rng.randbytes(rng.choice((0, 1, 30, 700)))),
        )
    )


def _scram(rng: random.Random, line: bytes) -> bytes:
    """The first message of a SCRAM server, or its last (RFC 5802 section 7)."""
    if rng.random() < 0.1:
        return _any(rng, line)
    try:
        said = base64.b64decode(line.split(b" ")[-1])
    except ValueError:
        said = b""
    found = _NONCE.search(said)
    nonce = found[1] if found and rng.random() < 0.8 else b"another"
    salt = base64.b64encode(rng.randbytes(rng.choice((0, 8, 16)))) if rng.random() < 0.9 else b"\xff%%"
    rounds = rng.choice((b"1", b"64", b"4096", b"0", b"-1", b"9999999999", b"x", b"", "٤".encode()))
    first = b"r=%s,s=%s,i=%s" % (nonce + rng.choice((b"", b"server")), salt, rounds)
    proof = base64.b64encode(rng.randbytes(rng.choice((0, 20, 32))))
    message = bytearray(
        rng.choice((first, first, first, b"v=" + proof, b"v=", b"e=unknown-user", b"m=x," + first, b""))
    )
    if message and rng.random() < 0.2:
        message[rng.randrange(len(message))] = rng.randrange(256)
    return base64.b64encode(message)


def _ntlm(rng: random.Random, line: bytes) -> bytes:
    """The challenge of an NTLM server (MS-NLMP section 2.2.1.2), with lengths and places that may lie."""
    if rng.random() < 0.1:
        return _any(rng, line)
    target = "CORP".encode("utf-16-le")
    info = b"".join(struct.pack("<HH", kind, len(target)) + target for kind in (1, 2)) + struct.pack("<HH", 0, 0)
    message = bytearray(
        b"NTLMSSP\0"
        + struct.pack("<IHHI", 2, len(target), len(target), 56)
        + struct.pack("<I", rng.choice((0xE28A8215, 0, 0xFFFFFFFF, rng.getrandbits(32))))
        + rng.randbytes(8)
        + bytes(8)
        + struct.pack("<HHI", len(info), len(info), 56 + len(target))
        + bytes(8)
        + target
        + info
    )
    for _ in range(rng.choice((0, 1, 3, 8))):
        message[rng.randrange(len(message))] = rng.randrange(256)
    return base64.b64encode(message[: rng.randrange(len(message))] if rng.random() < 0.2 else message)


_CHALLENGES = {"SCRAM-SHA-1": _scram, "SCRAM-SHA-256": _scram, "NTLM": _ntlm}
