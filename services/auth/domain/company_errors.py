"""What is told about companies that come and go."""

from libs.common.errors import Conflict, Invalid


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


class InvalidOrigin(Invalid):
    """Not what a browser calls an origin."""

    code = "invalid_origin"
    message = "Write origins as scheme, host and port, as in https://app.example.com."


class OriginNotOffered(Invalid):
    """The operator lets browsers come from fewer pages."""

    code = "origin_not_offered"
    message = "The platform does not allow calls from these origins, so no company can."
