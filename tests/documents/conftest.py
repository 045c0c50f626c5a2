"""Fixtures of the documents tests."""

from collections.abc import Callable
from uuid import UUID

import pytest

from libs.common.database import Database
from tests.conftest import OpenDatabase
from tests.documents.cast import (
    KnownAgents,
    MemoryBlobs,
    MemoryVectors,
    Tenant,
    new_agent_id,
)
from tests.documents.library import Library


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    """The migrated database of documents."""
    return await open_database("documents")


@pytest.fixture
def acme(database: Database, make_tenant: Callable[[], UUID]) -> Tenant:
    """The company whose eyes we look through."""
    return Tenant(make_tenant(), new_agent_id(), database)


@pytest.fixture
def globex(database: Database, make_tenant: Callable[[], UUID]) -> Tenant:
    """The other company."""
    return Tenant(make_tenant(), new_agent_id(), database)


@pytest.fixture
def agents(acme: Tenant, globex: Tenant) -> KnownAgents:
    """An agents service that knows both companies' agents."""
    return KnownAgents(acme, globex)


@pytest.fixture
def blobs() -> MemoryBlobs:
    """An empty blob store."""
    return MemoryBlobs()


@pytest.fixture
def vectors() -> MemoryVectors:
    """An empty vector store."""
    return MemoryVectors()


@pytest.fixture
def library(
    acme: Tenant,
    blobs: MemoryBlobs,
    agents: KnownAgents,
    vectors: MemoryVectors,
) -> Library:
    """The use cases of acme."""
    return Library(acme, blobs, agents, vectors)


@pytest.fixture
def other_library(
    globex: Tenant,
    blobs: MemoryBlobs,
    agents: KnownAgents,
    vectors: MemoryVectors,
) -> Library:
    """The use cases of globex, over the same stores."""
    return Library(globex, blobs, agents, vectors)
