"""The server's protocol, writing once where uvicorn writes several times.

uvicorn hands the head of a reply and each piece of its body to the socket one by one. A write is
a system call that wakes the gateway, and both together cost more than what was written: what is
sent in one go of the event loop leaves in one packet.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# A body that is sent without a pause must not gather in memory; the transport limits it then.
_MOST: Final = 64 * 1024


class CoalescingProtocol(HttpToolsProtocol):
    """uvicorn's protocol on a transport that gathers."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn declares the narrower type of its own loop
        """Begin with a connection."""
        super().connection_made(_GatheringTransport(transport))  # type: ignore[arg-type]  # it is a transport in all that uvicorn asks of one


class _GatheringTransport:
    """Passes on what is written once the event loop has gone round, or it is much."""

    __slots__ = ("_gathered", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._gathered: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._flush)
        self._gathered.append(data)
        self._size += len(data)
        if self._size > _MOST:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._gathered:
            gathered, self._gathered, self._size = self._gathered, [], 0
            # The client may have left since.
            if not self._transport.is_closing():
                self._transport.write(b"".join(gathered))
