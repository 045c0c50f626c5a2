"""A conversation under way."""

import httpx
import pytest

from libs.common.resources import Resources
from services.conversations.workers.answering import Answering
from tests.conversations.cast import Company
from tests.conversations.dialogue import Dialogue, Json


@pytest.fixture
def dialogue(
    client: httpx.AsyncClient, resources: Resources, acme: Company, conversation_id: str
) -> Dialogue:
    """A conversation of acme's, in which nothing has been said."""
    return Dialogue(
        client=client, resources=resources, company=acme, conversation_id=conversation_id
    )


@pytest.fixture
async def answered(dialogue: Dialogue, worker: Answering) -> list[Json]:
    """A question of acme's and its answer."""
    await dialogue.answer()
    return await dialogue.messages()
