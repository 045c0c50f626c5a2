"""What holds for all that a company's agents say."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from libs.common.http import errors
from services.agents.domain.errors import BadLinkHost
from services.agents.domain.guardrails import Guardrails, checked_hosts
from services.agents.endpoints.access import ReadSettings, WriteSettings

router = APIRouter(prefix="/api/v1/settings/guardrails", tags=["settings"])


class GuardrailsBody(BaseModel):
    """A company's guardrails; what is left out has its default."""

    link_hosts: list[Annotated[str, Field(max_length=300)]] = Field(
        default_factory=list,
        max_length=200,
        description="Hosts, with their subdomains, that answers may link to. Links to the "
        "documents' own addresses always stay; all others are taken out.",
    )
    mask_personal_data: bool = Field(
        default=False,
        description="Put placeholders in place of addresses, telephone, card and account numbers "
        "before a model sees them; readers see the real ones.",
    )
    report_suspicions: bool = Field(
        default=False,
        description="Warn, with the answer, of passages that seem to be addressed to the model.",
    )

    @classmethod
    def of(cls, guardrails: Guardrails) -> "GuardrailsBody":
        """Return them as the API shows them."""
        return cls(
            link_hosts=list(guardrails.link_hosts),
            mask_personal_data=guardrails.mask_personal_data,
            report_suspicions=guardrails.report_suspicions,
        )


@router.get("")
async def show_guardrails(use: ReadSettings) -> GuardrailsBody:
    """Show what holds for all that the company's agents say."""
    return GuardrailsBody.of(await use.show_guardrails())


@router.put("", responses=errors(BadLinkHost))
async def set_guardrails(body: GuardrailsBody, use: WriteSettings) -> GuardrailsBody:
    """Set it; agents heed it within seconds."""
    return GuardrailsBody.of(
        await use.set_guardrails(
            Guardrails(
                link_hosts=checked_hosts(body.link_hosts),
                mask_personal_data=body.mask_personal_data,
                report_suspicions=body.report_suspicions,
            )
        )
    )
