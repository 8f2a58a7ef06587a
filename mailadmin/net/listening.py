"""Whether a port of this machine is free to listen on."""

from __future__ import annotations

import contextlib
import socket


def is_free(host: str, port: int) -> bool:
    """Tell whether nobody listens on `host`:`port` and this process may."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        # As servers do: a port that only waits for the end of old connections counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
