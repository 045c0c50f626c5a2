"""Asking an agent's chat models, and what their words pass on the way out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from libs.common.telemetry import get_logger
from services.conversations.domain.agents import AgentProfile, ChatModelSettings
from services.conversations.domain.answers import Answer, AnswerMode, TakenAnswer
from services.conversations.domain.citations import offered_sources, resolve_citations
from services.conversations.domain.errors import ModelFailed, ModelTimedOut
from services.conversations.domain.extractive import extractive_answer
from services.conversations.domain.knowledge import Knowledge
from services.conversations.domain.leaks import InstructionsLeaked
from services.conversations.domain.masking import PersonalData
from services.conversations.domain.outgoing import cleaned
from services.conversations.domain.pages import PAGE, page_line
from services.conversations.domain.ports import ChatModels
from services.conversations.domain.prompts import (
    ChatMessage,
    build_compact_prompt,
    build_general_prompt,
    build_prompt,
    fit_passages,
    hidden_texts,
    remembered,
    says_unknown,
)
from services.conversations.domain.screening import WITHHELD, WITHHELD_WARNING, Screen
from services.conversations.repositories.memory import ConversationMemory
from services.conversations.use_cases.afterwards import needs_memory
from services.conversations.use_cases.draft import Draft

log = get_logger(__name__)

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


@dataclass(frozen=True, kw_only=True)
class AskModels:
    """Have a model write an answer; `tell` hears what may go out, as it comes."""

    models: ChatModels
    memory: ConversationMemory
    fallback_seconds: float = 15

    async def __call__(
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
                # Who was sent a prompt and left waiting has read it all the same.
                draft.unanswered(paid=isinstance(error, ModelTimedOut))
                if model is last or len(draft.pieces) > told:
                    raise
                log.warning("model_falls_back", code=error.code, answer_id=str(taken.answer_id))
                continue
            if model is agent.models[0]:
                return answer
            note = f"{agent.models[0].model} gave no answer, so this one is by {model.model}."
            return replace(answer, warnings=[*answer.warnings, note])
        raise AssertionError("the last model answers or fails")

    async def from_general(
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

        answer = await self(taken, agent, Knowledge(), hear, draft=draft)
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
        draft.knowledge = knowledge = fitting(knowledge, model, taken.max_context_tokens)
        messages = prompt_for(taken, agent, model, knowledge)
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
        elif agent.behaviour.max_words is not None:
            options = {"max_tokens": agent.behaviour.max_tokens(model.most_tokens), **options}
        screen = Screen(
            agent.guardrails.links(knowledge.passages),
            hidden=() if model.compact else hidden_texts(agent),
            known=(taken.question, *(passage.text for passage in knowledge.passages)),
            restored=personal.restored,
        )
        if draft.purse is not None:
            # What an earlier call has left comes back first.
            await draft.settle()
            options = await draft.purse.hold(model, messages, options)
        said: list[str] = []
        pieces: list[str] = []

        def show(piece: str) -> None:
            if piece:
                pieces.append(piece)
                tell(piece)

        prompt = "".join(message["content"] for message in messages)
        draft.asking = prompt
        try:
            async with self.models.stream(
                model,
                messages,
                options=options,
                agent_id=taken.agent_id,
                patience_seconds=patience_seconds,
            ) as reply:
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
            return harmless(quoted, agent, knowledge)
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


def prompt_for(
    taken: TakenAnswer,
    agent: AgentProfile,
    model: ChatModelSettings,
    knowledge: Knowledge,
) -> list[ChatMessage]:
    """Return the messages that one model is asked with."""
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


def harmless(answer: Answer, agent: AgentProfile, knowledge: Knowledge) -> Answer:
    """Return an answer in quotes as it may go out: documents can be anybody's."""
    links = agent.guardrails.links(knowledge.passages)
    return replace(answer, text=cleaned(answer.text, links))


def fitting(knowledge: Knowledge, model: ChatModelSettings, budget: int) -> Knowledge:
    """Return what of the passages fits into the prompt: the rest cannot be cited."""
    if model.compact:
        return knowledge
    return replace(knowledge, passages=fit_passages(knowledge.passages, budget=budget))
