"""All that an answer's text passes on its way out, and what a company may set about it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.conversations.domain.knowledge import Passage
from services.conversations.domain.leaks import LeakGuard
from services.conversations.domain.outgoing import ListedLinks, OutgoingText

WITHHELD: Final = "I cannot share how I was set up. Ask me something about the documents."
WITHHELD_WARNING: Final = "The answer was withheld: it repeated the agent's instructions."

# What is addressed to a model rather than to a reader. It only reports: words that attack are also
# words that documents about attacks have.
_ADDRESSED_TO_MODELS: Final = re.compile(
    r"""
      \b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:instructions?|rules?|prompts?)\b
    | \b(?:system|developer)\s+(?:prompt|message)\b
    | \byou\s+are\s+now\b | \bnew\s+instructions?\b | \bdo\s+not\s+tell\s+the\s+user\b
    | <\|?\s*(?:im_start|system|assistant|endoftext) | \[/?INST\]
    | \b(?:reveal|repeat|print|output)\b[^.\n]{0,40}\b(?:instructions?|prompt|rules?)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrails:
    """What a company has set for its agents.

    Args:
        link_hosts: Hosts, with their subdomains, that answers may link to.
        mask_personal_data: Put placeholders in place of personal data before a model sees them.
        report_suspicions: Say which passages seem to be addressed to the model.
    """

    link_hosts: tuple[str, ...] = ()
    mask_personal_data: bool = False
    report_suspicions: bool = False

    def links(self, passages: Sequence[Passage]) -> ListedLinks:
        """Return the addresses that may stand in an answer from these passages."""
        return ListedLinks.of((passage.url for passage in passages), self.link_hosts)

    def suspicions(self, passages: Sequence[Passage]) -> list[str]:
        """Return a warning for each passage that seems to speak to the model."""
        if not self.report_suspicions:
            return []
        return [
            f"Source {passage.number} contains text that reads like instructions to the assistant."
            for passage in passages
            if _ADDRESSED_TO_MODELS.search(passage.text)
        ]


class Screen:
    """What a model writes passes here, piece by piece.

    Args:
        links: The addresses that stay.
        hidden: What the model was told and is not to tell.
        known: What it was shown, which it may repeat.
        restored: What placeholders stand for.
    """

    def __init__(
        self,
        links: ListedLinks,
        *,
        hidden: Sequence[str],
        known: Sequence[str],
        restored: Mapping[str, str] | None = None,
    ) -> None:
        self._outgoing = OutgoingText(links, restored)
        self._guard = LeakGuard(hidden, known=known)

    def feed(self, piece: str) -> str:
        """Take the next piece; returns what may go out by now.

        Raises:
            InstructionsLeaked: The answer repeats what is hidden.
        """
        return self._guard.feed(self._outgoing.feed(piece))

    def finish(self) -> str:
        """Return the rest once the text is whole.

        Raises:
            InstructionsLeaked: The answer repeats what is hidden.
        """
        return self._guard.feed(self._outgoing.finish()) + self._guard.finish()
