"""What may be asked."""

import re
import unicodedata
from typing import Final

from services.conversations.domain.answers import MAX_MESSAGE_CHARACTERS
from services.conversations.domain.errors import EmptyMessage, MessageTooLong

# Zero-width, bidirectional and tag characters: invisible to a person, not to a model.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)


def strip_invisible(text: str) -> str:
    """Remove characters that a reader cannot see but a model reads."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def storable_text(text: str) -> str:
    """Return a text without what PostgreSQL cannot keep: NUL, and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def checked_question(text: str) -> str:
    """Return the question as it is stored.

    Raises:
        EmptyMessage: There is nothing but blanks.
        MessageTooLong: More than `MAX_MESSAGE_CHARACTERS` characters.
    """
    # Measured before anything else is done with it: a huge text should cost nothing.
    if len(text) > MAX_MESSAGE_CHARACTERS:
        raise MessageTooLong(
            f"The message has {len(text)} characters; "
            f"{MAX_MESSAGE_CHARACTERS} is the most a message may have.",
            details={"max_characters": MAX_MESSAGE_CHARACTERS},
        )
    cleaned = storable_text(text).strip()
    if not cleaned or all(unicodedata.category(char) in {"Cf", "Zs", "Cc"} for char in cleaned):
        raise EmptyMessage
    return cleaned
