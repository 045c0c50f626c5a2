"""Live calls to chat models that tenants name."""

from urllib.parse import urlsplit

from services.agents.adapters.chat_probe import ChatProbe
from services.agents.domain.model_urls import ModelUrlPolicy
from services.agents.domain.profiles import ChatCall
from tests.agents.cast import ChatModel


def call_to(base_url: str) -> ChatCall:
    """Return a model at this address."""
    return ChatCall(
        provider="vllm",
        model="m",
        base_url=base_url,
        api_key=None,
        temperature=0.7,
        max_tokens=10,
        params={"model": "not this one", "top_p": 0.5},
    )


class TestAsk:
    async def test_keeps_out_of_the_operators_network_also_by_name(
        self, chat_model: ChatModel
    ) -> None:
        port = urlsplit(chat_model.base_url).port
        probe = ChatProbe(ModelUrlPolicy(allow_private=False))
        result = await probe.ask(call_to(f"http://localhost:{port}/v1"), "Hello?")
        assert not result.ok
        assert "own network" in (result.cause or "")
        assert chat_model.requests == []

    async def test_calls_the_operators_own_endpoint_anywhere(self, chat_model: ChatModel) -> None:
        probe = ChatProbe(ModelUrlPolicy(allow_private=False))
        result = await probe.ask(call_to(chat_model.base_url), "Hello?", trusted=True)
        assert result.ok
        assert chat_model.requests[0][1]["model"] == "m"
        assert chat_model.requests[0][1]["top_p"] == 0.5

    async def test_is_not_fooled_by_other_shapes(self, chat_model: ChatModel) -> None:
        probe = ChatProbe(ModelUrlPolicy(allow_private=True))
        bodies: list[object] = [[], {"choices": []}, {"choices": [{}]}, "text", None, 7]
        for body in bodies:
            chat_model.body = body
            result = await probe.ask(call_to(chat_model.base_url), "Hello?")
            assert not result.ok
            assert "shape" in (result.cause or "")

    async def test_reads_only_so_much(self, chat_model: ChatModel) -> None:
        chat_model.status = 500
        chat_model.body = {"error": {"message": "x" * 2_000_000}}
        probe = ChatProbe(ModelUrlPolicy(allow_private=True))
        result = await probe.ask(call_to(chat_model.base_url), "Hello?")
        assert result.status == 500
        assert len(result.cause or "") <= 300
