"""The published Python SDK, unmodified, does the platform's main job through the gateway."""

from pathlib import Path
from uuid import uuid4

import pytest
import requests

from tests.documents.adapters.parsing.files import make_docx, make_pdf, make_pptx
from tests.platform import Company, Platform, register, sdk, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

WARRANTY = "Every Tromso kettle carries a warranty of seven years from the day of purchase."
FILES: dict[str, bytes] = {
    "manual.pdf": make_pdf(
        [[(20, "Kettle manual"), (12, "Fill the kettle.")], [(20, "Warranty"), (12, WARRANTY)]]
    ),
    "handbook.docx": make_docx(),
    "plan.pptx": make_pptx(),
    "returns.md": b"# Returns\n\nUnused goods can be sent back within forty-five days.\n",
    "shops.html": b"<html><body><h1>Shops</h1><p>Our oldest shop is in Bodo.</p></body></html>",
    "notes.txt": b"The night shift in the warehouse ends at five in the morning.\n",
    "prices.csv": b"part,price\nlid,4.50\nhandle,7.25\n",
}


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Company:
    return register(platform, "Acme")


@pytest.fixture(scope="module")
def globex(platform: Platform) -> Company:
    return register(platform, "Globex")


@pytest.fixture(scope="module")
def agent_id(acme: Company) -> str:
    settings = {
        "llm_provider": "openai",
        "llm_model": "gpt-4o-mini",
        "embedding_provider": "openai",
        "embedding_model": "text-embedding-3-large",
    }
    made = acme.sdk.agents.create_agent({"name": "Kettles", "status": "active"}, settings=settings)
    found: str = made["agent"]["id"]
    return found


@pytest.fixture(scope="module")
def documents(acme: Company, agent_id: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("files")
    paths = []
    for name, content in FILES.items():
        path = folder / name
        path.write_bytes(content)
        paths.append(Path(path))
    acme.sdk.documents.upload_documents(agent_id, file_paths=paths)

    def all_processed() -> list[dict[str, str]]:
        listed: list[dict[str, str]] = acme.sdk.documents.list_documents()["documents"]
        assert not [one for one in listed if one["status"] == "failed"], listed
        return listed if {one["status"] for one in listed} == {"processed"} else []

    listed = wait_for(all_processed, seconds=90, what="every document processed")
    assert {one["filename"] for one in listed} == FILES.keys()
    return [one["id"] for one in listed]


@pytest.fixture(scope="module")
def conversation_id(acme: Company, agent_id: str, documents: list[str]) -> str:
    found: str = acme.sdk.conversations.create_conversation(agent_id)["conversation"]["id"]
    return found


class TestMainJob:
    def test_answers_from_the_documents_with_sources(
        self, acme: Company, conversation_id: str
    ) -> None:
        answer = acme.sdk.messages.send_message(
            conversation_id, "How long is the warranty of a Tromso kettle?"
        )

        assert "seven years" in answer["response"]
        assert "[Source 1]" in answer["response"]
        cited = next(source for source in answer["sources"] if source["cited"])
        assert (cited["document_name"], cited["page"]) == ("manual.pdf", 2)

    @pytest.mark.parametrize(
        ("question", "words"),
        [
            ("Within how many days can unused goods be sent back?", "forty-five days"),
            ("In which town is our oldest shop?", "Bodo"),
            ("When does the night shift in the warehouse end?", "five in the morning"),
        ],
    )
    def test_finds_the_answer_in_every_kind_of_file(
        self, acme: Company, conversation_id: str, question: str, words: str
    ) -> None:
        answer = acme.sdk.messages.send_message(conversation_id, question)

        assert words in answer["response"]

    def test_says_when_the_documents_do_not_have_it(
        self, acme: Company, conversation_id: str
    ) -> None:
        answer = acme.sdk.messages.send_message(
            conversation_id, "Who won the football world cup of 1998?"
        )

        assert "[Source" not in answer["response"]
        assert not [source for source in answer["sources"] if source["cited"]]

    def test_streams_the_same_answer(self, acme: Company, conversation_id: str) -> None:
        pieces, complete = "", ""
        with acme.sdk.messages.send_message(
            conversation_id, "How long is the warranty of a Tromso kettle?", stream=True
        ) as stream:
            for event in stream:
                if event.event == "chat_delta":
                    pieces += event.data["delta"]
                if event.event == "chat_response":
                    complete = event.data["message"]["content"]

        assert "seven years" in complete
        assert pieces == complete

    def test_lists_the_messages_in_reading_order(self, acme: Company, conversation_id: str) -> None:
        listed = acme.sdk.conversations.list_conversation_messages(conversation_id)["messages"]

        roles = [message["role"] for message in listed]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert len(roles) >= 2

    def test_counts_on_the_dashboard_and_in_usage(
        self, acme: Company, agent_id: str, conversation_id: str
    ) -> None:
        analytics = acme.sdk.analytics

        def counted() -> bool:
            dashboard = analytics.get_dashboard_overview()
            messages = dashboard["conversation_analytics"]["message_analytics"]
            return bool(
                dashboard["core_metrics"]["document_count"] == len(FILES)
                and messages["total_messages"] >= 2
            )

        wait_for(counted, seconds=20, what="events counted")
        usage = wait_for(
            lambda: (
                found
                if (found := analytics.get_usage_metrics())["api_usage"]["total_api_calls"]
                else None
            ),
            seconds=20,
            what="calls counted",
        )
        assert usage["agent_usage"]["total_answers"] >= 1
        assert analytics.get_agent_analytics(agent_id)["agent_info"]["id"] == agent_id
        about = analytics.get_conversation_analytics(conversation_id)
        assert about["message_roles"]["assistant"] >= 1
        assert "answer_id" in analytics.export_analytics("usage", "csv")


class TestStrangers:
    def test_another_company_sees_none_of_it(
        self,
        acme: Company,
        globex: Company,
        agent_id: str,
        documents: list[str],
        conversation_id: str,
    ) -> None:
        message_id = acme.sdk.conversations.list_conversation_messages(conversation_id)["messages"][
            0
        ]["id"]
        paths = [
            f"/api/v1/agent/{agent_id}/stats",
            f"/api/v1/document/{documents[0]}",
            f"/api/v1/conversation/{conversation_id}/messages",
            f"/api/v1/conversation/{conversation_id}/messages/stream",
            f"/api/v1/analytic/agent/{agent_id}",
            f"/api/v1/analytic/conversation/{conversation_id}",
        ]
        for path in paths:
            reply = requests.get(globex.platform.url + path, headers=globex.key_headers, timeout=30)
            assert reply.status_code == 404, path
        for path in (f"/api/v1/message/{message_id}", f"/api/v1/document/{documents[0]}"):
            reply = requests.delete(
                globex.platform.url + path, headers=globex.key_headers, timeout=30
            )
            assert reply.status_code == 404, path
        assert globex.sdk.documents.list_documents()["documents"] == []
        assert globex.sdk.agents.list_agents()["agents"] == []
        assert globex.sdk.conversations.list_conversations()["conversations"] == []

    def test_knowing_a_company_id_lets_nobody_in(self, acme: Company) -> None:
        stranger = {
            "email": f"{uuid4().hex}@mallory.example.com",
            "password": "correct horse battery",
            "first_name": "Mallory",
            "last_name": "Malone",
            "username": f"mallory-{uuid4().hex[:8]}",
            "company_id": acme.id,
        }

        reply = requests.post(
            f"{acme.platform.url}/api/v1/auth/register", json=stranger, timeout=30
        )

        assert reply.status_code in (403, 404)
        assert "access_token" not in reply.text

    def test_anybody_sees_the_public_face_of_an_agent_and_no_more(
        self, acme: Company, globex: Company, agent_id: str
    ) -> None:
        path = f"{acme.platform.url}/api/v1/agent/{agent_id}"

        anonymous = requests.get(path, timeout=30).json()
        foreign = requests.get(path, headers=globex.key_headers, timeout=30).json()

        assert anonymous["agent"].keys() == {
            "id",
            "name",
            "description",
            "avatar_url",
            "company_id",
            "opening_message",
            "suggested_questions",
        }
        assert foreign == anonymous

    def test_the_platform_says_that_it_is_well(self, platform: Platform) -> None:
        health = sdk(platform).analytics.health_check()

        assert health["status"] == "healthy"
        names = {check["name"] for check in health["checks"]}
        assert {"auth", "agents", "conversations", "documents", "analytics"} <= names
