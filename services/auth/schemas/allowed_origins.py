"""The shapes of lists of origins."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

Origin = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class AllowedOriginsIn(BaseModel):
    """Whose pages may use the company's credentials, in place of those before."""

    allowed_origins: Annotated[list[Origin], Field(max_length=50)] = Field(
        examples=[["https://app.example.com"]]
    )


class AllowedOriginsReply(BaseModel):
    """Whose pages may use the company's credentials; everybody's when the list is empty."""

    allowed_origins: list[str]
