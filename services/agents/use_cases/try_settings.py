"""Ask the chat model of some settings a question, to see whether they work."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.agents.domain.changes import SettingsChange
from services.agents.domain.errors import (
    ModelTestRefused,
    ModelTestUnanswered,
    SettingsNotFound,
)
from services.agents.domain.probing import ProbeResult
from services.agents.domain.profiles import LOCAL_PROVIDER, ChatCall, ModelCall, Source
from services.agents.repositories.unit_of_work import OpenUnitOfWork
from services.agents.use_cases.get_profile import chat_call
from services.agents.use_cases.settings_editing import SettingsEditor
from services.agents.use_cases.settings_views import SettingsView, view_settings

QUESTION = "Reply with the single word: ready"


class AskModel(Protocol):
    """Puts one question to a model and tells how it went."""

    async def ask(self, call: ChatCall, question: str) -> ProbeResult:
        """Never raises for what the other side does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsTrial:
    """A test that went well; no result when the settings mean answers in quotes."""

    view: SettingsView
    call: ChatCall | None
    result: ProbeResult | None


@dataclass(frozen=True, kw_only=True)
class TrySettings:
    """Call the model as an agent would, with changes that are tried and not kept."""

    unit_of_work: OpenUnitOfWork
    editor: SettingsEditor
    probe: AskModel
    platform: ModelCall | None

    async def __call__(self, settings_id: UUID, overrides: SettingsChange) -> SettingsTrial:
        """Ask.

        Raises:
            SettingsNotFound: There are none with this id.
            ModelTestRefused: The model cannot be called this way; the message has the cause.
            ModelTestUnanswered: The provider is out of reach or in trouble.
        """
        overrides.pop("is_default", None)
        async with self.unit_of_work() as uow:
            row = await uow.settings.get(settings_id)
            if row is None:
                raise SettingsNotFound
            # Nothing of this is kept: outside the session the row is only an object.
            uow.session.expunge(row)
            notes = await self.editor.apply(uow, row, overrides)
            (view,) = await view_settings(uow, [row], platform=self.platform, notes=notes)
        chosen_elsewhere = view.llm_provider.name != LOCAL_PROVIDER
        if chosen_elsewhere and view.chat.source is not Source.OWN:
            raise ModelTestRefused(view.chat.warning, details={"latency_ms": 0})
        call = chat_call(view, cipher=self.editor.cipher, platform=self.platform)
        if call is None:
            return SettingsTrial(view=view, call=None, result=None)
        result = await self.probe.ask(call, QUESTION)
        if not result.ok:
            error = ModelTestRefused if result.is_refusal else ModelTestUnanswered
            raise error(
                result.cause,
                details={
                    "provider": call.provider,
                    "model": call.model,
                    "latency_ms": result.latency_ms,
                    "provider_status": result.status,
                },
            )
        return SettingsTrial(view=view, call=call, result=result)
