"""What can go wrong in agents, told so that the reader can act on it."""

from collections.abc import Sequence

from libs.common.errors import Conflict, Invalid, NotFound, Unavailable


class AgentNotFound(NotFound):
    """No such agent, or another tenant's."""

    code = "agent_not_found"
    message = "There is no such agent."


class BadOperatingHours(Invalid):
    """Operating hours that cannot be read."""

    code = "bad_operating_hours"
    message = "The operating hours cannot be read."


class VersionNotFound(NotFound):
    """The agent has no version of this number."""

    code = "version_not_found"
    message = "The agent has no such version."


class SplitNotAllowed(Invalid):
    """A version cannot share conversations with itself."""

    code = "split_not_allowed"
    message = "This version is live already."


class SettingsNotFound(NotFound):
    """No such LLM settings, or another tenant's."""

    code = "settings_not_found"
    message = "There are no such LLM settings."


class ProviderNotFound(NotFound):
    """No such provider in the catalogue, or another tenant's."""

    code = "provider_not_found"
    message = "There is no such provider."


class ModelNotFound(NotFound):
    """No such model of this provider, or another tenant's."""

    code = "model_not_found"
    message = "There is no such model."


class CompanyNotFound(NotFound):
    """A company other than the caller's was named."""

    code = "company_not_found"
    message = "There is no such company."


class AgentInUse(Invalid):
    """An agent with active conversations cannot be deleted."""

    code = "agent_in_use"
    message = "The agent still has active conversations. Delete those first."


class AgentWithoutSettings(Invalid):
    """The agent has no LLM settings, so there is nothing to embed."""

    code = "agent_without_settings"
    message = "The agent has no LLM settings yet. Give it some with PUT /api/v1/agent/{id}."


class AgentNotDeleted(Invalid):
    """Only a deleted agent can be restored."""

    code = "agent_not_deleted"
    message = "The agent is not deleted, so there is nothing to restore."


class SettingsAreDefault(Invalid):
    """The company's default settings stay until another record is the default."""

    code = "settings_are_default"
    message = "These are the company's default settings. Make another record the default first."


class SettingsInUse(Conflict):
    """Agents still use these settings."""

    code = "settings_in_use"
    message = "Agents still use these settings. Give them others first."


class ProviderExists(Conflict):
    """The tenant already has a provider of this name."""

    code = "provider_exists"
    message = "There is already a provider of this name."


class ModelExists(Conflict):
    """The provider already has a model of this name."""

    code = "model_exists"
    message = "The provider already has a model of this name."


class UnknownProvider(Invalid):
    """A provider was named that the catalogue does not know."""

    code = "unknown_provider"

    def __init__(self, name: str, *, field: str, available: Sequence[str]) -> None:
        super().__init__(
            f"There is no provider {name!r}. Available: {', '.join(available)}."
            " Add your own with POST /api/v1/providers.",
            details={"field": field, "available": list(available)},
        )


class UnknownModel(Invalid):
    """A model was named that the provider does not have in the catalogue."""

    code = "unknown_model"

    def __init__(self, name: str, *, provider: str, field: str, available: Sequence[str]) -> None:
        known = ", ".join(available) if available else "none yet"
        super().__init__(
            f"{provider} has no model {name!r} here. Available: {known}."
            " Add it with POST /api/v1/providers/{provider_id}/models.",
            details={"field": field, "available": list(available)},
        )


class MissingModelChoice(Invalid):
    """Only half of a provider and model pair was given."""

    code = "missing_model_choice"


class UnsafeModelUrl(Invalid):
    """A model's base URL that must not be called, or not with a key."""

    code = "unsafe_model_url"


class ReservedParameter(Invalid):
    """Additional parameters may not carry secrets or what the platform sets itself."""

    code = "reserved_parameter"


class BadLinkHost(Invalid):
    """What answers may link to is told by the names of hosts."""

    code = "bad_link_host"


class UnsupportedDimension(Invalid):
    """No vector table holds vectors of this length."""

    code = "unsupported_dimension"


class ModelTestRefused(Invalid):
    """A live test reached the provider, which said no; or the settings allow no call."""

    code = "model_test_failed"
    message = "The chat model refused the test."


class ModelTestUnanswered(Unavailable):
    """A live test found nobody, or a provider in trouble."""

    http_status = 502
    code = "model_test_failed"
    message = "The chat model did not answer the test."


class SiteInvalid(Invalid):
    """What was given is no web site."""

    code = "site_invalid"
    message = "Write each site as https://www.example.com or https://*.example.com."
