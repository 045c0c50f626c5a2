"""What is told about companies that come and go."""

from libs.common.errors import Conflict


class CompanyNotDeleted(Conflict):
    """There is nothing to undo."""

    code = "company_not_deleted"
    message = "This company is not deleted."


class RetentionOver(Conflict):
    """What was deleted may be erased at any moment, so it cannot be promised back."""

    code = "retention_over"
    message = "This company's time to be restored is over; its data is due for erasure."


class PlatformCompany(Conflict):
    """The company that the platform's own people are in."""

    code = "platform_company"
    message = "The company of the platform's own people can be neither deleted nor suspended."
