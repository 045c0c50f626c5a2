"""Live calls to chat models that tenants name."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from libs.common.http.outbound import Outbound
from libs.common.outbound import OutboundPolicy
from services.agents.adapters.chat_probe import ChatProbe
from services.agents.domain.profiles import ChatCall
from tests.agents.cast import ChatModel


@pytest.fixture
async def production() -> AsyncIterator[Outbound]:
    """The process' sessions where tenants are kept out of private networks."""
    async with Outbound.open(OutboundPolicy(allow_private=False)) as outbound:
        yield outbound


@pytest.fixture
async def local() -> AsyncIterator[Outbound]:
    """The same on a developer's machine."""
    async with Outbound.open(OutboundPolicy(allow_private=True)) as outbound:
        yield outbound


def call_to(base_url: str, *, is_platforms: bool = False) -> ChatCall:
    """Return a model at this address."""
    return ChatCall(
        provider="vllm",
        model="m",
        base_url=base_url,
        api_key=None,
        temperature=0.7,
        max_tokens=10,
        params={"model": "not this one", "top_p": 0.5},
        is_platforms=is_platforms,
    )


class TestAsk:
    async def test_keeps_out_of_the_operators_network_also_by_name(
        self, chat_model: ChatModel, production: Outbound
    ) -> None:
        port = urlsplit(chat_model.base_url).port
        probe = ChatProbe(production)
        result = await probe.ask(call_to(f"http://localhost:{port}/v1"), "Hello?")
        assert not result.ok
        assert "own network" in (result.cause or "")
        assert chat_model.requests == []

    async def test_calls_the_operators_own_endpoint_anywhere(
        self, chat_model: ChatModel, production: Outbound
    ) -> None:
        probe = ChatProbe(production)
        result = await probe.ask(call_to(chat_model.base_url, is_platforms=True), "Hello?")
        assert result.ok
        assert chat_model.requests[0][1]["model"] == "m"
        assert chat_model.requests[0][1]["top_p"] == 0.5

    async def test_is_not_fooled_by_other_shapes(
        self, chat_model: ChatModel, local: Outbound
    ) -> None:
        probe = ChatProbe(local)
        bodies: list[object] = [[], {"choices": []}, {"choices": [{}]}, "text", None, 7]
        for body in bodies:
            chat_model.body = body
            result = await probe.ask(call_to(chat_model.base_url), "Hello?")
            assert not result.ok
            assert "shape" in (result.cause or "")

    async def test_reads_only_so_much(self, chat_model: ChatModel, local: Outbound) -> None:
        chat_model.status = 500
        chat_model.body = {"error": {"message": "x" * 2_000_000}}
        probe = ChatProbe(local)
        result = await probe.ask(call_to(chat_model.base_url), "Hello?")
        assert result.status == 500
        assert len(result.cause or "") <= 300
