"""What agents reads from its environment, beyond what every service does."""

from typing import ClassVar

from pydantic import Field, SecretStr

from libs.common.settings import ModelCallingSettings
from services.agents.domain.catalogue import platform_chat_model
from services.agents.domain.model_urls import ModelUrlPolicy
from services.agents.domain.profiles import ModelCall


class Settings(ModelCallingSettings):
    """The platform's chat model, and where tenants' own models may be."""

    service: ClassVar[str] = "agents"

    openai_base_url: str | None = Field(
        default=None, description="The platform's chat model: any OpenAI-compatible endpoint."
    )
    openai_api_key: SecretStr | None = None
    chat_model: str | None = Field(default=None, description="The chat model's name there.")
    gemini_api_key: SecretStr | None = Field(
        default=None, description="Uses Google's endpoint when no OPENAI_* variable is set."
    )

    @property
    def platform_chat(self) -> ModelCall | None:
        """The operator's chat model; None when there is none."""
        return platform_chat_model(
            base_url=self.openai_base_url,
            api_key=self.openai_api_key.get_secret_value() if self.openai_api_key else None,
            model=self.chat_model,
            gemini_key=self.gemini_api_key.get_secret_value() if self.gemini_api_key else None,
        )

    @property
    def model_urls(self) -> ModelUrlPolicy:
        """Which base URLs are taken into settings."""
        outbound = self.outbound_policy
        return ModelUrlPolicy(
            allow_private=outbound.allow_private, trusted_hosts=outbound.trusted_hosts
        )
