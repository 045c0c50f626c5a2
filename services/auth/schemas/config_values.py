"""The shapes of settings."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, StringConstraints

from services.auth.domain.config_values import HIDDEN, ConfigType
from services.auth.use_cases.config_values import Setting

Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.:-]{0,99}$")]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]


class ConfigIn(BaseModel):
    """A value to keep; what is left out stays as it was."""

    config_key: Key
    config_value: Any = Field(description="A text is read as `config_type` says.")
    config_type: ConfigType | None = None
    description: Description | None = None
    is_sensitive: bool | None = Field(
        default=None, description="Nobody is shown the value any more."
    )
    platform: bool = Field(
        default=False, description="Keep it for all companies; super admins only."
    )


class SettingOut(BaseModel):
    """A setting."""

    config_key: str
    config_value: Any
    config_type: ConfigType
    description: str | None
    is_sensitive: bool
    is_platform: bool = Field(description="The company has none of its own.")
    updated_at: datetime

    @classmethod
    def of(cls, setting: Setting) -> Self:
        """Show a setting."""
        return cls(
            config_key=setting.key,
            config_value=HIDDEN if setting.is_sensitive else setting.value,
            config_type=ConfigType(setting.type),
            description=setting.description,
            is_sensitive=setting.is_sensitive,
            is_platform=setting.is_platform,
            updated_at=setting.updated_at,
        )


class ConfigReply(BaseModel):
    """Settings by key, and with all that is known of them."""

    config: dict[str, Any]
    settings: list[SettingOut]

    @classmethod
    def reply(cls, found: Sequence[Setting]) -> Self:
        """Show settings."""
        shown = [SettingOut.of(setting) for setting in found]
        return cls(config={one.config_key: one.config_value for one in shown}, settings=shown)


class ConfigChangedReply(SettingOut):
    """A setting after a change."""

    success: bool = True
    message: str = "Setting kept."
