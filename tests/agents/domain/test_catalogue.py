"""The platform's chat model, from the environment."""

from services.agents.domain.catalogue import platform_chat_model
from services.agents.domain.profiles import redact


class TestPlatformChatModel:
    def test_is_none_without_an_endpoint_or_key(self) -> None:
        found = platform_chat_model(base_url=None, api_key=None, model="gpt-4o", gemini_key=None)
        assert found is None

    def test_of_a_key_alone_is_openai(self) -> None:
        found = platform_chat_model(base_url=None, api_key="k", model=None, gemini_key="g")
        assert found is not None
        assert found.base_url == "https://api.openai.com/v1"
        assert found.api_key == "k"

    def test_of_a_base_url_needs_no_key(self) -> None:
        found = platform_chat_model(
            base_url="http://model/v1/", api_key=None, model="m", gemini_key=None
        )
        assert found is not None
        assert (found.base_url, found.model, found.api_key) == ("http://model/v1", "m", None)

    def test_of_a_gemini_key_is_googles_endpoint(self) -> None:
        found = platform_chat_model(base_url=None, api_key=None, model=None, gemini_key="g")
        assert found is not None
        assert "generativelanguage" in found.base_url
        assert "gemini" in found.model

    def test_does_not_print_its_key(self) -> None:
        found = platform_chat_model(base_url=None, api_key="k-123", model=None, gemini_key=None)
        assert "k-123" not in repr(found)


class TestRedact:
    def test_shows_four_characters_of_long_secrets_only(self) -> None:
        assert redact("sk-0123456789abcdef") == "••••cdef"
        assert redact("shortsecret") == "••••"
