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


class AnswerCancelled(AppError):
    """Somebody has cancelled the answer."""

    code = "answer_cancelled"
    message = "The answer was cancelled."


class NothingToCancel(Conflict):
    """The answer is there already."""

    code = "answer_finished"
    message = "The answer is finished, so there is nothing to cancel."


class AnswerPending(Conflict):
    """A conversation does not fork while an answer is being made in it."""

    code = "answer_pending"
    message = "An answer is being made in this conversation. Wait for it, or cancel it first."


class HandedOver(Conflict):
    """Where a person speaks for the company, the agent is not asked again."""

    code = "handed_over"
    message = "A person has taken over this conversation, so the agent is not asked again."


class NotAQuestion(Invalid):
    """Only what a person has asked can be asked in other words."""

    code = "not_a_question"
    message = "This message is an answer. Edit the question that it answers."


class NotAnAlternative(Conflict):
    """The message does not stand beside the conversation as it is now."""

    code = "not_an_alternative"
    message = (
        "This message is no alternative to what the conversation shows now. Select one of those "
        "that the message's list of alternatives has."
    )


class NoAnswerToRate(Invalid):
    """Only answers are rated."""

    code = "not_an_answer"
    message = "Only an agent's answers can be rated."


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


class LeadNotFound(NotFound):
    """No such lead in this tenant."""

    code = "lead_not_found"
    message = "There is no such lead."


class LeadExists(Conflict):
    """Another lead of the tenant has this address."""

    code = "lead_exists"
    message = "There is a lead with this e-mail address already."


class InvalidEmail(Invalid):
    """What was given is no address."""

    code = "invalid_email"
    message = "This is not a valid e-mail address."


class ConsentNeeded(Invalid):
    """Nobody is kept who does not agree."""

    code = "consent_needed"
    message = "Without consent to the processing of these data there can be no chat."


class SiteNotAllowed(Forbidden):
    """The page is not one of the agent's sites."""

    code = "site_not_allowed"
    message = "This agent cannot be used on this site."


class LinkInvalid(Invalid):
    """The mailed link was used before, has run out, or never was one."""

    code = "link_invalid"
    message = "This link is not valid any more. Ask for a new one."


class HandoffTaken(Conflict):
    """Another person has the conversation."""

    code = "handoff_taken"
    message = "Somebody else of your company has this conversation."


class HandoffNotPossible(Conflict):
    """The conversation is in a state that does not allow it."""

    code = "handoff_not_possible"
    message = "No person has this conversation."


class WebhookNotFound(NotFound):
    """No such webhook in this tenant."""

    code = "webhook_not_found"
    message = "There is no such webhook."


class DeliveryNotFound(NotFound):
    """The webhook was never told of such an event, or it is too long ago."""

    code = "delivery_not_found"
    message = "There is no such delivery."


class DeliveryUnderWay(Conflict):
    """It is being tried anyway."""

    code = "delivery_under_way"
    message = "This delivery is still being tried."


class TooManyWebhooks(Conflict):
    """The company has as many as it may."""

    code = "too_many_webhooks"
    message = "There are as many webhooks as a company may have. Delete one first."


class WebhookSecretChanged(Conflict):
    """Two rotated a secret at once."""

    code = "webhook_secret_changed"
    message = "The secret was changed a moment ago. Try again if that was not you."


class WebhookUrlRefused(Invalid):
    """Nothing is sent to such an address."""

    code = "webhook_url_refused"
    message = "Nothing can be sent to this address."
