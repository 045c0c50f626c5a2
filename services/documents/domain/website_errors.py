"""What can go wrong with websites and their pages."""

from libs.common.errors import AppError, Conflict, Forbidden, Invalid, NotFound


class WebsiteNotFound(NotFound):
    """The caller's tenant has no such website."""

    code = "website_not_found"
    message = "There is no such website."


class WebsiteExists(Conflict):
    """The agent has this website already."""

    code = "website_duplicate"
    message = "The agent has this website already."


class WebsiteInactive(Conflict):
    """A website that was switched off is not crawled."""

    code = "website_inactive"
    message = "The website is switched off. Set its status to active first."


class NothingToCancel(Conflict):
    """No crawl of the website is under way."""

    code = "no_crawl_running"
    message = "No crawl of this website is under way."


class AddressNotAllowed(Invalid):
    """An address that is none, or that this server does not fetch."""

    http_status = 422
    code = "url_not_allowed"
    message = "This address cannot be fetched."


class PageNotOfSite(Forbidden):
    """A page that greets an agent which is not at home there."""

    code = "site_not_allowed"
    message = (
        "The agent is not set up for this page. Add the site to the agent's websites to allow it."
    )


class PageUnavailable(AppError):
    """A page that does not answer at present; the job is tried again, not for ever."""

    http_status = 503
    code = "page_unavailable"
    message = "The page does not answer at present."


class TooManyAddresses(Invalid):
    """More addresses than one upload may name."""

    http_status = 422
    code = "too_many_urls"
    message = "An upload may name 500 addresses. Add the site as a website instead."


class PageNotFetched(AppError):
    """A page that could not be had; `code` and `message` are what its owner reads.

    Attributes:
        http_status_of_page: What the server answered, if it did.
        temporary: Asking again later may help.
        gone: The server says that there is no such page.
        excluded: It was left out on purpose, by the site's or our own rules.
        wait_seconds: What the server asked us to wait.
    """

    code = "page_not_fetched"
    message = "The page could not be fetched."

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        temporary: bool = False,
        gone: bool = False,
        excluded: bool = False,
        wait_seconds: float | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.http_status_of_page = status
        self.temporary = temporary
        self.gone = gone
        self.excluded = excluded
        self.wait_seconds = wait_seconds
