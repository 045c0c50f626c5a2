"""Chat completions in OpenAI's shape, with our citations as extra fields."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.conversations.domain.answers import AskedQuestion, StoredMessage, Turn
from services.conversations.domain.errors import EmptyMessage, MessageTooLong
from services.conversations.domain.questions import storable_text
from services.conversations.schemas.json_values import JsonObject, JsonTexts
from services.conversations.use_cases.ask_question import AnswerOutcome

MAX_HISTORY_CHARACTERS: Final = 200_000
_ROLES: Final = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
_PASSED_ON: Final = (
    "temperature",
    "top_p",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "response_format",
)


class CompletionMessage(BaseModel):
    """One message of the conversation so far."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The message's text; parts that are no text are left out."""
        if isinstance(self.content, str):
            return self.content
        parts = [part.get("text") for part in self.content or () if part.get("type") == "text"]
        return "\n".join(part for part in parts if isinstance(part, str))


class StreamOptions(BaseModel):
    """What a stream says at its end."""

    include_usage: bool = False


class CompletionIn(BaseModel):
    """A request for a chat completion; the model is an agent's id or name."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(min_length=1, max_length=300)
    messages: list[CompletionMessage] = Field(min_length=1, max_length=1000)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1, lt=2**31)
    max_completion_tokens: int | None = Field(default=None, ge=1, lt=2**31)
    stop: JsonTexts | None = None
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_format: JsonObject | None = None

    def question(self) -> str:
        """Return what is asked: the last message, which must be the user's.

        Raises:
            EmptyMessage: The last message is somebody else's.
        """
        last = self.messages[-1]
        if last.role != "user":
            raise EmptyMessage("The last message must be the user's question.")
        return last.text

    def history(self) -> list[Turn]:
        """Return the messages before the question.

        Raises:
            MessageTooLong: They are too long in all.
        """
        turns = [
            Turn(_ROLES[message.role], storable_text(message.text))
            for message in self.messages[:-1]
            if message.role in _ROLES and message.text.strip()
        ]
        if sum(len(turn.content) for turn in turns) > MAX_HISTORY_CHARACTERS:
            raise MessageTooLong(
                f"The messages have more than {MAX_HISTORY_CHARACTERS} characters in all."
            )
        return turns

    def options(self) -> dict[str, Any]:
        """Return what is passed on to the model."""
        options = {name: getattr(self, name) for name in _PASSED_ON}
        options["max_tokens"] = self.max_completion_tokens or self.max_tokens
        return {name: value for name, value in options.items() if value is not None}


def completion_shape(
    question: AskedQuestion, outcome: AnswerOutcome, message: StoredMessage, *, model: str
) -> dict[str, Any]:
    """Return a finished completion."""
    return {
        "id": completion_id(question),
        "object": "chat.completion",
        "created": int(message.created_at.timestamp()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": message.content, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": usage_shape(outcome),
        **extra_shape(message.sources, message.citations, message.metadata),
    }


def chunk_shape(
    question: AskedQuestion, *, model: str, created: int, delta: dict[str, Any] | None
) -> dict[str, Any]:
    """Return one piece of a streamed completion; no delta at its end."""
    return {
        "id": completion_id(question),
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": [
            {
                "index": 0,
                "delta": delta or {},
                "logprobs": None,
                "finish_reason": None if delta is not None else "stop",
            }
        ],
    }


def usage_shape(outcome: AnswerOutcome) -> dict[str, int]:
    """Return the tokens of an answer."""
    prompt, completion = outcome.status.prompt_tokens, outcome.status.completion_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def extra_shape(sources: Any, citations: Any, metadata: Any) -> dict[str, Any]:
    """Return what OpenAI's shape has no place for."""
    return {
        "citations": list(citations),
        "sources": list(sources),
        "warnings": [*metadata.get("warnings", []), *metadata.get("citation_warnings", [])],
    }


def completion_id(question: AskedQuestion) -> str:
    """Name a completion by its answer."""
    return f"chatcmpl-{question.answer_id}"


def openai_error(message: str, *, status: int, code: str) -> dict[str, Any]:
    """Return an error in OpenAI's shape."""
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
