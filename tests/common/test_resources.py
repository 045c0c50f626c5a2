"""What a process is connected to."""

import socket
from urllib.parse import urlsplit

import pytest

from libs.common.resources import open_redis


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="named otherwise here")
async def test_readers_that_block_notice_a_server_that_is_gone(redis_url: str) -> None:
    redis = open_redis(redis_url)
    connection = await redis.connection_pool.get_connection()
    sock = connection._writer.get_extra_info("socket")

    assert sock.getpeername()[1] == urlsplit(redis_url).port
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    idle, interval, count = (
        sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_KEEP{name}"))
        for name in ("IDLE", "INTVL", "CNT")
    )
    assert idle + interval * count <= 30
    await redis.connection_pool.release(connection)
    await redis.aclose()
