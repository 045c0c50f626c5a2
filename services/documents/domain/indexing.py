"""What the vector store is told about a passage."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from services.documents.domain.ports import Passage, VectorPoint, Vectors, passage_id


class Filed(Protocol):
    """What a vector tells of the document that its passage is from."""

    id: UUID
    agent_id: UUID
    groups: list[UUID]


def text_to_embed(passage: Passage, *, title: str) -> str:
    """Return the passage below its title and headings, which its own words often leave out."""
    return "\n".join([" > ".join([title, *passage.heading_path]), passage.text])


def in_batches(passages: Sequence[Passage], size: int) -> list[Sequence[Passage]]:
    """Cut a list into runs of at most `size`."""
    return [passages[start : start + size] for start in range(0, len(passages), size)]


def points_of(
    tenant_id: UUID,
    document: Filed,
    passages: Sequence[Passage],
    texts: Sequence[str],
    vectors: Vectors,
    *,
    version: int,
    terms: Callable[[str], dict[str, int]],
) -> list[VectorPoint]:
    """Return what the vector store keeps of passages.

    Args:
        tenant_id: Whose.
        document: Where the passages are from.
        passages: (n).
        texts: (n), what was embedded of each.
        vectors: (n, dimension).
        version: Of the document.
        terms: Gives the terms of a text.
    """
    return [
        VectorPoint(
            id=passage_id(tenant_id, document.id, version=version, position=passage.position),
            document_id=document.id,
            document_version=version,
            agent_id=document.agent_id,
            position=passage.position,
            vector=vector,
            terms=terms(text),
            groups=tuple(document.groups),
        )
        for passage, text, vector in zip(passages, texts, vectors, strict=True)
    ]
