"""`ops documents`: what an operator sees, and the exit codes."""

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from libs.common.database import Database
from libs.common.testing.databases import ServiceUrls
from ops import documents, spaces
from ops.errors import OpsError
from services.documents.domain.documents import Status
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork
from tests.conftest import DatabaseUrls, ServiceEnvironment
from tests.documents.cast import make_document


@pytest.fixture
def urls(
    service_environment: ServiceEnvironment,
    fresh_database_urls: DatabaseUrls,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> ServiceUrls:
    """A documents service's environment, with a database of its own."""
    urls = fresh_database_urls("documents")
    for name, value in service_environment("documents").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PRIMARY_DB_URL", urls.primary)
    monkeypatch.setenv("WORKER_DB_URL", urls.worker)
    monkeypatch.setenv("OBJECT_STORE_URL", f"file://{tmp_path}")
    monkeypatch.setenv("EMBEDDING_BASE_URL", "http://127.0.0.1:9/v1")
    return urls


def forget_a_document(urls: ServiceUrls) -> tuple[UUID, UUID]:
    """Leave a document that waits, without a job and without its file."""
    tenant_id = uuid4()
    document = make_document(uuid4(), status=Status.PENDING)

    async def add() -> None:
        database = Database(urls.primary, service="documents")
        async with DocumentsUnitOfWork(database, tenant_id) as uow:
            uow.documents.add(document)
        await database.close()

    asyncio.run(add())
    return tenant_id, document.id


class TestReconcile:
    def test_all_is_well_where_there_is_nothing(
        self, urls: ServiceUrls, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert documents.reconcile(None, repair=False, after=None) == 0
        assert "agree" in capsys.readouterr().out

    def test_tells_mends_and_says_what_is_left(
        self, urls: ServiceUrls, capsys: pytest.CaptureFixture[str]
    ) -> None:
        tenant_id, document_id = forget_a_document(urls)

        assert documents.reconcile(None, repair=False, after=None) == 1
        told = capsys.readouterr().out
        assert f"{tenant_id} {document_id}: it waits, and no job will come for it (left)" in told
        assert "its file is missing" in told

        assert documents.reconcile(str(tenant_id), repair=True, after=None) == 1
        told = capsys.readouterr().out
        assert "no job will come for it (queued)" in told
        assert "2 disagreements, 1 left." in told

    def test_goes_on_after_a_tenant(
        self, urls: ServiceUrls, capsys: pytest.CaptureFixture[str]
    ) -> None:
        first, second = sorted(forget_a_document(urls) for _ in range(2))

        documents.reconcile(None, repair=False, after=str(first[0]))

        told = capsys.readouterr().out
        assert str(second[0]) in told
        assert str(first[0]) not in told

    def test_an_id_that_is_none(self) -> None:
        with pytest.raises(OpsError, match="not the id of a tenant"):
            documents.reconcile("acme", repair=False, after=None)


class TestRebuild:
    def test_says_how_much_is_queued(
        self, urls: ServiceUrls, capsys: pytest.CaptureFixture[str]
    ) -> None:
        forget_a_document(urls)

        documents.rebuild(None, after=None)

        assert "0 documents are queued" in capsys.readouterr().out


class TestSpaces:
    def test_there_is_one_space_without_a_second_model(self, urls: ServiceUrls) -> None:
        with pytest.raises(OpsError, match="NEXT_EMBEDDING_MODEL is not set"):
            spaces.status(None, after=None)

    def test_a_tenant_moves_on_and_back(
        self,
        urls: ServiceUrls,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("NEXT_EMBEDDING_MODEL", "better")
        monkeypatch.setenv("NEXT_EMBEDDING_DIMENSION", "512")
        tenant = str(uuid4())

        spaces.fill(tenant, after=None)
        assert "0 documents queued" in capsys.readouterr().out
        assert spaces.flip(tenant, after=None, back=False) == 0
        assert f"{tenant}: better/512 is live" in capsys.readouterr().out
        assert spaces.flip(tenant, after=None, back=True) == 0
        assert spaces.status(tenant, after=None) == 0
        assert "bge-small-en-v1.5/384 is live, 0 of 0" in capsys.readouterr().out
        assert spaces.drop(tenant, after=None, back=False) == 1
        assert "searched still" in capsys.readouterr().out
        assert spaces.drop(tenant, after=None, back=True) == 1
        assert "searched a moment ago" in capsys.readouterr().out

    def test_questions_belong_to_an_agent(
        self, urls: ServiceUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = tmp_path / "questions.jsonl"
        asked.write_text("nonsense")
        for agent, said in ((None, "--agent"), (str(uuid4()), "has no questions")):
            with pytest.raises(OpsError, match=said):
                spaces.evaluate(
                    str(uuid4()),
                    after=None,
                    sample=5,
                    tolerance=0,
                    questions=asked,
                    agent=agent,
                )
