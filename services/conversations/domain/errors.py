"""Everything that conversations tells a caller went wrong."""

from libs.common.errors import AppError, Conflict, Forbidden, Invalid, NotFound, Unavailable


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
