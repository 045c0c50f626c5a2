"""Documents follow their agents into other embedding spaces."""

from uuid import UUID

from services.documents.domain.documents import Status
from services.documents.domain.ports import AgentKnowledge, EmbeddingChoice
from services.documents.use_cases.reindex_agents import ReindexAgents
from tests.documents.cast import KnownAgents, Tenant, WordEmbedder
from tests.documents.library import Library

OTHER = EmbeddingChoice(
    provider="openai", model="other", dimension=384, base_url="http://x/v1", api_key=None
)


def reindex(tenant: Tenant, library: Library, agents: KnownAgents) -> ReindexAgents:
    """Return the use case; an agent that chooses a model has another space."""
    other = WordEmbedder(model="other")
    return ReindexAgents(
        tenant_id=tenant.id,
        unit_of_work=tenant.unit_of_work,
        agents=agents,
        embedder_for=lambda choice: other if choice else library.embedder,
    )


class TestReindexAgents:
    async def test_leaves_other_tenants_documents_alone(
        self, library: Library, globex: Tenant
    ) -> None:
        document = await library.add_indexed("Returns take thirty days.")
        agents = KnownAgents(globex, library.tenant)
        agents.embedding = OTHER

        assert await reindex(globex, library, agents)(None) == 0
        assert await reindex(globex, library, agents)(library.tenant.agent_id) == 0
        assert (await library.tenant.get(document.id)).status == Status.PROCESSED

    async def test_queues_what_lies_in_the_old_space(self, library: Library) -> None:
        document = await library.add_indexed("Returns take thirty days.")
        use = reindex(library.tenant, library, library.agents)

        assert await use(None) == 0
        library.agents.embedding = OTHER
        assert await use(library.tenant.agent_id) == 1
        assert await use(library.tenant.agent_id) == 0

        queued = await library.tenant.get(document.id)
        assert (queued.status, queued.version) == (Status.PENDING, 2)
        assert await library.found("Returns") == []

    async def test_does_not_trust_what_it_knew(self, library: Library) -> None:
        await library.add_indexed("Returns take thirty days.")
        agents = Forgetful(library.tenant)

        assert await reindex(library.tenant, library, agents)(None) == 1


class Forgetful(KnownAgents):
    """Remembers the old model unless asked for the present."""

    async def find(self, tenant_id: UUID, agent_id: UUID, *, fresh: bool = False) -> AgentKnowledge:
        self.embedding = OTHER if fresh else None
        return await super().find(tenant_id, agent_id)
