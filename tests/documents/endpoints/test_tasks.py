import httpx
import pytest

from libs.common.ids import new_task_id
from tests.documents.endpoints.conftest import Company

TEXT = b"# Returns\nReturns are accepted for thirty days after delivery.\n"


async def upload(company: Company, content: bytes = TEXT) -> dict[str, str]:
    reply = (await company.upload(("handbook.md", content))).json()
    return {"task": reply["task_id"], "document": reply["documents"][0]["id"]}


def path_of(ids: dict[str, str]) -> str:
    return f"/api/v1/tasks/{ids['task']}/status"


class TestGetTaskStatus:
    async def test_anybody_may_poll_who_has_the_id(
        self, client: httpx.AsyncClient, company: Company
    ) -> None:
        ids = await upload(company)

        reply = await client.get(path_of(ids))

        assert reply.status_code == 200
        assert reply.headers["cache-control"] == "no-store"
        body = reply.json()
        assert (body["status"], body["state"]) == ("pending", "PENDING")
        assert body["task_id"] == ids["task"]
        assert body["jobs_ahead"] == 0
        assert "error" not in body
        assert "errors" not in body

    async def test_another_companys_credentials_see_nothing(
        self, client: httpx.AsyncClient, company: Company, other_company: Company
    ) -> None:
        ids = await upload(company)

        foreign = await client.get(path_of(ids), headers=other_company.headers)
        unknown = await client.get(f"/api/v1/tasks/{new_task_id('documents')}/status")

        assert (foreign.status_code, unknown.status_code) == (404, 404)
        assert foreign.json()["message"] == unknown.json()["message"]
        assert (await client.get(path_of(ids), headers=company.headers)).is_success
        bad = {"authorization": "Bearer nonsense"}
        assert (await client.get(path_of(ids), headers=bad)).is_success

    async def test_a_finished_task_repeats_its_result(
        self, client: httpx.AsyncClient, company: Company
    ) -> None:
        ids = await upload(company)
        await company.index(ids["document"])

        body = (await client.get(path_of(ids))).json()

        assert (body["status"], body["state"], body["progress"]) == ("completed", "SUCCESS", 100)
        assert body["result"]["document"]["id"] == body["document"]["id"] == ids["document"]
        assert body["completed_at"]
        assert "error" not in body

    @pytest.mark.parametrize("deleted", [True, False])
    async def test_a_failed_task_says_why(
        self, client: httpx.AsyncClient, company: Company, deleted: bool
    ) -> None:
        ids = await upload(company, content=TEXT if deleted else b"%locked")
        if deleted:
            await company.request("DELETE", f"/document/{ids['document']}")
        else:
            await company.index(ids["document"])

        body = (await client.get(path_of(ids))).json()

        assert (body["status"], body["state"]) == ("failed", "FAILURE")
        assert isinstance(body["error"], str)
        assert ("deleted" if deleted else "password") in body["error"]

    async def test_nonsense_is_no_task(self, client: httpx.AsyncClient) -> None:
        reply = await client.get("/api/v1/tasks/nonsense/status")

        assert reply.status_code in (400, 404, 422)
