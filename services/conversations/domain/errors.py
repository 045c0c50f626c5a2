"""Everything that conversations tells a caller went wrong."""

from libs.common.errors import AppError, Conflict, Forbidden, Invalid, NotFound, Unavailable
from services.conversations.domain.agents import BudgetRule


class ConversationNotFound(NotFound):
    """No such conversation in this tenant, or it is deleted."""

    code = "conversation_not_found"
    message = "There is no such conversation."


class MessageNotFound(NotFound):
    """No such message in this tenant, or it is deleted."""

    code = "message_not_found"
    message = "There is no such message."


class AgentNotFound(NotFound):
    """No such agent in this tenant."""

    code = "agent_not_found"
    message = "There is no such agent."


class TaskNotFound(NotFound):
    """No such task, or its day is over."""

    code = "task_not_found"
    message = "There is no such task."


class EmptyMessage(Invalid):
    """Nothing was asked."""

    code = "message_empty"
    message = "The message is empty. Send some text in `message`."


class MessageTooLong(Invalid):
    """More text than a question may have."""

    http_status = 413
    code = "message_too_long"
    message = "The message is too long."


class ConversationIsDeleted(Invalid):
    """A message cannot come back while its conversation is deleted."""

    code = "conversation_deleted"
    message = "The message's conversation is deleted. Restore the conversation first."


class NotDeleted(Conflict):
    """Only what was deleted can be restored."""

    code = "not_deleted"
    message = "This is not deleted, so there is nothing to restore."


class KnowledgeUnavailable(Unavailable):
    """Search in the documents is out of reach."""

    code = "knowledge_unavailable"
    message = "The documents cannot be searched at the moment. Try again shortly."


class ModelFailed(Unavailable):
    """The chat model gave no usable answer."""

    code = "model_failed"
    message = "The language model did not answer."
    retryable = True


class ModelTimedOut(ModelFailed):
    """The chat model did not answer in time."""

    code = "model_timed_out"
    message = "The language model took too long to answer."


class ModelRateLimited(ModelFailed):
    """The chat model's provider asks us to slow down."""

    code = "model_rate_limited"
    message = "The language model's provider is limiting requests at the moment."


class ModelBusy(ModelFailed):
    """Too many questions wait for this chat model already."""

    code = "model_busy"
    message = "Too many questions wait for the language model at the moment."
    retryable = False


class ModelRefused(ModelFailed):
    """The provider does not accept the request: key, model name or parameters are wrong."""

    code = "model_refused"
    message = (
        "The language model's provider did not accept the request. Check the agent's settings."
    )
    retryable = False


class ModelCutOff(ModelFailed):
    """The chat model stopped in the middle of its answer."""

    code = "model_cut_off"
    message = "The language model broke off in the middle of its answer."
    retryable = False


class BudgetExhausted(ModelFailed):
    """A chat model may not be asked, since too little is left of a budget."""

    code = "budget_exhausted"
    message = "The budget for language models is used up."
    retryable = False

    def __init__(self, message: str, *, rule: BudgetRule) -> None:
        super().__init__(message)
        self.rule = rule


class OverBudget(Forbidden):
    """There is no answer, since a budget that refuses is used up."""

    code = "budget_exhausted"
    message = "The budget for language models is used up."


class AnswerGivenUp(AppError):
    """Making this answer has failed its workers too often."""

    code = "answer_given_up"
    message = "This question could not be answered. Ask it in other words."
