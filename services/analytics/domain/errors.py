"""What analytics tells a caller that cannot be."""

from libs.common.errors import Invalid, NotAvailable, NotFound


class AgentNotFound(NotFound):
    """Nothing was ever heard of such an agent in this tenant."""

    code = "agent_not_found"
    message = "There is no such agent."


class ConversationNotFound(NotFound):
    """Nothing was ever heard of such a conversation in this tenant."""

    code = "conversation_not_found"
    message = "There is no such conversation."


class InvalidDateRange(Invalid):
    """The range's ends are not dates, are the wrong way round, or too far apart."""

    code = "invalid_date_range"
    message = "The date range is not valid: give start_date before end_date, at most a year apart."


class LeadsNotAvailable(NotAvailable):
    """Leads are not kept by this version, so there are none to report."""

    message = "Leads are not available in this version."
