"""Which models are spoken to in the short way, and which version of an agent answers."""

import pytest

from libs.common.ids import new_id
from services.conversations.domain.agents import AgentProfile, ChatModelSettings


@pytest.mark.parametrize(
    ("provider", "model", "compact"),
    [
        ("knowrithm-local", "local", True),
        ("knowrithm-local", "an-operators-own", False),
        ("openai", "local", False),
    ],
)
def test_only_the_model_that_ships_with_the_platform_is_compact(
    provider: str, model: str, compact: bool
) -> None:
    settings = ChatModelSettings(provider=provider, model=model, base_url="http://models.example")
    assert settings.compact is compact


def profile(number: int, **changes: object) -> AgentProfile:
    """Make a version of an agent."""
    values: dict[str, object] = {
        "id": new_id(),
        "name": "Ada",
        "status": "active",
        "instructions": "",
        "model": None,
        "number": number,
        **changes,
    }
    return AgentProfile(**values)  # type: ignore[arg-type]  # a test names what it changes


class TestForConversation:
    def test_gives_the_candidate_its_share(self) -> None:
        agent = profile(1, candidate=profile(2), candidate_percent=30)
        numbers = [agent.for_conversation(new_id()).number for _ in range(4000)]
        assert 0.26 < numbers.count(2) / len(numbers) < 0.34

    def test_keeps_a_conversation_and_only_adds_when_the_share_grows(self) -> None:
        conversations = [new_id() for _ in range(500)]
        candidate = profile(2)
        small = profile(1, candidate=candidate, candidate_percent=20)
        large = profile(1, candidate=candidate, candidate_percent=60)
        first = {one for one in conversations if small.for_conversation(one).number == 2}
        assert first == {one for one in conversations if small.for_conversation(one).number == 2}
        assert first < {one for one in conversations if large.for_conversation(one).number == 2}

    @pytest.mark.parametrize(("percent", "number"), [(0, 1), (100, 2)])
    def test_takes_all_or_nothing_at_the_ends(self, percent: int, number: int) -> None:
        agent = profile(1, candidate=profile(2), candidate_percent=percent)
        assert {agent.for_conversation(new_id()).number for _ in range(200)} == {number}

    def test_asks_for_quotes_if_either_side_needs_them(self) -> None:
        model = ChatModelSettings(provider="openai", model="m", base_url="http://models.example")
        assert profile(1, model=model, candidate=profile(2)).wants_quotes
        assert not profile(1, model=model, candidate=profile(2, model=model)).wants_quotes
