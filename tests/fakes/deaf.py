"""A host that does not answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deaf() -> Iterator[int]:
    """A port whose queue is full, so that nobody gets an answer (Linux drops the SYN)."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(sock.getsockname())
        yield sock.getsockname()[1]
        for client in waiting:
            client.close()
