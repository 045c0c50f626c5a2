"""What the widget's test page is made of."""

from uuid import UUID

from services.agents.schemas.common import Input


class PreviewIn(Input):
    """HTML to show, and whose widget to put on it."""

    body: str = ""
    agent_id: UUID | None = None
