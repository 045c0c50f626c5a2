"""Agents' profiles, cached for half a minute and dropped when an event tells of a change.

A profile that was known is used past its time while the agents service is out of reach: agents
answer on.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from libs.common.errors import NotFound, RateLimited, Unavailable
from libs.common.telemetry import get_logger
from services.conversations.adapters.documents import JsonService
from services.conversations.domain.agents import AgentProfile, BudgetRule, ChatModelSettings
from services.conversations.domain.behaviour import Behaviour
from services.conversations.domain.errors import AgentNotFound
from services.conversations.domain.screening import Guardrails

log = get_logger(__name__)

INVALIDATION_CHANNEL: Final = "conversations:agents-changed"
_FRESH_SECONDS: Final = 30.0
_USABLE_SECONDS: Final = 3_600.0
_MAX_PROFILES: Final = 10_000

_Key = tuple[UUID, UUID]


class CachedAgents:
    """The agents service, through a cache of this process."""

    def __init__(
        self, service: JsonService, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._service = service
        self._clock = clock
        self._known: OrderedDict[_Key, tuple[float, AgentProfile]] = OrderedDict()
        self._fetching: dict[_Key, asyncio.Task[AgentProfile]] = {}

    async def profile(self, tenant_id: UUID, agent_id: UUID) -> AgentProfile:
        """Return an agent's profile, at most half a minute old while its service is reachable.

        Raises:
            AgentNotFound: The tenant has no such agent.
            Unavailable: The agents service is out of reach, and we never knew the agent.
        """
        key = (tenant_id, agent_id)
        known = self._known.get(key)
        if known is not None and self._clock() - known[0] < _FRESH_SECONDS:
            return known[1]
        try:
            return await self._fetch_once(key)
        except (Unavailable, RateLimited):
            if known is not None and self._clock() - known[0] < _USABLE_SECONDS:
                log.warning("agent_profile_stale", agent_id=str(agent_id))
                return known[1]
            raise

    async def by_name(self, tenant_id: UUID, name: str) -> AgentProfile:
        """Return the profile of the agent with this name.

        Raises:
            AgentNotFound: The tenant has no such agent.
            Unavailable: The agents service is out of reach.
        """
        profile = await self._get(tenant_id, f"by-name/{quote(name, safe='')}")
        self._remember((tenant_id, profile.id), profile)
        return profile

    async def names(self, tenant_id: UUID) -> Sequence[tuple[UUID, str]]:
        """Return the ids and names of the tenant's agents."""
        found = await self._service.request_json("GET", "/internal/agents", tenant_id=tenant_id)
        return [(UUID(agent["id"]), agent["name"]) for agent in found["agents"]]

    def forget_tenant(self, tenant_id: UUID) -> None:
        """Drop what is known of a tenant's agents: one of them, or their settings, changed."""
        for key in [key for key in self._known if key[0] == tenant_id]:
            del self._known[key]
        for key in [key for key in self._fetching if key[0] == tenant_id]:
            # What is being fetched may be the old state; who waits for it takes it, once.
            del self._fetching[key]

    def forget_all(self) -> None:
        """Drop everything: news of changes may have been missed."""
        self._known.clear()
        self._fetching.clear()

    async def _fetch_once(self, key: _Key) -> AgentProfile:
        """Fetch a profile; many answers that need the same one wait for one call."""
        task = self._fetching.get(key)
        if task is None:
            task = asyncio.create_task(self._get(key[0], str(key[1])))
            self._fetching[key] = task
            task.add_done_callback(lambda done: self._fetched(key, done))
        return await asyncio.shield(task)

    def _fetched(self, key: _Key, task: "asyncio.Task[AgentProfile]") -> None:
        current = self._fetching.get(key) is task
        if current:
            del self._fetching[key]
        if task.cancelled():
            return
        error = task.exception()
        if error is None and current:
            self._remember(key, task.result())
        elif isinstance(error, AgentNotFound):
            self._known.pop(key, None)

    def _remember(self, key: _Key, profile: AgentProfile) -> None:
        self._known[key] = (self._clock(), profile)
        self._known.move_to_end(key)
        if len(self._known) > _MAX_PROFILES:
            self._known.popitem(last=False)

    async def _get(self, tenant_id: UUID, path: str) -> AgentProfile:
        try:
            found = await self._service.request_json(
                "GET", f"/internal/agents/{path}", tenant_id=tenant_id
            )
        except NotFound as error:
            raise AgentNotFound from error
        return _profile(found)


def _profile(found: Mapping[str, Any]) -> AgentProfile:
    llm = found.get("llm")
    split = found.get("split")
    return AgentProfile(
        id=UUID(found["id"]),
        name=found["name"],
        status=found.get("status") or "active",
        instructions=found.get("instructions") or "",
        model=_model(llm) if llm else None,
        warnings=found.get("warnings") or (),
        guardrails=_guardrails(found.get("guardrails") or {}),
        fallbacks=[_model(one) for one in found.get("fallbacks") or ()],
        behaviour=Behaviour.of(found),
        budgets=[_budget(rule) for rule in found.get("budgets") or ()],
        number=found.get("number"),
        candidate=_profile(split["profile"]) if split else None,
        candidate_percent=split["percent"] if split else 0,
    )


def _guardrails(found: Mapping[str, Any]) -> Guardrails:
    return Guardrails(
        link_hosts=tuple(found.get("link_hosts") or ()),
        mask_personal_data=bool(found.get("mask_personal_data")),
        report_suspicions=bool(found.get("report_suspicions")),
    )


def _budget(rule: Mapping[str, Any]) -> BudgetRule:
    return BudgetRule(
        scope=rule["scope"],
        period=rule["period"],
        unit=rule["unit"],
        amount=rule["amount"],
        on_exhausted=rule["on_exhausted"],
    )


def _model(llm: Mapping[str, Any]) -> ChatModelSettings:
    return ChatModelSettings(
        provider=llm.get("provider") or "",
        model=llm["model"],
        base_url=llm["base_url"],
        api_key=llm.get("api_key"),
        temperature=llm.get("temperature"),
        max_tokens=llm.get("max_tokens"),
        params=llm.get("params") or {},
        is_platforms=llm.get("is_platforms", False),
        input_price_per_million=llm.get("input_price_per_million") or 0.0,
        output_price_per_million=llm.get("output_price_per_million") or 0.0,
    )
