"""Fixtures of the documents tests."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest
from redis.asyncio import Redis

from libs.common.database import Database
from libs.common.http.outbound import Outbound
from services.documents.adapters.parsing.pool import ProcessParser
from tests.conftest import OpenDatabase
from tests.documents.cast import (
    KnownAgents,
    MemoryBlobs,
    MemoryVectors,
    Tenant,
    new_agent_id,
)
from tests.documents.library import Library
from tests.documents.web import TRUSTING, Crawler, Site, serving


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


@pytest.fixture
async def page_reader() -> AsyncIterator[ProcessParser]:
    """The parser of documents and pages, in processes of its own."""
    async with ProcessParser(processes=1) as parser:
        yield parser


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    """The web, and this machine's own servers."""
    async with Outbound.open(TRUSTING, decompresses=False) as opened:
        yield opened


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A website without pages."""
    async with serving(Site()) as served:
        yield served


@pytest.fixture
def crawler(
    acme: Tenant,
    blobs: MemoryBlobs,
    agents: KnownAgents,
    page_reader: ProcessParser,
    redis: Redis,
    outbound: Outbound,
) -> Crawler:
    """The crawls of acme."""
    return Crawler(acme, blobs, agents, page_reader, redis, outbound)
