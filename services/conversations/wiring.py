"""Conversations put together: adapters once a process, use cases with the person they act for."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from uuid import UUID

from libs.common.background import running
from libs.common.http.outbound import Outbound
from libs.common.resources import Resources
from libs.common.security import Caller, CallerKind
from libs.common.wake import Wake
from services.conversations.adapters.agents import INVALIDATION_CHANNEL, CachedAgents
from services.conversations.adapters.answer_feed import RedisAnswerFeeds
from services.conversations.adapters.answer_queue import RedisAnswerQueue
from services.conversations.adapters.answer_watch import RedisAnswerWatch
from services.conversations.adapters.cancellations import RedisCancellations
from services.conversations.adapters.chat_model import OpenAICompatibleModels
from services.conversations.adapters.documents import DocumentsSearch
from services.conversations.adapters.lead_sessions import AuthLeadSessions
from services.conversations.adapters.lead_throttle import RedisLeadThrottle
from services.conversations.adapters.lead_vault import LeadVault
from services.conversations.adapters.recent_conversations import RecentConversations
from services.conversations.adapters.redis_channels import Listener, RedisChannels
from services.conversations.adapters.webhook_calls import WebhookCalls
from services.conversations.adapters.webhook_secrets import WebhookSecrets
from services.conversations.adapters.widget_agents import CachedWidgetAgents
from services.conversations.domain.handoff import Handoff
from services.conversations.domain.people import Person
from services.conversations.domain.ports import Agents
from services.conversations.repositories.answers import AnswerStore
from services.conversations.repositories.budgets import BudgetStore
from services.conversations.repositories.handoff import HandoffStore
from services.conversations.repositories.memory import ConversationMemory
from services.conversations.repositories.unit_of_work import ConversationsUnitOfWork
from services.conversations.repositories.webhooks import WebhookStore
from services.conversations.settings import Settings
from services.conversations.use_cases.afterwards import Afterwards
from services.conversations.use_cases.ask_models import AskModels
from services.conversations.use_cases.ask_question import AskQuestion, AwaitAnswer, ReadTask
from services.conversations.use_cases.branches import (
    EditQuestion,
    ListAlternatives,
    RegenerateAnswer,
    SelectAlternative,
)
from services.conversations.use_cases.cancel_answer import CancelAnswer
from services.conversations.use_cases.check_lead_site import CheckLeadSite
from services.conversations.use_cases.compose_answer import ComposeAnswer
from services.conversations.use_cases.continue_conversation import InLeadsConversation
from services.conversations.use_cases.conversations import (
    DeleteConversation,
    ListConversations,
    RestoreConversation,
    StartConversation,
    UpdateConversation,
)
from services.conversations.use_cases.deliver_webhook import SendWebhook
from services.conversations.use_cases.follow_answers import FollowAnswers
from services.conversations.use_cases.handoff import (
    ClaimHandoff,
    ListHandoffs,
    ReleaseHandoff,
    RequestHandoff,
    SilenceAgent,
    SpeakAsHuman,
)
from services.conversations.use_cases.lead_links import (
    MailLeadLink,
    RequestLeadLink,
    ResumeByLink,
)
from services.conversations.use_cases.leads import (
    AddLead,
    DeleteLead,
    ListLeads,
    ShowLead,
    UpdateLead,
)
from services.conversations.use_cases.messages import (
    DeleteMessage,
    DeleteMessages,
    ListDeletedMessages,
    ListMessages,
    RestoreMessage,
    RestoreMessages,
)
from services.conversations.use_cases.produce_answer import ProduceAnswer
from services.conversations.use_cases.rate_answer import RateAnswer
from services.conversations.use_cases.register_lead import RegisterLead
from services.conversations.use_cases.search_knowledge import SearchKnowledge
from services.conversations.use_cases.show_budgets import ShowBudgets
from services.conversations.use_cases.webhooks import Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffUseCases:
    """Handing conversations to people, and back."""

    request: RequestHandoff
    claim: ClaimHandoff
    speak: SpeakAsHuman
    release: ReleaseHandoff
    close: ReleaseHandoff
    list: ListHandoffs


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """What this service does; one object a process."""

    agents: Agents
    search_knowledge: SearchKnowledge
    show_budgets: ShowBudgets
    handoff: HandoffUseCases
    start_conversation: StartConversation
    list_conversations: ListConversations
    delete_conversation: DeleteConversation
    restore_conversation: RestoreConversation
    list_messages: ListMessages
    list_deleted_messages: ListDeletedMessages
    delete_messages: DeleteMessages
    restore_messages: RestoreMessages
    delete_message: DeleteMessage
    restore_message: RestoreMessage
    ask_question: AskQuestion
    follow_answers: FollowAnswers
    await_answer: AwaitAnswer
    read_task: ReadTask
    update_conversation: UpdateConversation
    cancel_answer: CancelAnswer
    regenerate_answer: RegenerateAnswer
    edit_question: EditQuestion
    list_alternatives: ListAlternatives
    select_alternative: SelectAlternative
    rate_answer: RateAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadUseCases:
    """What is done with leads."""

    register: RegisterLead
    request_link: RequestLeadLink
    mail_link: MailLeadLink
    resume: ResumeByLink
    add: AddLead
    list: ListLeads
    show: ShowLead
    update: UpdateLead
    delete: DeleteLead
    check_site: CheckLeadSite
    in_conversation: InLeadsConversation


class Wiring:
    """The adapters and use cases of one process; both the HTTP process and the worker use it."""

    def __init__(
        self,
        resources: Resources,
        settings: Settings,
        outbound: Outbound,
        *,
        owner: str = "",
        has_events: asyncio.Event | None = None,
    ) -> None:
        redis, database = resources.redis, resources.database
        self.settings = settings
        self.database = database
        self.draining = resources.draining
        self.owner = owner or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.wake = Wake(redis, Settings.service, here=has_events)
        self.agents = CachedAgents(resources.client("agents"))
        self.widget_agents = CachedWidgetAgents(resources.client("agents"))
        self.outbound = outbound
        self.webhook_store = WebhookStore(database)
        self.webhook_secrets = WebhookSecrets(resources.key_ring)
        self.lead_vault = LeadVault(resources.key_ring, database)
        self.lead_sessions = AuthLeadSessions(resources.client("auth"))
        self.lead_throttle = RedisLeadThrottle(resources.quick_redis)
        self.queue = RedisAnswerQueue(redis)
        self.channels = RedisChannels(redis)
        self.cancellations = RedisCancellations(redis, self.channels)
        self.feeds = RedisAnswerFeeds(redis)
        self.recent = RecentConversations()
        self.store = AnswerStore(
            database,
            owner=self.owner,
            lease_seconds=settings.answer_lease_seconds,
            per_tenant=settings.answers_per_tenant,
        )
        models = OpenAICompatibleModels(
            outbound,
            first_token_seconds=settings.model_first_token_seconds,
            total_seconds=settings.model_total_seconds,
            per_provider=settings.model_calls_per_provider,
            per_agent=settings.model_calls_per_agent,
        )
        self.memory = ConversationMemory(database, resources.key_ring)
        self.budgets = BudgetStore(database)
        self.afterwards = Afterwards(
            agents=self.agents, models=models, memory=self.memory, budgets=self.budgets
        )
        self.compose = ComposeAnswer(
            agents=self.agents,
            budgets=self.budgets,
            knowledge_base=DocumentsSearch(resources.client("documents")),
            ask=AskModels(
                models=models,
                memory=self.memory,
                fallback_seconds=settings.model_fallback_seconds,
            ),
        )
        self.produce = ProduceAnswer(
            compose=self.compose,
            store=self.store,
            handoffs=HandoffStore(database),
            feeds=self.feeds,
            wake=self.wake,
            afterwards=self.afterwards,
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls, resources: Resources, *, has_events: asyncio.Event | None = None
    ) -> AsyncIterator["Wiring"]:
        """Put the process together, with its one subscribing connection running.

        Args:
            resources: Its connections.
            has_events: Wakes the relay, in a process that has one.
        """
        settings = resources.settings
        if not isinstance(settings, Settings):
            raise TypeError("conversations needs its own settings")
        async with Outbound.open(settings.outbound_policy) as outbound:
            wiring = cls(resources, settings, outbound, has_events=has_events)
            async with (
                aclosing(wiring.wake),
                aclosing(wiring.queue),
                running(wiring.channels.run(), name="redis-channels"),
                running(wiring._end_streams_on_drain(), name="drain"),
            ):
                await wiring.channels.subscribe(
                    INVALIDATION_CHANNEL, Listener(wiring._agents_changed, wiring.agents.forget_all)
                )
                yield wiring

    @cached_property
    def use_cases(self) -> UseCases:
        """The use cases; each is told whom it acts for when it is called."""
        follow = FollowAnswers(
            store=self.store,
            feeds=self.feeds,
            watch=RedisAnswerWatch(self.channels),
            recent=self.recent,
            draining=self.draining,
            heartbeat_seconds=self.settings.heartbeat_seconds,
        )
        await_answer = AwaitAnswer(store=self.store, follow=follow)
        open_uow = self._open_unit_of_work
        return UseCases(
            agents=self.agents,
            search_knowledge=SearchKnowledge(
                agents=self.agents, knowledge_base=self.compose.knowledge_base
            ),
            show_budgets=ShowBudgets(agents=self.agents, budgets=self.budgets),
            handoff=self._handoff(),
            start_conversation=StartConversation(
                unit_of_work=open_uow, agents=self.agents, recent=self.recent
            ),
            list_conversations=ListConversations(unit_of_work=open_uow),
            delete_conversation=DeleteConversation(unit_of_work=open_uow, recent=self.recent),
            restore_conversation=RestoreConversation(unit_of_work=open_uow),
            list_messages=ListMessages(unit_of_work=open_uow),
            list_deleted_messages=ListDeletedMessages(unit_of_work=open_uow),
            delete_messages=DeleteMessages(unit_of_work=open_uow, recent=self.recent),
            restore_messages=RestoreMessages(unit_of_work=open_uow),
            delete_message=DeleteMessage(unit_of_work=open_uow, recent=self.recent),
            restore_message=RestoreMessage(unit_of_work=open_uow),
            ask_question=AskQuestion(store=self.store, queue=self.queue, recent=self.recent),
            follow_answers=follow,
            await_answer=await_answer,
            read_task=ReadTask(store=self.store, answers=await_answer),
            update_conversation=UpdateConversation(unit_of_work=open_uow),
            cancel_answer=CancelAnswer(
                unit_of_work=open_uow,
                store=self.store,
                feeds=self.feeds,
                cancellations=self.cancellations,
            ),
            regenerate_answer=RegenerateAnswer(
                unit_of_work=open_uow, queue=self.queue, recent=self.recent
            ),
            edit_question=EditQuestion(unit_of_work=open_uow, queue=self.queue, recent=self.recent),
            list_alternatives=ListAlternatives(unit_of_work=open_uow),
            select_alternative=SelectAlternative(unit_of_work=open_uow),
            rate_answer=RateAnswer(unit_of_work=open_uow),
        )

    def _handoff(self) -> HandoffUseCases:
        store, wake = HandoffStore(self.database), self.wake
        silence = SilenceAgent(store=store, cancellations=self.cancellations)
        return HandoffUseCases(
            request=RequestHandoff(store=store, wake=wake),
            claim=ClaimHandoff(store=store, wake=wake, silence=silence),
            speak=SpeakAsHuman(store=store, wake=wake, silence=silence),
            release=ReleaseHandoff(store=store, wake=wake, to=Handoff.BOT),
            close=ReleaseHandoff(store=store, wake=wake, to=Handoff.CLOSED),
            list=ListHandoffs(store=store),
        )

    @cached_property
    def leads(self) -> LeadUseCases:
        """What is done with leads."""
        open_uow, vault, sessions = self._open_unit_of_work, self.lead_vault, self.lead_sessions
        agents, throttle = self.widget_agents, self.lead_throttle
        return LeadUseCases(
            register=RegisterLead(
                unit_of_work=open_uow,
                agents=agents,
                vault=vault,
                sessions=sessions,
                throttle=throttle,
            ),
            request_link=RequestLeadLink(
                unit_of_work=open_uow,
                agents=agents,
                vault=vault,
                throttle=throttle,
                public_url=self.settings.public_url,
            ),
            mail_link=MailLeadLink(
                unit_of_work=open_uow, agents=agents, vault=vault, sessions=sessions
            ),
            resume=ResumeByLink(unit_of_work=open_uow, agents=agents, sessions=sessions),
            add=AddLead(unit_of_work=open_uow, agents=self.agents, vault=vault),
            list=ListLeads(unit_of_work=open_uow, vault=vault),
            show=ShowLead(unit_of_work=open_uow, vault=vault),
            update=UpdateLead(unit_of_work=open_uow, vault=vault),
            delete=DeleteLead(unit_of_work=open_uow, sessions=sessions),
            check_site=CheckLeadSite(unit_of_work=open_uow, agents=agents),
            in_conversation=InLeadsConversation(unit_of_work=open_uow),
        )

    @cached_property
    def webhooks(self) -> Webhooks:
        """What a company does with its webhooks."""
        return Webhooks(
            store=self.webhook_store,
            secrets=self.webhook_secrets,
            policy=self.settings.webhook_policy,
            wake=self.wake,
        )

    @cached_property
    def send_webhook(self) -> SendWebhook:
        """One attempt at telling a webhook of an event."""
        return SendWebhook(
            store=self.webhook_store,
            secrets=self.webhook_secrets,
            call=WebhookCalls(replace(self.outbound, policy=self.settings.webhook_policy)),
            unit_of_work=self._open_unit_of_work,
            vault=self.lead_vault,
            wake=self.wake,
        )

    def _open_unit_of_work(
        self, tenant_id: UUID, *, read_only: bool = False
    ) -> ConversationsUnitOfWork:
        return ConversationsUnitOfWork(
            self.database, tenant_id, read_only=read_only, wake=self.wake
        )

    def _agents_changed(self, payload: bytes) -> None:
        with suppress(ValueError):
            self.agents.forget_tenant(UUID(payload.decode("ascii", "replace")))

    async def _end_streams_on_drain(self) -> None:
        await self.draining.wait()
        self.channels.nudge()


def person_of(caller: Caller) -> Person:
    """Return whom a verified caller acts for: an API key for its user."""
    if caller.kind is CallerKind.LEAD:
        return Person(
            tenant_id=caller.tenant_id,
            entity_type="lead",
            # The visit, not the person: who knows an address must not read its chats.
            entity_id=caller.session_id or caller.id,
            only_own=caller.session_id or caller.id,
            lead_id=caller.id,
        )
    if caller.user_id is not None or caller.kind is CallerKind.USER:
        return Person(
            tenant_id=caller.tenant_id,
            entity_type="user",
            entity_id=caller.user_id or caller.id,
            groups=tuple(sorted(caller.groups)),
        )
    return Person(tenant_id=caller.tenant_id, entity_type="api_key", entity_id=caller.id)
