"""Plain text: paragraphs are what empty lines part."""

import re
from typing import Final

from services.documents.adapters.parsing.charsets import decode
from services.documents.adapters.parsing.layout import Layout

_PARAGRAPHS: Final = re.compile(r"\n[^\S\n]*\n")


def read_text(content: bytes) -> Layout:
    """Read a text file."""
    text, warning = decode(content)
    layout = Layout("txt", "text/plain")
    if warning:
        layout.warnings.append(warning)
    for paragraph in _PARAGRAPHS.split(text.replace("\r\n", "\n").replace("\f", "\n\n")):
        layout.add(paragraph)
    return layout
