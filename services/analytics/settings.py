"""What analytics reads from its environment: the variables that all services share."""

from typing import ClassVar

from libs.common.settings import ServiceSettings


class Settings(ServiceSettings):
    """Analytics' settings."""

    service: ClassVar[str] = "analytics"
