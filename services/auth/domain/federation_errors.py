"""What auth tells about domains, single sign-on and directories when something cannot be done."""

from libs.common.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable


class InvalidDomain(Invalid):
    """Not a domain name."""

    code = "invalid_domain"
    message = "This is not an e-mail domain. Write it as in example.com."


class PublicMailProvider(Invalid):
    """A domain where anybody can have an address proves nothing about a company."""

    code = "public_mail_provider"
    message = "This domain belongs to a public mail provider. Claim your company's own."


class DomainNotFound(NotFound):
    """No such domain, or one of another company."""

    code = "domain_not_found"
    message = "There is no such domain."


class DomainClaimed(Conflict):
    """The company has this domain already."""

    code = "domain_claimed"
    message = "Your company has claimed this domain already."


class DomainTaken(Conflict):
    """The record was found, but another company has proven the domain before."""

    code = "domain_taken"
    message = "Another company has proven this domain. It must give it up first."


class DomainNotProven(Conflict):
    """The TXT record is not there (yet)."""

    code = "domain_not_proven"
    message = "The TXT record was not found. DNS changes can take a while: check it, and try again."


class DomainInUse(Conflict):
    """Deleting the domain would close the way in for people who have no other."""

    code = "domain_in_use"
    message = "A single sign-on connection uses this domain. Take it out there first."


class DnsUnavailable(Unavailable):
    """The domain's name servers gave no answer that says anything."""

    code = "dns_unavailable"
    message = "The domain's name servers did not answer. Try again in a few minutes."


class TooManyOfThem(Conflict):
    """A bound on what a company can pile up."""

    code = "too_many"
    message = "Your company has as many of these as it may have. Delete one first."


class ConnectionNotFound(NotFound):
    """No such connection, or one of another company."""

    code = "connection_not_found"
    message = "There is no such single sign-on connection."


class InvalidConnection(Invalid):
    """A connection's settings do not make sense."""

    code = "invalid_connection"
    message = "These settings do not make a single sign-on connection."


class UnprovenDomain(Invalid):
    """A connection may only admit people of domains that the company has proven."""

    code = "unproven_domain"
    message = "Prove the e-mail domain before you use it for single sign-on."


class ConnectionNeeded(Conflict):
    """Password login is refused in this company, so one enabled connection must stay."""

    code = "connection_needed"
    message = "Your company allows single sign-on only, and this is its last connection."


class InvalidPolicy(Invalid):
    """A policy that would lock everybody out, or names somebody who cannot open again."""

    code = "invalid_policy"
    message = "Single sign-on only needs an enabled connection and an active admin as break-glass."


class ProviderFailed(Conflict):
    """The identity provider could not be asked, or answered what it should not."""

    code = "identity_provider_failed"
    message = "The identity provider could not be used."

    def __init__(self, reason: str) -> None:
        super().__init__(details={"reason": reason})
        self.reason = reason


class SsoNotConfigured(NotFound):
    """No company has set up single sign-on for this address."""

    code = "sso_not_configured"
    message = "Single sign-on is not set up for this e-mail address."


class InvalidReturn(Invalid):
    """A place to return to that is not ours."""

    code = "invalid_return_to"
    message = "return_to must be a page of this platform, and comes together with a challenge."


class SsoRefused(Forbidden):
    """The login did not hold; why stands in the audit trail of the company."""

    code = "sso_refused"
    message = "You could not be signed in. Start again, or ask an admin of your company."


class SsoRequired(Forbidden):
    """The password was right, but the company does not take passwords."""

    code = "sso_required"
    message = "Your company signs in through single sign-on. Use that instead of a password."


class ScimTokenNotFound(NotFound):
    """No such token, or one of another company."""

    code = "scim_token_not_found"
    message = "There is no such SCIM token."


class ScimUnauthenticated(Unauthenticated):
    """No token, or none that holds."""

    message = "A valid SCIM token is required."


class DirectoryUserNotFound(NotFound):
    """No such user, one of another company, or one that the directory has removed."""

    code = "user_not_found"
    message = "There is no such user."


class DirectoryGroupNotFound(NotFound):
    """No such group, or one of another company."""

    code = "group_not_found"
    message = "There is no such group."


class NameTaken(Conflict):
    """SCIM's `uniqueness`."""

    code = "uniqueness"
    message = "The userName, e-mail address or displayName is in use already."


class ProtectedUser(Forbidden):
    """Nobody locks out the one admin who gets in without the identity provider."""

    code = "protected_user"
    message = "This user is the company's break-glass admin. Name another one in the policy first."


class AddressRefused(Forbidden):
    """Who reads an address's mail gets the account: a directory moves it where it may vouch."""

    code = "address_refused"
    message = (
        "A directory gives addresses in the company's proven domains only, and none to admins."
    )


class UnknownMember(Invalid):
    """A group's member is no user of the company."""

    code = "unknown_member"
    message = "A member is not a user of this company."


class DirectoryChanged(Conflict):
    """The resource is not the version that the client knows."""

    http_status = 412
    code = "precondition_failed"
    message = "The resource was changed in the meantime. Read it again."
