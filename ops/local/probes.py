"""Asking a process whether it is ready, without an HTTP library's weight."""

import asyncio

from ops.local.process import LOOPBACK

TIMEOUT_SECONDS = 3.0


async def http_status(port: int, path: str) -> int | None:
    """Return the status of `GET path`; None when nobody answers in time."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(
                    f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\n"
                    "Connection: close\r\n\r\n".encode()
                )
                line = await reader.readline()
                return int(line.split()[1])
            finally:
                writer.close()
    except (OSError, TimeoutError, IndexError, ValueError):
        return None


async def http_ok(port: int, path: str) -> bool:
    """Tell whether `GET path` answers 200."""
    return await http_status(port, path) == 200
