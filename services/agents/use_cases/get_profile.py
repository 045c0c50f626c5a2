"""Tell other services all they need to answer for an agent, keys included."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from libs.common.crypto import Cipher
from services.agents.domain.budgets import BudgetRule, OnExhausted, Period, Unit
from services.agents.domain.errors import AgentNotFound, BadOperatingHours
from services.agents.domain.operating_hours import WeeklyHours, parse_hours
from services.agents.domain.profiles import (
    LOCAL_PROVIDER,
    AgentProfile,
    ChatCall,
    EmbeddingCall,
    ModelCall,
    Source,
    Split,
)
from services.agents.models import Agent, LlmSettings
from services.agents.repositories.unit_of_work import AgentsUnitOfWork, OpenUnitOfWork
from services.agents.use_cases.settings_views import SettingsView, endpoint, view_settings
from services.agents.use_cases.version_content import (
    KeptKeys,
    put_agent,
    put_settings,
)

MAX_LISTED = 1000
_DEFAULT_TEMPERATURE = 0.7
_DEFAULT_MAX_TOKENS = 1000


@dataclass(frozen=True, kw_only=True)
class GetProfile:
    """The profile of one version of an agent; callers cache it until the next event."""

    unit_of_work: OpenUnitOfWork
    cipher: Cipher
    platform: ModelCall | None

    async def by_id(self, agent_id: UUID) -> AgentProfile:
        """Raises `AgentNotFound`."""
        async with self.unit_of_work() as uow:
            profile = await self._profile(uow, await uow.agents.living(agent_id))
            return replace(profile, guardrails=await uow.guardrails.current())

    async def by_name(self, name: str) -> AgentProfile:
        """Raises `AgentNotFound`; case does not matter."""
        if "\x00" in name:
            # PostgreSQL could not even be asked.
            raise AgentNotFound
        async with self.unit_of_work() as uow:
            profile = await self._profile(uow, await uow.agents.named(name))
            return replace(profile, guardrails=await uow.guardrails.current())

    async def all(self) -> Sequence[Agent]:
        """Return the tenant's agents, oldest first."""
        async with self.unit_of_work() as uow:
            return await uow.agents.all_living(limit=MAX_LISTED)

    async def _profile(self, uow: AgentsUnitOfWork, agent: Agent | None) -> AgentProfile:
        if agent is None:
            raise AgentNotFound
        row = None
        if agent.llm_settings_id is not None:
            row = await uow.settings.get(agent.llm_settings_id)
        profile = await self._of(uow, agent, row, number=agent.live_version)
        profile = replace(profile, budgets=await _budgets(uow, agent.id))
        if agent.split_version is None or agent.split_percent == 0:
            return profile
        return replace(profile, split=await self._split(uow, agent, row))

    async def _split(
        self, uow: AgentsUnitOfWork, agent: Agent, current: LlmSettings | None
    ) -> Split | None:
        """Return the version that shares the agent's conversations, as it would be if it were live.

        Its rows are made from the version and kept nowhere.
        """
        version = await uow.versions.one(agent.id, agent.split_version or 0)
        if version is None:
            return None
        candidate = Agent.named(agent.name)
        candidate.id, candidate.tenant_id = agent.id, agent.tenant_id
        candidate.status, candidate.version = agent.status, agent.version
        put_agent(candidate, version.content)
        row = None
        if version.content["settings"] is not None:
            row = LlmSettings.blank(agent_id=agent.id)
            put_settings(row, version.content["settings"])
            await KeptKeys(uow=uow, cipher=self.cipher).put(
                agent.id, row, version.content["settings"], current=current
            )
        profile = await self._of(uow, candidate, row, number=version.number)
        return Split(percent=agent.split_percent, profile=replace(profile, embedding=None))

    async def _of(
        self, uow: AgentsUnitOfWork, agent: Agent, row: LlmSettings | None, *, number: int | None
    ) -> AgentProfile:
        view: SettingsView | None = None
        if row is not None:
            (view,) = await view_settings(uow, [row], platform=self.platform)
        call = chat_call(view, cipher=self.cipher, platform=self.platform)
        if call is not None and call.is_platforms:
            call = await _priced(uow, call)
        fallbacks, lacks = await self._fallbacks(uow, agent, call)
        return AgentProfile(
            id=agent.id,
            tenant_id=agent.tenant_id,
            name=agent.name,
            description=agent.description,
            status=agent.status,
            version=agent.version,
            instructions=agent.instructions,
            llm=call,
            embedding=None if view is None else embedding_call(view, cipher=self.cipher),
            warnings=(*(() if view is None else view.warnings), *lacks),
            number=number,
            fallbacks=fallbacks,
            behaviour=_behaviour(agent),
            languages=tuple(one for one in agent.languages if isinstance(one, str)),
            hours=_hours(agent),
        )

    async def _fallbacks(
        self, uow: AgentsUnitOfWork, agent: Agent, first: ChatCall | None
    ) -> tuple[tuple[ChatCall, ...], list[str]]:
        """Return the models to fall back on in their order, and why one is left out."""
        rows = await uow.settings.by_ids({UUID(one) for one in agent.fallback_settings_ids})
        wanted = [rows[UUID(one)] for one in agent.fallback_settings_ids if UUID(one) in rows]
        calls: list[ChatCall] = []
        lacks: list[str] = []
        for view in await view_settings(uow, wanted, platform=self.platform):
            local = view.llm_provider.name == LOCAL_PROVIDER
            if view.chat.source is not Source.OWN and not local:
                lacks.append(f"Not fallen back on: {view.chat.warning}")
                continue
            call = chat_call(view, cipher=self.cipher, platform=self.platform)
            if call is None:
                continue
            if call.is_platforms:
                call = await _priced(uow, call)
            known = {(one.base_url, one.model) for one in (*calls, *([first] if first else []))}
            if (call.base_url, call.model) not in known:
                calls.append(call)
        return tuple(calls), lacks


def _behaviour(agent: Agent) -> dict[str, object]:
    tone = agent.personality_traits.get("tone")
    traits = {"tone": tone} if isinstance(tone, str) and tone.strip() else {}
    return {**traits, **agent.behaviour}


def _hours(agent: Agent) -> WeeklyHours | None:
    try:
        return parse_hours(agent.operating_hours)
    except BadOperatingHours:
        # From before hours were checked; they never meant anything.
        return None


async def _budgets(uow: AgentsUnitOfWork, agent_id: UUID) -> tuple[BudgetRule, ...]:
    return tuple(
        BudgetRule(
            scope="company" if row.agent_id is None else "agent",
            period=Period(row.period),
            unit=Unit(row.unit),
            amount=row.amount,
            on_exhausted=OnExhausted(row.on_exhausted),
        )
        for row in await uow.budgets.binding(agent_id)
    )


def chat_call(
    view: SettingsView | None, *, cipher: Cipher, platform: ModelCall | None
) -> ChatCall | None:
    """Return the chat model to call; None to answer in quotes."""
    row = None if view is None else view.settings
    temperature = _DEFAULT_TEMPERATURE if row is None else row.llm_temperature
    max_tokens = _DEFAULT_MAX_TOKENS if row is None else row.llm_max_tokens
    if view is not None and view.chat.source is Source.OWN:
        wish = endpoint(view.settings, "llm", view.llm_provider, view.llm_model)
        sealed = view.settings.llm_api_key if wish.may_use_key else None
        return ChatCall(
            provider=wish.provider,
            model=wish.model,
            base_url=wish.base_url or "",
            api_key=_opened(sealed, "llm_api_key", view.settings, cipher),
            temperature=temperature,
            max_tokens=max_tokens,
            params=view.settings.llm_additional_params,
            input_price_per_million=view.llm_model.prices_per_million[0],
            output_price_per_million=view.llm_model.prices_per_million[1],
        )
    if platform is None:
        return None
    return ChatCall(
        provider=platform.provider,
        model=platform.model,
        base_url=platform.base_url,
        api_key=platform.api_key,
        temperature=temperature,
        max_tokens=max_tokens,
        # Parameters are meant for the model that the tenant chose, not for ours.
        params={},
        is_platforms=True,
    )


async def _priced(uow: AgentsUnitOfWork, call: ChatCall) -> ChatCall:
    """Add what the platform's own catalogue says that its model costs, if it is there."""
    model = await uow.models.shared(provider=call.provider, model=call.model)
    if model is None:
        return call
    into, out_of = model.prices_per_million
    return replace(call, input_price_per_million=into, output_price_per_million=out_of)


def embedding_call(view: SettingsView, *, cipher: Cipher) -> EmbeddingCall | None:
    """Return the embedding model to call; None for the platform's."""
    if view.embedding.source is not Source.OWN:
        return None
    wish = endpoint(view.settings, "embedding", view.embedding_provider, view.embedding_model)
    sealed = view.settings.embedding_api_key if wish.may_use_key else None
    return EmbeddingCall(
        provider=wish.provider,
        model=wish.model,
        base_url=wish.base_url or "",
        api_key=_opened(sealed, "embedding_api_key", view.settings, cipher),
        dimension=view.settings.embedding_dimension,
    )


def _opened(sealed: bytes | None, column: str, row: LlmSettings, cipher: Cipher) -> str | None:
    if sealed is None:
        return None
    return cipher.decrypt(sealed, table="llm_settings", column=column, row=row.id).decode()
