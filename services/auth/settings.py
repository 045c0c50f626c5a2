"""What auth reads from its environment, beside the variables that all services share."""

from typing import ClassVar

from pydantic import Field

from libs.common.settings import ServiceSettings


class Settings(ServiceSettings):
    """Auth's settings."""

    service: ClassVar[str] = "auth"

    signing_key_days: int = Field(
        default=90, ge=1, le=3650, description="After so long another key signs access tokens."
    )
