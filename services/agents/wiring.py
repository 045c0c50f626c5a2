"""Agents put together: one wiring a process, one set of use cases a request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.crypto import Cipher
from libs.common.http.outbound import Outbound
from libs.common.resources import Resources
from libs.common.security import Caller
from libs.common.wake import Wake
from services.agents.adapters.chat_probe import ChatProbe
from services.agents.adapters.widget_files import WidgetFiles
from services.agents.domain.errors import CompanyNotFound
from services.agents.domain.model_urls import ModelUrlPolicy
from services.agents.domain.profiles import ModelCall
from services.agents.domain.versions import Actor
from services.agents.models.encrypted import KEY_PURPOSE
from services.agents.repositories.agent_reader import AgentReader
from services.agents.repositories.agent_sites import AgentSites
from services.agents.repositories.agent_stats import AgentStatsRepository
from services.agents.repositories.closed_tenants import ClosedTenants
from services.agents.repositories.unit_of_work import AgentsUnitOfWork
from services.agents.settings import Settings
from services.agents.use_cases.agent_settings import AgentSettings
from services.agents.use_cases.agent_sites import FindWidgetAgent, SetSites, ShowSites
from services.agents.use_cases.browse_agents import BrowseAgents
from services.agents.use_cases.browse_catalogue import BrowseCatalogue
from services.agents.use_cases.browse_settings import BrowseSettings
from services.agents.use_cases.browse_versions import BrowseVersions
from services.agents.use_cases.clone_agent import CloneAgent
from services.agents.use_cases.close_tenant import CloseTenant
from services.agents.use_cases.count_activity import CountActivity
from services.agents.use_cases.create_agent import CreateAgent
from services.agents.use_cases.create_settings import CreateSettings
from services.agents.use_cases.delete_agent import DeleteAgent
from services.agents.use_cases.delete_settings import DeleteSettings
from services.agents.use_cases.draft_version import DraftVersion
from services.agents.use_cases.edit_models import EditModels
from services.agents.use_cases.edit_providers import EditProviders
from services.agents.use_cases.get_agent_stats import GetAgentStats
from services.agents.use_cases.get_embed_code import GetEmbedCode
from services.agents.use_cases.get_profile import GetProfile
from services.agents.use_cases.import_catalogue import ImportCatalogue
from services.agents.use_cases.publish_version import PublishVersion
from services.agents.use_cases.record_version import VersionRecorder
from services.agents.use_cases.restore_agent import RestoreAgent
from services.agents.use_cases.set_budgets import Budgets
from services.agents.use_cases.set_guardrails import SetGuardrails, ShowGuardrails
from services.agents.use_cases.settings_editing import SettingsEditor
from services.agents.use_cases.show_agent import ShowAgent
from services.agents.use_cases.split_traffic import SplitTraffic
from services.agents.use_cases.try_settings import TrySettings
from services.agents.use_cases.update_agent import UpdateAgent
from services.agents.use_cases.update_settings import UpdateSettings


@dataclass(frozen=True)
class Wiring:
    """What one process of agents has."""

    resources: Resources
    wake: Wake
    platform: ModelCall | None
    policy: ModelUrlPolicy
    probe: ChatProbe
    public_url: str
    widget: WidgetFiles

    @classmethod
    @asynccontextmanager
    async def open(cls, resources: Resources, settings: Settings) -> AsyncIterator["Wiring"]:
        """Put the process together."""
        wake = Wake(resources.quick_redis, settings.service)
        async with Outbound.open(settings.model_urls) as outbound:
            yield cls(
                resources=resources,
                wake=wake,
                platform=settings.platform_chat,
                policy=settings.model_urls,
                probe=ChatProbe(outbound),
                public_url=settings.public_url,
                widget=WidgetFiles.load(),
            )
        await wake.aclose()

    @cached_property
    def show_agent(self) -> ShowAgent:
        """For the public: the one use case without a tenant."""
        return ShowAgent(database=self.resources.database)

    @cached_property
    def find_widget_agent(self) -> FindWidgetAgent:
        """For services that hear of an agent from strangers."""
        return FindWidgetAgent(database=self.resources.database)

    async def cipher(self, tenant_id: UUID) -> Cipher:
        """Return what a tenant's provider keys are encrypted with."""
        return await self.resources.key_ring.cipher(tenant_id, KEY_PURPOSE)


@dataclass(frozen=True)
class UseCases:
    """What a caller of one tenant may have done that needs no secrets."""

    wiring: Wiring
    tenant_id: UUID
    caller: Caller

    def unit_of_work(self) -> AgentsUnitOfWork:
        """Return a unit of work of the caller's tenant."""
        database = self.wiring.resources.database
        return AgentsUnitOfWork(database, self.tenant_id, wake=self.wiring.wake)

    def check_company(self, company_id: UUID | None) -> None:
        """Refuse a company other than the caller's, which may as well not exist.

        Raises:
            CompanyNotFound: It is another one.
        """
        if company_id not in (None, self.tenant_id):
            raise CompanyNotFound

    @cached_property
    def reader(self) -> AgentReader:
        """Shows the tenant's agents."""
        return AgentReader(self.wiring.resources.database, self.tenant_id)

    @cached_property
    def agents(self) -> BrowseAgents:
        """See `BrowseAgents`."""
        return BrowseAgents(reader=self.reader)

    @cached_property
    def delete_agent(self) -> DeleteAgent:
        """See `DeleteAgent`."""
        return DeleteAgent(unit_of_work=self.unit_of_work)

    @cached_property
    def restore_agent(self) -> RestoreAgent:
        """See `RestoreAgent`."""
        return RestoreAgent(unit_of_work=self.unit_of_work, reader=self.reader)

    @cached_property
    def get_agent_stats(self) -> GetAgentStats:
        """See `GetAgentStats`."""
        return GetAgentStats(
            unit_of_work=self.unit_of_work, reader=self.reader, platform=self.wiring.platform
        )

    @cached_property
    def get_embed_code(self) -> GetEmbedCode:
        """See `GetEmbedCode`."""
        return GetEmbedCode(unit_of_work=self.unit_of_work, public_url=self.wiring.public_url)

    @cached_property
    def _sites(self) -> AgentSites:
        return AgentSites(self.wiring.resources.database, self.tenant_id)

    @cached_property
    def show_sites(self) -> ShowSites:
        """See `ShowSites`."""
        return ShowSites(sites=self._sites)

    @cached_property
    def set_sites(self) -> SetSites:
        """See `SetSites`."""
        return SetSites(sites=self._sites)

    @cached_property
    def settings(self) -> BrowseSettings:
        """See `BrowseSettings`."""
        return BrowseSettings(unit_of_work=self.unit_of_work, platform=self.wiring.platform)

    @cached_property
    def show_guardrails(self) -> ShowGuardrails:
        """See `ShowGuardrails`."""
        return ShowGuardrails(unit_of_work=self.unit_of_work)

    @cached_property
    def set_guardrails(self) -> SetGuardrails:
        """See `SetGuardrails`."""
        return SetGuardrails(unit_of_work=self.unit_of_work)

    @cached_property
    def delete_settings(self) -> DeleteSettings:
        """See `DeleteSettings`."""
        return DeleteSettings(unit_of_work=self.unit_of_work)

    @cached_property
    def catalogue(self) -> BrowseCatalogue:
        """See `BrowseCatalogue`."""
        return BrowseCatalogue(unit_of_work=self.unit_of_work)

    @cached_property
    def edit_providers(self) -> EditProviders:
        """See `EditProviders`."""
        return EditProviders(unit_of_work=self.unit_of_work, policy=self.wiring.policy)

    @cached_property
    def edit_models(self) -> EditModels:
        """See `EditModels`."""
        return EditModels(unit_of_work=self.unit_of_work)

    @cached_property
    def budgets(self) -> Budgets:
        """See `Budgets`."""
        return Budgets(unit_of_work=self.unit_of_work)

    @cached_property
    def import_catalogue(self) -> ImportCatalogue:
        """See `ImportCatalogue`."""
        return ImportCatalogue(unit_of_work=self.unit_of_work, policy=self.wiring.policy)


@dataclass(frozen=True)
class KeyedUseCases(UseCases):
    """Those that read or write provider keys as well."""

    cipher: Cipher

    @cached_property
    def editor(self) -> SettingsEditor:
        """Changes settings inside other use cases."""
        return SettingsEditor(cipher=self.cipher, policy=self.wiring.policy)

    @cached_property
    def recorder(self) -> VersionRecorder:
        """Keeps versions in the caller's name."""
        caller = self.caller
        return VersionRecorder(
            cipher=self.cipher, by=Actor(caller.kind.value, caller.user_id or caller.id)
        )

    @cached_property
    def versions(self) -> BrowseVersions:
        """See `BrowseVersions`."""
        return BrowseVersions(unit_of_work=self.unit_of_work, recorder=self.recorder)

    @cached_property
    def draft_version(self) -> DraftVersion:
        """See `DraftVersion`."""
        return DraftVersion(
            unit_of_work=self.unit_of_work, editor=self.editor, recorder=self.recorder
        )

    @cached_property
    def publish_version(self) -> PublishVersion:
        """See `PublishVersion`."""
        return PublishVersion(
            unit_of_work=self.unit_of_work, cipher=self.cipher, recorder=self.recorder
        )

    @cached_property
    def split_traffic(self) -> SplitTraffic:
        """See `SplitTraffic`."""
        return SplitTraffic(unit_of_work=self.unit_of_work, recorder=self.recorder)

    @cached_property
    def create_agent(self) -> CreateAgent:
        """See `CreateAgent`."""
        return CreateAgent(
            unit_of_work=self.unit_of_work,
            reader=self.reader,
            settings=AgentSettings(editor=self.editor, recorder=self.recorder),
            recorder=self.recorder,
            platform=self.wiring.platform,
        )

    @cached_property
    def update_agent(self) -> UpdateAgent:
        """See `UpdateAgent`."""
        return UpdateAgent(
            unit_of_work=self.unit_of_work,
            reader=self.reader,
            settings=AgentSettings(editor=self.editor, recorder=self.recorder),
            recorder=self.recorder,
            platform=self.wiring.platform,
        )

    @cached_property
    def clone_agent(self) -> CloneAgent:
        """See `CloneAgent`."""
        return CloneAgent(
            unit_of_work=self.unit_of_work,
            reader=self.reader,
            cipher=self.cipher,
            recorder=self.recorder,
            platform=self.wiring.platform,
        )

    @cached_property
    def create_settings(self) -> CreateSettings:
        """See `CreateSettings`."""
        return CreateSettings(
            unit_of_work=self.unit_of_work,
            editor=self.editor,
            recorder=self.recorder,
            platform=self.wiring.platform,
        )

    @cached_property
    def update_settings(self) -> UpdateSettings:
        """See `UpdateSettings`."""
        return UpdateSettings(
            unit_of_work=self.unit_of_work,
            editor=self.editor,
            recorder=self.recorder,
            platform=self.wiring.platform,
        )

    @cached_property
    def try_settings(self) -> TrySettings:
        """See `TrySettings`."""
        return TrySettings(
            unit_of_work=self.unit_of_work,
            editor=self.editor,
            probe=self.wiring.probe,
            platform=self.wiring.platform,
        )

    @cached_property
    def get_profile(self) -> GetProfile:
        """See `GetProfile`."""
        return GetProfile(
            unit_of_work=self.unit_of_work, cipher=self.cipher, platform=self.wiring.platform
        )


def close_tenant(session: AsyncSession, tenant_id: UUID) -> CloseTenant:
    """Return the use case of event handlers, working in their transaction."""
    return CloseTenant(closed_tenants=ClosedTenants(session, tenant_id))


def count_activity(session: AsyncSession, tenant_id: UUID) -> CountActivity:
    """Return the use case of event handlers, working in their transaction."""
    return CountActivity(stats=AgentStatsRepository(session, tenant_id))
