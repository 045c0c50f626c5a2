"""The routes that conversations owns: conversations, messages, leads, and chat with an agent."""

from typing import Final

from libs.common.contract.routes import BUILT, Auth, Route
from libs.common.permissions import Scope

OWNER: Final = "conversations"

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/api/v1/agent/{agent_id}/budget/usage", OWNER, Auth.READ, BUILT),
    Route("POST", "/api/v1/agent/{agent_id}/chat", OWNER, Auth.USER, BUILT),
    Route(
        "POST",
        "/api/v1/agent/{agent_id}/mcp",
        OWNER,
        Auth.READ,
        BUILT,
        asks=Scope.CONVERSATIONS_READ,
    ),
    Route("POST", "/api/v1/agent/{agent_id}/test", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/conversation", OWNER, Auth.READ, BUILT),
    Route("POST", "/api/v1/conversation", OWNER, Auth.WRITE_OR_LEAD, BUILT),
    Route("GET", "/api/v1/conversation/agent/{agent_id}", OWNER, Auth.READ_OR_LEAD, BUILT),
    Route("GET", "/api/v1/conversation/deleted", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/conversation/handoff", OWNER, Auth.READ, BUILT),
    Route(
        "POST",
        "/api/v1/conversation/{conversation_id}/handoff",
        OWNER,
        Auth.WRITE_OR_LEAD,
        BUILT,
    ),
    Route("POST", "/api/v1/conversation/{conversation_id}/handoff/claim", OWNER, Auth.USER, BUILT),
    Route("POST", "/api/v1/conversation/{conversation_id}/handoff/close", OWNER, Auth.USER, BUILT),
    Route(
        "POST", "/api/v1/conversation/{conversation_id}/handoff/message", OWNER, Auth.USER, BUILT
    ),
    Route(
        "POST", "/api/v1/conversation/{conversation_id}/handoff/release", OWNER, Auth.USER, BUILT
    ),
    Route("GET", "/api/v1/conversation/entity", OWNER, Auth.READ_OR_LEAD, BUILT),
    Route("GET", "/api/v1/conversation/entity/{entity_id}", OWNER, Auth.READ_OR_LEAD, BUILT),
    Route("DELETE", "/api/v1/conversation/{conversation_id}", OWNER, Auth.WRITE, BUILT),
    Route("PATCH", "/api/v1/conversation/{conversation_id}", OWNER, Auth.WRITE, BUILT),
    Route("POST", "/api/v1/conversation/{conversation_id}/chat", OWNER, Auth.WRITE_OR_LEAD, BUILT),
    Route(
        "PATCH",
        "/api/v1/conversation/{conversation_id}/message/restore-all",
        OWNER,
        Auth.WRITE,
        BUILT,
    ),
    Route(
        "GET", "/api/v1/conversation/{conversation_id}/messages", OWNER, Auth.READ_OR_LEAD, BUILT
    ),
    Route("DELETE", "/api/v1/conversation/{conversation_id}/messages", OWNER, Auth.WRITE, BUILT),
    Route(
        "GET",
        "/api/v1/conversation/{conversation_id}/messages/stream",
        OWNER,
        Auth.READ_OR_LEAD,
        BUILT,
    ),
    Route("PATCH", "/api/v1/conversation/{conversation_id}/restore", OWNER, Auth.WRITE, BUILT),
    Route("POST", "/api/v1/lead", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/lead/company", OWNER, Auth.READ, BUILT),
    Route("POST", "/api/v1/lead/link", OWNER, Auth.PUBLIC, BUILT),
    Route("POST", "/api/v1/lead/register", OWNER, Auth.PUBLIC, BUILT),
    Route("POST", "/api/v1/lead/resume", OWNER, Auth.PUBLIC, BUILT),
    Route("GET", "/api/v1/lead/{lead_id}", OWNER, Auth.READ, BUILT),
    Route("PUT", "/api/v1/lead/{lead_id}", OWNER, Auth.WRITE, BUILT),
    Route("DELETE", "/api/v1/lead/{lead_id}", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/message/deleted", OWNER, Auth.READ, BUILT),
    Route("DELETE", "/api/v1/message/{message_id}", OWNER, Auth.WRITE, BUILT),
    # To ask in other words is to ask.
    Route(
        "PATCH",
        "/api/v1/message/{message_id}",
        OWNER,
        Auth.WRITE_OR_LEAD,
        BUILT,
        asks=Scope.CONVERSATIONS_WRITE,
    ),
    Route("GET", "/api/v1/message/{message_id}/alternatives", OWNER, Auth.READ_OR_LEAD, BUILT),
    Route("POST", "/api/v1/message/{message_id}/cancel", OWNER, Auth.WRITE_OR_LEAD, BUILT),
    Route("POST", "/api/v1/message/{message_id}/feedback", OWNER, Auth.WRITE_OR_LEAD, BUILT),
    Route("POST", "/api/v1/message/{message_id}/regenerate", OWNER, Auth.WRITE_OR_LEAD, BUILT),
    Route("PATCH", "/api/v1/message/{message_id}/restore", OWNER, Auth.WRITE, BUILT),
    Route("POST", "/api/v1/message/{message_id}/select", OWNER, Auth.WRITE_OR_LEAD, BUILT),
    Route("POST", "/api/v1/sdk/lead", OWNER, Auth.WRITE, BUILT),
    Route("PUT", "/api/v1/sdk/lead/{lead_id}", OWNER, Auth.WRITE, BUILT),
    Route("DELETE", "/api/v1/sdk/lead/{lead_id}", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/tasks/{task_id}/status", OWNER, Auth.PUBLIC, BUILT),
    Route("GET", "/api/v1/webhook", OWNER, Auth.ADMIN, BUILT),
    Route("POST", "/api/v1/webhook", OWNER, Auth.ADMIN, BUILT),
    Route("GET", "/api/v1/webhook/{webhook_id}", OWNER, Auth.ADMIN, BUILT),
    Route("PATCH", "/api/v1/webhook/{webhook_id}", OWNER, Auth.ADMIN, BUILT),
    Route("DELETE", "/api/v1/webhook/{webhook_id}", OWNER, Auth.ADMIN, BUILT),
    Route("GET", "/api/v1/webhook/{webhook_id}/delivery", OWNER, Auth.ADMIN, BUILT),
    Route(
        "POST",
        "/api/v1/webhook/{webhook_id}/delivery/{delivery_id}/redeliver",
        OWNER,
        Auth.ADMIN,
        BUILT,
        asks=Scope.CONFIG_UPDATE,
    ),
    Route(
        "POST",
        "/api/v1/webhook/{webhook_id}/secret",
        OWNER,
        Auth.ADMIN,
        BUILT,
        asks=Scope.CONFIG_UPDATE,
    ),
    Route(
        "POST",
        "/api/v1/webhook/{webhook_id}/test",
        OWNER,
        Auth.ADMIN,
        BUILT,
        asks=Scope.CONFIG_UPDATE,
    ),
    Route("POST", "/v1/chat/completions", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/v1/models", OWNER, Auth.READ, BUILT),
)
