"""A distance on loopback: a relay that lets every byte arrive half a round trip later, in its order.

Run as `python -m bench.relay MILLISECONDS UPSTREAM_PORT`; prints the port it listens on, ends with its input.
Threads, not asyncio, whose timers are a millisecond late.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

_PIECE = 256 * 1024


def carry(source: socket.socket, target: socket.socket, delay: float) -> None:
    """Pass on what `source` gives, each piece `delay` seconds after it came; the bandwidth is not limited."""
    pieces: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
    _begin(take, source, pieces, delay)
    with contextlib.suppress(OSError):
        while True:
            due, data = pieces.get()
            time.sleep(max(due - time.monotonic(), 0))
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)


def take(source: socket.socket, pieces: SimpleQueue[tuple[float, bytes]], delay: float) -> None:
    """Put what `source` gives into `pieces`, with the time at which it is due; nothing marks the end."""
    data = b"?"
    while data:
        try:
            data = source.recv(_PIECE)
        except OSError:
            data = b""
        pieces.put((time.monotonic() + delay, data))


def relay(near: socket.socket, round_trip: float, upstream: int) -> None:
    """Carry one connection in both directions."""
    with near:
        time.sleep(round_trip)  # the TCP handshake, which loopback did in no time
        with socket.create_connection(("127.0.0.1", upstream)) as far:
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = _begin(carry, far, near, round_trip / 2)
            carry(near, far, round_trip / 2)
            back.join()


def serve(round_trip: float, upstream: int) -> None:
    """Relay to the port `upstream` of loopback with `round_trip` seconds, until the input ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            _begin(relay, listener.accept()[0], round_trip, upstream)

    _begin(accept)
    sys.stdin.read()


def _begin(work: Callable[..., object], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


if __name__ == "__main__":
    serve(float(sys.argv[1]) / 1000, int(sys.argv[2]))
