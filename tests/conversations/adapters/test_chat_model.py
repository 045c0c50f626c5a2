"""The chat model's client against a scripted model over real HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from libs.common.http.outbound import Outbound
from libs.common.outbound import OutboundPolicy
from services.conversations.adapters.chat_model import MOST_TOKENS, OpenAICompatibleModels
from services.conversations.domain.agents import ChatModelSettings
from services.conversations.domain.errors import (
    ModelCutOff,
    ModelFailed,
    ModelRateLimited,
    ModelRefused,
    ModelTimedOut,
)
from tests.conversations.peers import Peers

MESSAGES = [{"role": "user", "content": "Hello?"}]


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    """The process's sessions, on a developer's machine."""
    async with Outbound.open(OutboundPolicy(allow_private=True)) as opened:
        yield opened


def models(outbound: Outbound, *, first: float = 1.0, total: float = 3.0) -> OpenAICompatibleModels:
    """Make a client with short deadlines."""
    return OpenAICompatibleModels(outbound, first_token_seconds=first, total_seconds=total)


def settings(peers: Peers, **changes: object) -> ChatModelSettings:
    """Name the scripted model."""
    values: dict[str, object] = {
        "provider": "openai",
        "model": "test-model",
        "base_url": f"{peers.url}/v1/",
        "api_key": "sk-test",
        **changes,
    }
    return ChatModelSettings(**values)  # type: ignore[arg-type]  # a test names what it changes


async def ask(client: OpenAICompatibleModels, where: ChatModelSettings) -> str:
    """Return a model's whole answer."""
    async with client.stream(where, MESSAGES, options={}) as reply:
        return "".join([piece async for piece in reply])


class TestStream:
    async def test_yields_the_text_and_counts(self, outbound: Outbound, peers: Peers) -> None:
        peers.model.tokens = ["Grüße ", "aus ", "Köln"]

        async with models(outbound).stream(settings(peers), MESSAGES, options={"seed": 1}) as reply:
            text = "".join([piece async for piece in reply])

        assert text == "Grüße aus Köln"
        assert (reply.prompt_tokens, reply.completion_tokens) == (120, 7)
        assert peers.model.requests[0]["seed"] == 1
        assert peers.model.requests[0]["stream_options"] == {"include_usage": True}

    @pytest.mark.parametrize(("status", "kind"), [(500, ModelFailed), (429, ModelRateLimited)])
    async def test_tries_twice_before_the_first_token(
        self, outbound: Outbound, peers: Peers, status: int, kind: type[ModelFailed]
    ) -> None:
        peers.model.statuses = [status, 200]
        assert await ask(models(outbound), settings(peers))
        assert len(peers.model.requests) == 2

        peers.model.statuses = [status]
        with pytest.raises(kind):
            await ask(models(outbound), settings(peers))
        assert len(peers.model.requests) == 4

    async def test_does_not_repeat_what_the_provider_refuses(
        self, outbound: Outbound, peers: Peers
    ) -> None:
        peers.model.statuses = [401]

        with pytest.raises(ModelRefused) as refused:
            await ask(models(outbound), settings(peers))

        assert len(peers.model.requests) == 1
        assert "sk-test" not in str(refused.value)

    async def test_does_not_repeat_after_the_first_token(
        self, outbound: Outbound, peers: Peers
    ) -> None:
        peers.model.cut_after = 1
        peers.model.tokens = ["one", "two"]
        heard = []

        with pytest.raises(ModelCutOff):
            async with models(outbound).stream(settings(peers), MESSAGES, options={}) as reply:
                async for piece in reply:
                    heard.append(piece)  # noqa: PERF401 - what was heard before the cut counts

        assert heard == ["one"]
        assert len(peers.model.requests) == 1

    async def test_a_cut_before_the_first_token_is_tried_again(
        self, outbound: Outbound, peers: Peers
    ) -> None:
        peers.model.cut_after = 0

        with pytest.raises(ModelFailed):
            await ask(models(outbound), settings(peers))

        assert len(peers.model.requests) == 2

    async def test_waits_for_the_first_token_so_long_and_no_longer(
        self, outbound: Outbound, peers: Peers
    ) -> None:
        peers.model.first_token_seconds = 5
        started = time.monotonic()

        with pytest.raises(ModelTimedOut):
            await ask(models(outbound, first=0.5), settings(peers))

        assert time.monotonic() - started < 1.5

    async def test_an_answer_that_does_not_end_is_ended(
        self, outbound: Outbound, peers: Peers
    ) -> None:
        peers.model.tokens = ["word "] * 1000
        peers.model.between_tokens_seconds = 0.1

        with pytest.raises(ModelTimedOut):
            await ask(models(outbound, total=0.7), settings(peers))

        await asyncio.sleep(0.3)

    async def test_a_model_that_is_not_there(self, outbound: Outbound) -> None:
        nowhere = ChatModelSettings(provider="x", model="x", base_url="http://127.0.0.1:1/v1")

        with pytest.raises(ModelFailed):
            await ask(models(outbound), nowhere)

    async def test_leaves_a_failing_model_alone(self, outbound: Outbound, peers: Peers) -> None:
        peers.model.statuses = [500]
        client = models(outbound)

        for _ in range(8):
            with pytest.raises(ModelFailed):
                await ask(client, settings(peers))

        assert len(peers.model.requests) <= 6
        # Another key's failures are another's.
        peers.model.statuses = [200]
        assert await ask(client, settings(peers, api_key="sk-other"))

    async def test_is_not_given_up_for_the_patient_by_those_who_wait_less(
        self, outbound: Outbound, peers: Peers
    ) -> None:
        peers.model.first_token_seconds = 0.4
        client = models(outbound)

        async def hurry() -> None:
            async with client.stream(settings(peers), MESSAGES, options={}, patience_seconds=0.1):
                pass

        for _ in range(6):
            with pytest.raises(ModelFailed):
                await hurry()

        # Their own breaker is open; who has no other model to ask goes on with this one.
        assert len(peers.model.requests) == 5
        assert await ask(client, settings(peers))

    async def test_counts_of_a_confused_provider_stay_within_reason(
        self, outbound: Outbound, peers: Peers
    ) -> None:
        peers.model.counts = {"prompt_tokens": 10**18, "completion_tokens": -5}
        async with models(outbound).stream(settings(peers), MESSAGES, options={}) as reply:
            assert [piece async for piece in reply]
        assert (reply.prompt_tokens, reply.completion_tokens) == (MOST_TOKENS, 0)

    async def test_gets_its_limit_under_the_name_that_it_knows(
        self, outbound: Outbound, peers: Peers
    ) -> None:
        where = settings(peers, max_tokens=1000, params={"max_completion_tokens": 5000})
        await ask(models(outbound), where)
        async with models(outbound).stream(where, MESSAGES, options={"max_tokens": 70}):
            pass
        limits = [
            (request.get("max_tokens"), request["max_completion_tokens"])
            for request in peers.model.requests
        ]
        assert limits == [(None, 5000), (None, 70)]


class TestReach:
    """Where a model that a tenant names may be."""

    async def test_keeps_tenants_out_of_the_operators_network(self, peers: Peers) -> None:
        async with Outbound.open(OutboundPolicy(allow_private=False)) as guarded:
            with pytest.raises(ModelRefused):
                await ask(models(guarded), settings(peers))

        assert peers.model.requests == []

    async def test_reaches_the_platforms_own_model_anywhere(self, peers: Peers) -> None:
        peers.model.tokens = ["Here."]
        async with Outbound.open(OutboundPolicy(allow_private=False)) as guarded:
            assert await ask(models(guarded), settings(peers, is_platforms=True)) == "Here."
