"""Each agent as an MCP server: `search` and `ask`, for programs that bring a model of their own.

Streamable HTTP without sessions, so that any replica answers any request. Each request brings the
credentials of the API, and finds the tools that these may use. The SDK is loaded with the first
request: it is large, and most installations never see one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from libs.common.errors import AppError, Forbidden, Invalid
from libs.common.http import caller_with, errors, rate_limited
from libs.common.security import Caller, Scope
from libs.common.telemetry import get_logger
from services.conversations.domain.answers import AnswerKind
from services.conversations.domain.errors import (
    AgentNotFound,
    ConversationNotFound,
    HandedOver,
    ModelFailed,
)
from services.conversations.endpoints.access import wiring_of
from services.conversations.schemas.mcp import (
    ASK_INPUT,
    SEARCH_INPUT,
    answer_shape,
    knowledge_shape,
)
from services.conversations.wiring import Wiring, person_of

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

router = APIRouter(prefix="/api/v1/agent", tags=["mcp"])

log = get_logger(__name__)

_DEFAULT_LIMIT = 5
_MAX_LIMIT = 20


@router.post(
    "/{agent_id}/mcp",
    dependencies=[Depends(rate_limited("chat"))],
    responses=errors(AgentNotFound),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
)
async def speak_mcp(
    agent_id: UUID,
    wiring: Annotated[Wiring, Depends(wiring_of)],
    caller: Annotated[Caller, Depends(caller_with(Scope.CONVERSATIONS_READ))],
) -> Response:
    """Answer one JSON-RPC message of the Model Context Protocol; tools are `search` and `ask`."""
    profile = await wiring.agents.profile(caller.tenant_id, agent_id)
    tools = AgentTools(wiring, caller, agent_id, profile.name)
    return McpReply(tools)


@dataclass(frozen=True, slots=True)
class AgentTools:
    """What a caller may have an agent do."""

    wiring: Wiring
    caller: Caller
    agent_id: UUID
    agent_name: str

    def names(self) -> list[str]:
        """Return the tools that the caller's permissions reach."""
        asks = self.caller.may(Scope.CONVERSATIONS_WRITE)
        searches = self.caller.may(Scope.DOCUMENTS_READ)
        return [*(["ask"] if asks else []), *(["search"] if searches else [])]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Use a tool.

        Raises:
            Forbidden: The caller may not, or there is no such tool.
            AppError: What the tool itself is refused with.
        """
        if name not in self.names():
            raise Forbidden(f"There is no tool {name!r} for you here.")
        if name == "ask":
            return await self._ask(arguments)
        found = await self.wiring.use_cases.search_knowledge(
            self.caller.tenant_id,
            self.agent_id,
            _text(arguments, "query"),
            groups=person_of(self.caller).groups,
        )
        limit = arguments.get("limit", _DEFAULT_LIMIT)
        if not isinstance(limit, int) or not 1 <= limit <= _MAX_LIMIT:
            raise Invalid(f"`limit` is a number from 1 to {_MAX_LIMIT}.")
        return knowledge_shape(found, limit=limit)

    async def _ask(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        text = _text(arguments, "question")
        person, use = person_of(self.caller), self.wiring.use_cases
        if (given := arguments.get("conversation_id")) is not None:
            conversation_id = _id(given)
        else:
            conversation, _ = await use.start_conversation(
                person, agent_id=self.agent_id, title=text[:80]
            )
            conversation_id = conversation.id
        question = await use.ask_question(person, conversation_id, text, kind=AnswerKind.ASK)
        if not question.awaits_answer:
            raise HandedOver
        outcome = await use.await_answer.outcome(
            question, timeout_seconds=self.wiring.settings.model_total_seconds
        )
        if outcome.message is None:
            raise ModelFailed(outcome.status.error, code=outcome.status.error_code)
        return answer_shape(conversation_id, outcome)


class McpReply(Response):
    """Has the SDK answer the request, with a server made for it alone."""

    def __init__(self, tools: AgentTools) -> None:
        super().__init__()
        self._tools = tools

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer."""
        from mcp.server.streamable_http_manager import (  # noqa: PLC0415 - with the first request
            StreamableHTTPSessionManager,
        )

        manager = StreamableHTTPSessionManager(
            _server(self._tools), json_response=True, stateless=True
        )
        async with manager.run():
            await manager.handle_request(scope, receive, send)


def _server(tools: AgentTools) -> "Server[Any]":
    from mcp import types  # noqa: PLC0415 - with the first request
    from mcp.server.lowlevel import Server  # noqa: PLC0415 - with the first request

    known = {
        "ask": types.Tool(
            name="ask",
            description=f"Ask {tools.agent_name}; it answers from its documents, with citations.",
            input_schema=ASK_INPUT,
        ),
        "search": types.Tool(
            name="search",
            description=f"Find passages in the documents of {tools.agent_name}.",
            input_schema=SEARCH_INPUT,
            annotations=types.ToolAnnotations(read_only_hint=True),
        ),
    }

    def refused(error: AppError) -> types.CallToolResult:
        told = types.TextContent(text=f"{error.code}: {error.message}")
        return types.CallToolResult(content=[told], is_error=True)

    async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[known[name] for name in tools.names()])

    async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        try:
            result = await tools.call(params.name, params.arguments or {})
        except AppError as error:
            return refused(error)
        except Exception:
            # The SDK would tell the caller what the exception says.
            log.exception("mcp_tool_broke", tool=params.name)
            return refused(AppError())
        text = result.get("answer") or orjson.dumps(result).decode()
        return types.CallToolResult(
            content=[types.TextContent(text=text)], structured_content=result
        )

    return Server(tools.agent_name, version="1", on_list_tools=list_tools, on_call_tool=call_tool)


def _text(arguments: Mapping[str, Any], name: str) -> str:
    text = arguments.get(name)
    if not isinstance(text, str):
        raise Invalid(f"`{name}` must be a text.")
    return text


def _id(value: object) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise ConversationNotFound from None
