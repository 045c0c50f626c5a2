"""Making one answer: profile, passages, prompt, model; without a database connection."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from libs.common.telemetry import get_logger, span
from services.conversations.domain.agents import AgentProfile, ChatModelSettings
from services.conversations.domain.answers import Answer, AnswerMode, TakenAnswer
from services.conversations.domain.citations import offered_sources, resolve_citations
from services.conversations.domain.errors import BudgetExhausted, ModelFailed, OverBudget
from services.conversations.domain.extractive import MAX_QUOTES, extractive_answer, refusal
from services.conversations.domain.knowledge import Knowledge
from services.conversations.domain.pages import PAGE, page_line
from services.conversations.domain.ports import Agents, Budgets, ChatModels, KnowledgeBase
from services.conversations.domain.prompts import (
    ChatMessage,
    build_compact_prompt,
    build_general_prompt,
    build_prompt,
    fit_passages,
    says_unknown,
)
from services.conversations.domain.spending import Spending
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
FROM_GENERAL_KNOWLEDGE: Final = (
    "The following is general knowledge of the language model, not from the documents."
)
_UNSUPPORTED: Final = (
    "What the language model wrote is not in the documents, so the answer consists of quotes."
)
# A small model sometimes answers from the examples in its prompt.
_MIN_COMPACT_SUPPORT: Final = 0.5
_COMPACT_MAX_TOKENS: Final = 100

Tell = Callable[[str], None]
LookedUp = tuple[AgentProfile, Knowledge]


@dataclass(frozen=True, kw_only=True)
class ComposeAnswer:
    """Answer a question from the agent's documents; `tell` hears the text as it comes."""

    agents: Agents
    knowledge_base: KnowledgeBase
    models: ChatModels
    budgets: Budgets
    fallback_seconds: float = 15

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
            looked_up or self.look_up(taken.tenant_id, taken.agent_id, taken.question)
        )
        agent = found.for_conversation(taken.conversation_id)
        draft = draft or Draft()
        draft.agent, draft.knowledge = agent, knowledge
        draft.purse = Purse(
            budgets=self.budgets,
            tenant_id=taken.tenant_id,
            answer_id=taken.answer_id,
            agent_id=taken.agent_id,
            rules=found.budgets,
        )
        try:
            answer = await self._answer(taken, agent, knowledge, tell, draft=draft)
        finally:
            await draft.settle()
        return _billed(answer, agent, draft.spent, abandoned)

    async def look_up(self, tenant_id: UUID, agent_id: UUID, question: str) -> LookedUp:
        """Return the agent, and what its documents say to a question.

        Raises:
            AgentNotFound: The agent has been deleted.
            Unavailable: The agents service is out of reach.
        """
        with span("look_up"):
            agent = await self.agents.profile(tenant_id, agent_id)
            # Judging sentences costs the reranker time: only those ask for quotes who use them.
            quotes = MAX_QUOTES if agent.wants_quotes else 0
            knowledge = await self.knowledge_base.search(
                tenant_id, agent_id=agent_id, query=question, quotes=quotes
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
                    return await self._from_general(taken, agent, hear, draft=draft)
                draft.asking = ""
        elif not agent.models:
            answer = extractive_answer(taken.question, knowledge, warnings=[NO_MODEL])
        else:
            try:
                answer = await self._ask_in_turn(taken, agent, knowledge, hear, draft=draft)
                if answer.mode is AnswerMode.REFUSED and agent.may_use_general_knowledge:
                    with suppress(ModelFailed):
                        general = await self._from_general(taken, agent, hear, draft=draft)
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
                        quotes=MAX_QUOTES,
                    )
                    knowledge = found if found.has_answer else knowledge
                answer = extractive_answer(
                    taken.question, knowledge, warnings=[error.message], because=because
                )
        # Half a sentence of the model's cannot be taken back: what takes its place comes whole.
        if not draft.pieces:
            hear(answer.text)
        return answer

    async def _ask_in_turn(
        self,
        taken: TakenAnswer,
        agent: AgentProfile,
        knowledge: Knowledge,
        tell: Tell,
        *,
        draft: Draft,
    ) -> Answer:
        """Ask the agent's models in turn, as long as none has said a word.

        Raises:
            ModelFailed: Of the last one that was asked.
        """
        told = len(draft.pieces)
        last = agent.models[-1]
        for model in agent.models:
            patience = None if model is last else self.fallback_seconds
            try:
                answer = await self._generate(
                    taken, agent, model, knowledge, tell, draft=draft, patience_seconds=patience
                )
            except ModelFailed as error:
                draft.asking = ""
                if model is last or len(draft.pieces) > told:
                    raise
                log.warning("model_falls_back", code=error.code, answer_id=str(taken.answer_id))
                continue
            if model is agent.models[0]:
                return answer
            note = f"{agent.models[0].model} gave no answer, so this one is by {model.model}."
            return replace(answer, warnings=[*answer.warnings, note])
        raise AssertionError("the last model answers or fails")

    async def _from_general(
        self, taken: TakenAnswer, agent: AgentProfile, tell: Tell, *, draft: Draft
    ) -> Answer:
        """Answer without documents, and say so before the first word.

        Raises:
            ModelFailed: No model answered.
        """
        begun = False

        def hear(piece: str) -> None:
            nonlocal begun
            if not begun:
                begun = True
                gap = "\n\n" if draft.pieces else ""
                tell(f"{gap}{FROM_GENERAL_KNOWLEDGE}\n\n")
            tell(piece)

        answer = await self._ask_in_turn(taken, agent, Knowledge(), hear, draft=draft)
        return replace(
            answer,
            text=f"{FROM_GENERAL_KNOWLEDGE}\n\n{answer.text}",
            citation_warnings=(),
            warnings=[*answer.warnings, FROM_GENERAL_KNOWLEDGE],
            general_knowledge=True,
        )

    async def _generate(
        self,
        taken: TakenAnswer,
        agent: AgentProfile,
        model: ChatModelSettings,
        knowledge: Knowledge,
        tell: Tell,
        *,
        draft: Draft,
        patience_seconds: float | None = None,
    ) -> Answer:
        draft.model = model
        draft.knowledge = knowledge = _fitting(knowledge, model, taken.max_context_tokens)
        messages = self._prompt(taken, agent, model, knowledge)
        options = {name: value for name, value in taken.options.items() if name != PAGE}
        if model.compact:
            options = {"temperature": 0, "max_tokens": _COMPACT_MAX_TOKENS, **options}
        elif agent.behaviour.max_words is not None:
            options = {"max_tokens": agent.behaviour.max_tokens(model.max_tokens), **options}
        if draft.purse is not None:
            options = await draft.purse.hold(model, messages, options)
        pieces: list[str] = []
        prompt = "".join(message["content"] for message in messages)
        draft.asking = prompt
        async with self.models.stream(
            model,
            messages,
            options=options,
            agent_id=taken.agent_id,
            patience_seconds=patience_seconds,
        ) as reply:
            try:
                async for piece in reply:
                    pieces.append(piece)
                    tell(piece)
            finally:
                # Half an answer that is cut off is paid for, too.
                draft.asking = ""
                draft.spent.note(
                    model,
                    prompt=prompt,
                    text="".join(pieces),
                    prompt_tokens=reply.prompt_tokens,
                    completion_tokens=reply.completion_tokens,
                )
        text = "".join(pieces)
        if not text.strip():
            raise ModelFailed("The language model answered with nothing.")
        cited = resolve_citations(text, knowledge.passages, bare_markers=model.compact)
        unknown = says_unknown(cited.text) and not cited.citations
        if model.compact and not unknown and cited.support < _MIN_COMPACT_SUPPORT:
            return extractive_answer(taken.question, knowledge, warnings=[_UNSUPPORTED])
        return Answer(
            text=cited.text,
            mode=AnswerMode.REFUSED if unknown else AnswerMode.GENERATED,
            citations=cited.citations,
            sources=offered_sources(knowledge.passages, cited.citations),
            citation_warnings=() if unknown else cited.warnings,
            warnings=knowledge.warnings,
            model=model.model,
            provider=model.provider,
        )

    def _prompt(
        self,
        taken: TakenAnswer,
        agent: AgentProfile,
        model: ChatModelSettings,
        knowledge: Knowledge,
    ) -> list[ChatMessage]:
        if not knowledge.passages and agent.may_use_general_knowledge:
            return build_general_prompt(
                taken.question, agent=agent, history=taken.history, budget=taken.max_context_tokens
            )
        if model.compact:
            return build_compact_prompt(taken.question, knowledge=knowledge)
        return build_prompt(
            taken.question,
            agent=agent,
            knowledge=knowledge,
            history=taken.history,
            budget=taken.max_context_tokens,
            page=page_line(taken.options),
        )


def _fitting(knowledge: Knowledge, model: ChatModelSettings, budget: int) -> Knowledge:
    """Return what of the passages fits into the prompt: the rest cannot be cited."""
    if model.compact:
        return knowledge
    return replace(knowledge, passages=fit_passages(knowledge.passages, budget=budget))


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
