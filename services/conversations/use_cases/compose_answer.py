"""Making one answer: profile, passages, prompt, model; without a database connection."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from libs.common.telemetry import get_logger, span
from services.conversations.domain.agents import AgentProfile, ChatModelSettings
from services.conversations.domain.answers import Answer, AnswerMode, TakenAnswer
from services.conversations.domain.citations import offered_sources, resolve_citations
from services.conversations.domain.errors import ModelFailed
from services.conversations.domain.extractive import MAX_QUOTES, extractive_answer, refusal
from services.conversations.domain.knowledge import Knowledge
from services.conversations.domain.pages import PAGE, page_line
from services.conversations.domain.ports import Agents, ChatModels, KnowledgeBase
from services.conversations.domain.prompts import (
    ChatMessage,
    build_compact_prompt,
    build_prompt,
    fit_passages,
    says_unknown,
)
from services.conversations.domain.spending import Spending

log = get_logger(__name__)

NO_MODEL: Final = "This agent has no chat model, so the answer consists of quotes."
MODEL_DOWN: Final = (
    "The language model is out of reach at the moment; these passages answer the question best:"
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

    async def __call__(
        self,
        taken: TakenAnswer,
        tell: Tell,
        *,
        abandoned: Sequence[str] = (),
        looked_up: Awaitable[LookedUp] | None = None,
    ) -> Answer:
        """Return the finished answer.

        Args:
            taken: What is asked.
            tell: Hears the text as it comes.
            abandoned: What earlier attempts had written before their workers died.
            looked_up: The result of `look_up`, where that was begun before.

        Raises:
            AgentNotFound: The agent has been deleted.
            Unavailable: The agents service is out of reach.
        """
        found, knowledge = await (
            looked_up or self.look_up(taken.tenant_id, taken.agent_id, taken.question)
        )
        agent = found.for_conversation(taken.conversation_id)
        model = agent.model
        spent = Spending()
        answer = await self._answer(taken, agent, knowledge, tell, spent=spent)
        if model is not None:
            for text in abandoned:
                spent.note_abandoned(model, text)
        return replace(
            answer,
            warnings=list(dict.fromkeys([*answer.warnings, *agent.warnings])),
            agent_name=agent.name,
            agent_version=agent.number,
            prompt_tokens=spent.prompt_tokens,
            completion_tokens=spent.completion_tokens,
            cost_micros=spent.cost_micros,
        )

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
        spent: Spending,
    ) -> Answer:
        begun = False

        def hear(piece: str) -> None:
            nonlocal begun
            begun = True
            tell(piece)

        if not knowledge.available or not knowledge.has_answer:
            answer = refusal(knowledge)
        elif agent.model is None:
            answer = extractive_answer(taken.question, knowledge, warnings=[NO_MODEL])
        else:
            try:
                return await self._generate(taken, agent, agent.model, knowledge, hear, spent=spent)
            except ModelFailed as error:
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
                    taken.question, knowledge, warnings=[error.message], because=MODEL_DOWN
                )
        # Half a sentence of the model's cannot be taken back: what takes its place comes whole.
        if not begun:
            tell(answer.text)
        return answer

    async def _generate(
        self,
        taken: TakenAnswer,
        agent: AgentProfile,
        model: ChatModelSettings,
        knowledge: Knowledge,
        tell: Tell,
        *,
        spent: Spending,
    ) -> Answer:
        if not model.compact:
            # What does not fit into the prompt cannot be cited.
            shown = fit_passages(knowledge.passages, budget=taken.max_context_tokens)
            knowledge = replace(knowledge, passages=shown)
        messages = self._prompt(taken, agent, model, knowledge)
        options = {name: value for name, value in taken.options.items() if name != PAGE}
        if model.compact:
            options = {"temperature": 0, "max_tokens": _COMPACT_MAX_TOKENS, **options}
        pieces: list[str] = []
        async with self.models.stream(model, messages, options=options) as reply:
            try:
                async for piece in reply:
                    pieces.append(piece)
                    tell(piece)
            finally:
                # Half an answer that is cut off is paid for, too.
                spent.note(
                    model,
                    prompt="".join(message["content"] for message in messages),
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
