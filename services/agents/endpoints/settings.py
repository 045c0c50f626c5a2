"""LLM settings."""

from uuid import UUID

from fastapi import APIRouter

from libs.common.http import errors
from services.agents.domain.errors import (
    AgentNotFound,
    CompanyNotFound,
    MissingModelChoice,
    ModelTestRefused,
    ModelTestUnanswered,
    SettingsAreDefault,
    SettingsInUse,
    SettingsNotFound,
    UnsafeModelUrl,
)
from services.agents.endpoints.access import (
    ReadProviders,
    ReadSettings,
    WriteProviders,
    WriteSettings,
)
from services.agents.schemas.common import MessageOut
from services.agents.schemas.providers import ProviderChoices, SeedReply
from services.agents.schemas.settings import (
    AgentSettingsOut,
    LlmFields,
    SettingsDetail,
    SettingsIn,
    SettingsList,
    SettingsReply,
    TrialOut,
)

router = APIRouter(prefix="/api/v1", tags=["settings"])

_CREATE_ERRORS = errors(CompanyNotFound, AgentNotFound, MissingModelChoice, UnsafeModelUrl)


@router.post("/settings", status_code=201, responses=_CREATE_ERRORS)
@router.post(
    "/sdk/settings", status_code=201, responses=_CREATE_ERRORS, name="create_settings_by_sdk"
)
async def create_settings(body: SettingsIn, use: WriteSettings) -> SettingsReply:
    """Create LLM settings; providers and models go by id or by name."""
    use.check_company(body.company_id)
    view = await use.create_settings(body.change(creating=True), agent_id=body.agent_id)
    return SettingsReply.of(view, message="The settings were created.")


@router.get("/settings/providers")
async def list_provider_choices(use: ReadProviders) -> ProviderChoices:
    """List providers by purpose, with their models."""
    catalogue = await use.catalogue.all(kind=None, status=None)
    platform = use.wiring.platform
    return ProviderChoices.of(
        catalogue, platform_chat_model=None if platform is None else platform.model
    )


@router.post("/settings/providers/seed")
async def seed_providers(use: WriteProviders) -> SeedReply:
    """Make sure that the catalogue is there; it came with the installation."""
    return SeedReply.of(await use.catalogue.all(kind=None, status=None))


@router.post(
    "/settings/test/{settings_id}",
    responses=errors(SettingsNotFound, ModelTestRefused, ModelTestUnanswered),
)
async def try_settings(
    settings_id: UUID, use: WriteSettings, body: LlmFields | None = None
) -> TrialOut:
    """Ask the chat model one question, with overrides if given; nothing is stored."""
    overrides = (body or LlmFields()).change()
    return TrialOut.of(await use.try_settings(settings_id, overrides))


@router.get("/settings/company/{company_id}", responses=errors(CompanyNotFound))
async def list_company_settings(company_id: UUID, use: ReadSettings) -> SettingsList:
    """List all settings of the caller's own company."""
    use.check_company(company_id)
    return SettingsList.of(await use.settings.all())


@router.get("/settings/agent/{agent_id}", responses=errors(AgentNotFound))
async def list_agent_settings(agent_id: UUID, use: ReadSettings) -> AgentSettingsOut | SettingsList:
    """Show the settings an agent uses, and all that were made for it."""
    current, views = await use.settings.of_agent(agent_id)
    if current is None:
        return SettingsList.of(views)
    return AgentSettingsOut.of_agent(current, views)


@router.get("/settings/{settings_id}", responses=errors(SettingsNotFound))
async def get_settings(settings_id: UUID, use: ReadSettings) -> SettingsDetail:
    """Show settings; of a key at most the last four characters."""
    return SettingsDetail.of(await use.settings.one(settings_id))


@router.put(
    "/settings/{settings_id}",
    responses=errors(SettingsNotFound, MissingModelChoice, UnsafeModelUrl),
)
async def update_settings(settings_id: UUID, body: LlmFields, use: WriteSettings) -> SettingsReply:
    """Change settings; a stored key is dropped when its base URL changes."""
    view = await use.update_settings(settings_id, body.change())
    return SettingsReply.of(view, message="The settings were updated.")


@router.delete(
    "/settings/{settings_id}",
    responses=errors(SettingsNotFound, SettingsAreDefault, SettingsInUse),
)
async def delete_settings(settings_id: UUID, use: WriteSettings) -> MessageOut:
    """Remove settings for good, keys included."""
    await use.delete_settings(settings_id)
    return MessageOut(message="The settings were deleted.")
