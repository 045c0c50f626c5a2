"""What the vector store is told about a passage."""

from collections.abc import Sequence

from services.documents.domain.ports import Passage


def text_to_embed(passage: Passage, *, title: str) -> str:
    """Return the passage below its title and headings, which its own words often leave out."""
    return "\n".join([" > ".join([title, *passage.heading_path]), passage.text])


def in_batches(passages: Sequence[Passage], size: int) -> list[Sequence[Passage]]:
    """Cut a list into runs of at most `size`."""
    return [passages[start : start + size] for start in range(0, len(passages), size)]
