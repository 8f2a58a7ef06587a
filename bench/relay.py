"""A distance on loopback: a relay that lets every byte arrive half a round trip later, in its order.

Run as `python -m bench.relay MILLISECONDS UPSTREAM_PORT`; prints the port it listens on, ends with its input.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

_PIECE = 256 * 1024


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on what `reader` gives, each piece `delay` seconds after it came; the bandwidth is not limited."""
    clock = asyncio.get_running_loop().time
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def take() -> None:
        data = b"?"
        while data:
            try:
                data = await reader.read(_PIECE)
            except ConnectionError:
                data = b""
            pieces.put_nowait((clock() + delay, data))

    taking = asyncio.create_task(take())
    with contextlib.suppress(ConnectionError):
        while True:
            due, data = await pieces.get()
            await asyncio.sleep(max(due - clock(), 0))
            if not data:
                break
            writer.write(data)
            await writer.drain()
    taking.cancel()
    with contextlib.suppress(OSError):
        writer.close()
        await writer.wait_closed()


def without_nagle(writer: asyncio.StreamWriter) -> None:
    """Let small pieces leave at once: the delay is ours to make."""
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def serve(round_trip: float, upstream: int) -> None:
    """Relay to the port `upstream` of loopback with `round_trip` seconds, until the input ends."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        without_nagle(writer)
        await asyncio.sleep(round_trip)  # the TCP handshake, which loopback did in no time
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", upstream)
        without_nagle(far_writer)
        with contextlib.suppress(asyncio.CancelledError):  # the end of the run
            await asyncio.gather(
                carry(reader, far_writer, round_trip / 2),
                carry(far_reader, writer, round_trip / 2),
            )

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) / 1000, int(sys.argv[2])))
