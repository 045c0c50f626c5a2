"""Making one answer: profile, passages, prompt, model; without a database connection."""

import re
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from libs.common.errors import AppError
from libs.common.telemetry import get_logger, span
from services.conversations.domain.agents import AgentProfile
from services.conversations.domain.answers import Answer, AnswerMode, TakenAnswer
from services.conversations.domain.citations import offered_sources, resolve_citations
from services.conversations.domain.errors import BudgetExhausted, ModelFailed, OverBudget
from services.conversations.domain.extractive import MAX_QUOTES, extractive_answer, refusal
from services.conversations.domain.knowledge import Knowledge
from services.conversations.domain.ports import Agents, Budgets, KnowledgeBase
from services.conversations.domain.screening import WITHHELD
from services.conversations.domain.spending import Spending
from services.conversations.use_cases.ask_models import (
    AskModels,
    Tell,
    fitting,
    harmless,
    prompt_for,
)
from services.conversations.use_cases.draft import Draft
from services.conversations.use_cases.purse import Purse

log = get_logger(__name__)

NO_MODEL: Final = "This agent has no chat model, so the answer consists of quotes."
MODEL_DOWN: Final = (
    "The language model is out of reach at the moment; these passages answer the question best:"
)
OVER_BUDGET: Final = (
    "The budget for the language model is used up; these passages answer the question best:"
)
# What a marker looks like that the model had no time to finish.
_HALF_MARKER: Final = re.compile(r"\s*\[[^\]\n]{0,40}$")

LookedUp = tuple[AgentProfile, Knowledge]


@dataclass(frozen=True, kw_only=True)
class ComposeAnswer:
    """Answer a question from the agent's documents; `tell` hears the text as it comes."""

    agents: Agents
    knowledge_base: KnowledgeBase
    budgets: Budgets
    ask: AskModels

    async def __call__(
        self,
        taken: TakenAnswer,
        tell: Tell,
        *,
        abandoned: Sequence[str] = (),
        looked_up: Awaitable[LookedUp] | None = None,
        draft: Draft | None = None,
    ) -> Answer:
        """Return the finished answer.

        Args:
            taken: What is asked.
            tell: Hears the text as it comes.
            abandoned: What earlier attempts had written before their workers died.
            looked_up: The result of `look_up`, where that was begun before.
            draft: Filled on the way, for `cut_short`.

        Raises:
            AgentNotFound: The agent has been deleted.
            Unavailable: The agents service is out of reach.
        """
        found, knowledge = await (
            looked_up
            or self.look_up(taken.tenant_id, taken.agent_id, taken.question, groups=taken.groups)
        )
        agent = found.for_conversation(taken.conversation_id)
        draft = draft or Draft()
        purse = Purse(
            budgets=self.budgets,
            tenant_id=taken.tenant_id,
            answer_id=taken.answer_id,
            attempt=taken.attempt,
            agent_id=taken.agent_id,
            rules=found.budgets,
        )
        draft.begin(agent, knowledge, purse)
        try:
            answer = await self._answer(taken, agent, knowledge, tell, draft=draft)
        finally:
            await draft.settle()
        if suspicions := agent.guardrails.suspicions(knowledge.passages):
            answer = replace(answer, warnings=[*answer.warnings, *suspicions])
        return _billed(answer, agent, draft.spent, abandoned)

    async def cut_short(
        self, taken: TakenAnswer, draft: Draft, *, abandoned: Sequence[str] = ()
    ) -> Answer:
        """Return what there is of an answer that was cancelled; its text may be empty.

        Args:
            taken: What was asked.
            draft: How far this attempt had come.
            abandoned: What earlier attempts had written. Where this one has nothing yet, the last
                of them stands, as readers have seen it.
        """
        text = "".join(draft.pieces)
        if not text and abandoned:
            text, abandoned = abandoned[-1], abandoned[:-1]
            await self._recover(taken, draft, text)
        agent, passages = draft.agent, draft.knowledge.passages
        model = draft.model or (agent.model if agent is not None else None)
        if model is not None and draft.asking:
            draft.spent.note(
                model, prompt=draft.asking, text="", prompt_tokens=0, completion_tokens=0
            )
        cited = resolve_citations(
            _HALF_MARKER.sub("", text),
            passages,
            bare_markers=model is not None and model.compact,
        )
        answer = Answer(
            text=cited.text,
            mode=AnswerMode.GENERATED if model is not None else AnswerMode.EXTRACTIVE,
            citations=cited.citations,
            sources=offered_sources(passages, cited.citations),
            citation_warnings=cited.warnings,
            warnings=draft.knowledge.warnings,
            model=model.model if model is not None else None,
            provider=model.provider if model is not None else None,
            cancelled=True,
        )
        return answer if agent is None else _billed(answer, agent, draft.spent, abandoned)

    async def _recover(self, taken: TakenAnswer, draft: Draft, text: str) -> None:
        """Find out what a dead worker had looked up, and what its attempt has cost."""
        with suppress(AppError):
            found, knowledge = await self.look_up(
                taken.tenant_id, taken.agent_id, taken.question, groups=taken.groups
            )
            draft.agent = found.for_conversation(taken.conversation_id)
            model = draft.agent.model
            if model is not None:
                draft.knowledge = fitting(knowledge, model, taken.max_context_tokens)
                messages = prompt_for(taken, draft.agent, model, draft.knowledge)
                prompt = "".join(message["content"] for message in messages)
                draft.spent.note(
                    model, prompt=prompt, text=text, prompt_tokens=0, completion_tokens=0
                )

    async def look_up(
        self, tenant_id: UUID, agent_id: UUID, question: str, *, groups: Sequence[UUID] = ()
    ) -> LookedUp:
        """Return the agent, and what its documents say to a question of a member of groups.

        Raises:
            AgentNotFound: The agent has been deleted.
            Unavailable: The agents service is out of reach.
        """
        with span("look_up"):
            agent = await self.agents.profile(tenant_id, agent_id)
            # Judging sentences costs the reranker time: only those ask for quotes who use them.
            quotes = MAX_QUOTES if agent.wants_quotes else 0
            knowledge = await self.knowledge_base.search(
                tenant_id, agent_id=agent_id, query=question, groups=groups, quotes=quotes
            )
        return agent, knowledge

    async def _answer(
        self,
        taken: TakenAnswer,
        agent: AgentProfile,
        knowledge: Knowledge,
        tell: Tell,
        *,
        draft: Draft,
    ) -> Answer:
        def hear(piece: str) -> None:
            draft.pieces.append(piece)
            tell(piece)

        closed = agent.behaviour.closed(datetime.now(UTC))
        if closed is not None:
            answer = Answer(text=closed, mode=AnswerMode.REFUSED, outside_hours=True)
        elif not knowledge.available or not knowledge.has_answer:
            answer = refusal(knowledge)
            if knowledge.available and agent.may_use_general_knowledge:
                with suppress(ModelFailed):
                    return await self.ask.from_general(taken, agent, hear, draft=draft)
                draft.asking = ""
        elif not agent.models:
            answer = extractive_answer(taken.question, knowledge, warnings=[NO_MODEL])
        else:
            try:
                answer = await self.ask(taken, agent, knowledge, hear, draft=draft)
                if (
                    answer.mode is AnswerMode.REFUSED
                    and answer.text != WITHHELD
                    and agent.may_use_general_knowledge
                ):
                    with suppress(ModelFailed):
                        general = await self.ask.from_general(taken, agent, hear, draft=draft)
                        return replace(general, text=f"{answer.text}\n\n{general.text}")
                    draft.asking = ""
                return answer
            except ModelFailed as error:
                draft.asking = ""
                because = MODEL_DOWN
                if isinstance(error, BudgetExhausted):
                    because = OVER_BUDGET
                    if error.rule.on_exhausted == "refuse":
                        raise OverBudget(error.message) from error
                log.warning("answer_falls_back", code=error.code, answer_id=str(taken.answer_id))
                if not knowledge.quotes:
                    found = await self.knowledge_base.search(
                        taken.tenant_id,
                        agent_id=taken.agent_id,
                        query=taken.question,
                        groups=taken.groups,
                        quotes=MAX_QUOTES,
                    )
                    knowledge = found if found.has_answer else knowledge
                answer = extractive_answer(
                    taken.question, knowledge, warnings=[error.message], because=because
                )
        if closed is None:
            # What is told outside of hours the company has written itself.
            answer = harmless(answer, agent, knowledge)
        # Half a sentence of the model's cannot be taken back: what takes its place comes whole.
        if not draft.pieces:
            hear(answer.text)
        return answer


def _billed(
    answer: Answer, agent: AgentProfile, spent: Spending, abandoned: Sequence[str]
) -> Answer:
    """Return an answer with its agent's name and warnings, and what it cost."""
    if agent.model is not None:
        for text in abandoned:
            spent.note_abandoned(agent.model, text)
    return replace(
        answer,
        warnings=list(dict.fromkeys([*answer.warnings, *agent.warnings])),
        text=agent.behaviour.styled(answer.text),
        agent_name=agent.name,
        agent_version=agent.number,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        cost_micros=spent.cost_micros,
    )
