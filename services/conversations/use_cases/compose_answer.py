"""Making one answer: profile, passages, prompt, model; without a database connection."""

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from libs.common.errors import AppError
from libs.common.telemetry import get_logger, span
from services.conversations.domain.agents import AgentProfile, ChatModelSettings
from services.conversations.domain.answers import Answer, AnswerMode, TakenAnswer
from services.conversations.domain.citations import offered_sources, resolve_citations
from services.conversations.domain.errors import ModelFailed
from services.conversations.domain.extractive import MAX_QUOTES, extractive_answer, refusal
from services.conversations.domain.knowledge import Knowledge
from services.conversations.domain.leaks import InstructionsLeaked
from services.conversations.domain.masking import PersonalData
from services.conversations.domain.outgoing import cleaned
from services.conversations.domain.pages import PAGE, page_line
from services.conversations.domain.ports import Agents, ChatModels, KnowledgeBase
from services.conversations.domain.prompts import (
    RULES,
    ChatMessage,
    build_compact_prompt,
    build_prompt,
    fit_passages,
    remembered,
    says_unknown,
)
from services.conversations.domain.screening import WITHHELD, WITHHELD_WARNING, Screen
from services.conversations.domain.spending import Spending
from services.conversations.repositories.memory import ConversationMemory
from services.conversations.use_cases.afterwards import needs_memory

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

# What a marker looks like that the model had no time to finish.
_HALF_MARKER: Final = re.compile(r"\s*\[[^\]\n]{0,40}$")

Tell = Callable[[str], None]
LookedUp = tuple[AgentProfile, Knowledge]


@dataclass(slots=True)
class Draft:
    """How far an attempt has come, for when it is cut short."""

    agent: AgentProfile | None = None
    knowledge: Knowledge = field(default_factory=Knowledge)
    pieces: list[str] = field(default_factory=list)
    """The text as it was told."""
    asking: str = ""
    """The prompt that a model has been sent and not begun to answer."""
    spent: Spending = field(default_factory=Spending)


@dataclass(frozen=True, kw_only=True)
class ComposeAnswer:
    """Answer a question from the agent's documents; `tell` hears the text as it comes."""

    agents: Agents
    knowledge_base: KnowledgeBase
    models: ChatModels
    memory: ConversationMemory

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
        draft.agent, draft.knowledge = agent, knowledge
        answer = await self._answer(taken, agent, knowledge, tell, draft=draft)
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
        model = agent.model if agent is not None else None
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
                draft.knowledge = _fitting(knowledge, model, taken.max_context_tokens)
                messages = self._prompt(taken, draft.agent, model, draft.knowledge)
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

        if not knowledge.available or not knowledge.has_answer:
            answer = refusal(knowledge)
        elif agent.model is None:
            answer = extractive_answer(taken.question, knowledge, warnings=[NO_MODEL])
        else:
            try:
                return await self._generate(taken, agent, agent.model, knowledge, hear, draft=draft)
            except ModelFailed as error:
                draft.asking = ""
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
                    taken.question, knowledge, warnings=[error.message], because=MODEL_DOWN
                )
        answer = _harmless(answer, agent, knowledge)
        # Half a sentence of the model's cannot be taken back: what takes its place comes whole.
        if not draft.pieces:
            hear(answer.text)
        return answer

    async def _generate(
        self,
        taken: TakenAnswer,
        agent: AgentProfile,
        model: ChatModelSettings,
        knowledge: Knowledge,
        tell: Tell,
        *,
        draft: Draft,
    ) -> Answer:
        draft.knowledge = knowledge = _fitting(knowledge, model, taken.max_context_tokens)
        messages = self._prompt(taken, agent, model, knowledge)
        if not model.compact and needs_memory(taken):
            summary = await self.memory.summary(taken.tenant_id, taken.conversation_id)
            if summary is not None:
                messages.insert(1, remembered(summary.text))
        personal = PersonalData()
        if agent.guardrails.mask_personal_data:
            messages = [
                {**message, "content": personal.mask(message["content"])} for message in messages
            ]
        options = {name: value for name, value in taken.options.items() if name != PAGE}
        if model.compact:
            options = {"temperature": 0, "max_tokens": _COMPACT_MAX_TOKENS, **options}
        screen = Screen(
            agent.guardrails.links(knowledge.passages),
            hidden=() if model.compact else (agent.instructions, RULES),
            known=(taken.question, *(passage.text for passage in knowledge.passages)),
            restored=personal.restored,
        )
        said: list[str] = []
        pieces: list[str] = []

        def show(piece: str) -> None:
            if piece:
                pieces.append(piece)
                tell(piece)

        prompt = "".join(message["content"] for message in messages)
        draft.asking = prompt
        try:
            async with self.models.stream(model, messages, options=options) as reply:
                try:
                    async for piece in reply:
                        said.append(piece)
                        show(screen.feed(piece))
                finally:
                    # Half an answer that is cut off is paid for, too.
                    draft.asking = ""
                    draft.spent.note(
                        model,
                        prompt=prompt,
                        text="".join(said),
                        prompt_tokens=reply.prompt_tokens,
                        completion_tokens=reply.completion_tokens,
                    )
            show(screen.finish())
        except InstructionsLeaked:
            log.warning("answer_withheld", answer_id=str(taken.answer_id))
            return Answer(
                text=WITHHELD,
                mode=AnswerMode.REFUSED,
                warnings=[WITHHELD_WARNING, *knowledge.warnings],
                model=model.model,
                provider=model.provider,
            )
        text = "".join(pieces)
        if not text.strip():
            raise ModelFailed("The language model answered with nothing that can be shown.")
        cited = resolve_citations(text, knowledge.passages, bare_markers=model.compact)
        unknown = says_unknown(cited.text) and not cited.citations
        if model.compact and not unknown and cited.support < _MIN_COMPACT_SUPPORT:
            quoted = extractive_answer(taken.question, knowledge, warnings=[_UNSUPPORTED])
            return _harmless(quoted, agent, knowledge)
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


def _harmless(answer: Answer, agent: AgentProfile, knowledge: Knowledge) -> Answer:
    """Return an answer in quotes as it may go out: documents can be anybody's."""
    links = agent.guardrails.links(knowledge.passages)
    return replace(answer, text=cleaned(answer.text, links))


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
        agent_name=agent.name,
        agent_version=agent.number,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        cost_micros=spent.cost_micros,
    )
