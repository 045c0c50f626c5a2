"""Which models are spoken to in the short way."""

import pytest

from services.conversations.domain.agents import ChatModelSettings


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
