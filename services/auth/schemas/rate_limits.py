"""The shapes of rate limits."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints

from services.auth.domain.limits import LimitSource
from services.auth.use_cases.rate_limits import CompanyLimits

RateText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=32)]


class RateLimitsIn(BaseModel):
    """Limits by class, in place of those before; an empty object takes them all back."""

    limits: Annotated[dict[str, RateText], Field(max_length=50)] = Field(
        examples=[{"upload": "10/60"}]
    )


class RateLimitsReply(BaseModel):
    """Limits by class, as requests/seconds."""

    limits: dict[str, str] = Field(description="What holds.")
    own: dict[str, str] = Field(description="What the company has set.")
    granted: dict[str, str] = Field(description="What the platform has set for the company.")
    platform: dict[str, str] = Field(description="What holds where nothing is set.")

    @classmethod
    def reply(cls, found: CompanyLimits) -> Self:
        """Show a company's limits."""
        own = found.set_by[LimitSource.TENANT]
        granted = found.set_by[LimitSource.PLATFORM]
        return cls(
            limits={name: str(rate) for name, rate in found.in_force.items()},
            own={name: str(rate) for name, rate in own.items()},
            granted={name: str(rate) for name, rate in granted.items()},
            platform={name: str(rate) for name, rate in found.platform.items()},
        )
