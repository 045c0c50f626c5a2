"""Leads in the shapes of version 1 of the API."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from services.conversations.domain.leads import (
    Consent,
    LeadForm,
    LeadPerson,
    LeadRecord,
    LeadTokens,
    clean_email,
)
from services.conversations.domain.questions import storable_text
from services.conversations.schemas.json_values import JsonObject
from services.conversations.use_cases.register_lead import RegisteredLead

Status = Literal["new", "contacted", "qualified", "converted", "lost"]


def _line(value: object) -> object:
    return " ".join(storable_text(value).split()) if isinstance(value, str) else value or ""


def _text(value: object) -> object:
    return storable_text(value).strip() if isinstance(value, str) else value or ""


Name = Annotated[str, BeforeValidator(_line), Field(min_length=1, max_length=100)]
Phone = Annotated[str, BeforeValidator(_line), Field(max_length=20)]
Line = Annotated[str, BeforeValidator(_line), Field(max_length=200)]
LongText = Annotated[str, BeforeValidator(_text), Field(max_length=4000)]
Email = Annotated[str, Field(max_length=254), AfterValidator(clean_email)]
Tags = Annotated[list[Line], Field(max_length=50)]


class _Person(BaseModel):
    """What a form says of a person."""

    first_name: Name
    last_name: Name
    email: Email
    phone: Phone = ""
    source: Line = ""
    notes: LongText = ""
    company: Line = ""
    consent_data_processing: bool = True
    consent_marketing: bool = False
    consent_text: LongText = Field(default="", description="What the person was shown.")

    def form(self) -> LeadForm:
        """Return it in the use cases' words."""
        return LeadForm(
            person=LeadPerson(
                first_name=self.first_name,
                last_name=self.last_name,
                email=self.email,
                phone=self.phone,
                company=self.company,
                notes=self.notes,
            ),
            consent=Consent(
                data_processing=self.consent_data_processing,
                marketing=self.consent_marketing,
                shown=self.consent_text,
            ),
            source=self.source,
        )


class RegisterLeadIn(_Person):
    """A visitor who says who they are."""

    agent_id: UUID
    refresh_token: str | None = Field(
        default=None, max_length=200, description="Of an earlier visit, to go on with it."
    )


class LeadIn(_Person):
    """A lead that the company adds."""

    agent_id: UUID | None = None
    status: Status = "new"
    tags: Tags = Field(default_factory=list)
    metadata: JsonObject = Field(default_factory=dict)


class LeadPatch(BaseModel):
    """What to change; what is left out stays."""

    first_name: Name | None = None
    last_name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    company: Line | None = None
    notes: LongText | None = None
    source: Line | None = None
    status: Status | None = None
    tags: Tags | None = None
    metadata: JsonObject | None = None
    consent_data_processing: bool | None = None
    consent_marketing: bool | None = None

    def changes(self) -> dict[str, Any]:
        """Return what was given."""
        given = self.model_dump(exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None}


class LeadLinkIn(BaseModel):
    """Whom to mail a link to."""

    agent_id: UUID
    email: Email
    page_url: str | None = Field(
        default=None, max_length=2000, description="Where to; one of the agent's sites."
    )


class ResumeIn(BaseModel):
    """What a mailed link held."""

    agent_id: UUID
    token: str = Field(max_length=200)


def lead_shape(lead: LeadRecord) -> dict[str, Any]:
    """Return a lead as its company sees it."""
    person = lead.person
    return {
        "id": lead.id,
        "company_id": lead.tenant_id,
        "agent_id": lead.agent_id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "full_name": person.full_name,
        "email": person.email,
        "phone": person.phone,
        "company_name": person.company,
        "status": lead.status,
        "source": lead.source,
        "notes": person.notes,
        "tags": lead.tags,
        "metadata": lead.metadata,
        "consent_data_processing": lead.consent.data_processing,
        "consent_marketing": lead.consent.marketing,
        "consent_text": lead.consent.shown,
        "consent_at": lead.consent_at,
        "is_active": lead.status != "lost",
        "last_activity": lead.last_activity,
        "created_at": lead.created_at,
        "updated_at": lead.updated_at,
    }


def registered_shape(registered: RegisteredLead, form: LeadForm) -> dict[str, Any]:
    """Return what a visitor is told: their own words, and nothing that is known of them."""
    person = form.person
    lead = {
        "id": registered.lead_id,
        "company_id": registered.tenant_id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "full_name": person.full_name,
        "email": person.email,
        "phone": person.phone,
        "source": form.source,
    }
    shown = tokens_shape(registered.tokens)
    return {
        "success": True,
        "message": "You can talk to the agent now.",
        "lead": lead,
        "id": registered.lead_id,
        **shown,
        "tokens": shown,
    }


def tokens_shape(tokens: LeadTokens) -> dict[str, Any]:
    """Return the tokens of a visit."""
    return {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "token_type": "Bearer",
        "expires_in": max(0, int((tokens.expires_at - datetime.now(UTC)).total_seconds())),
        "expires_at": tokens.expires_at,
    }
