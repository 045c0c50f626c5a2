"""What auth tells a caller when it cannot do what was asked."""

from libs.common.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)


class EmailTaken(Invalid):
    """E-mail addresses are unique on the platform; the contract wants a 400 here."""

    code = "email_taken"
    message = "This e-mail address is already registered. Log in instead, or use another one."


class InvalidEmail(Invalid):
    """Not an address that mail could be sent to."""

    code = "invalid_email"
    message = "This is not a valid e-mail address."


class WrongCredentials(Unauthenticated):
    """The same words for an unknown address and for a wrong password."""

    code = "wrong_credentials"
    message = "The e-mail address or the password is wrong."


class RefreshRefused(Unauthenticated):
    """The refresh token is unknown, used up, expired or revoked; which is never said."""

    code = "refresh_refused"
    message = "This refresh token cannot be used. Log in again."


class AccountNotActive(Forbidden):
    """The password was right, but the account may not be used."""

    code = "account_not_active"
    message = "This account is not active. Ask an admin of your company."


class PasswordResetRequired(Forbidden):
    """The password was right, but an admin demands a new one."""

    code = "password_reset_required"
    message = "You must set a new password. Use the link in the mail, or ask for another one."


class LinkRefused(Invalid):
    """The link's token is unknown, used, expired, revoked or of another kind; which is not said."""

    code = "link_refused"
    message = (
        "This link cannot be used: it was used before, or its time is over. Ask for a new one."
    )


class WrongPassword(Invalid):
    """The present password, asked for before a change, was wrong."""

    code = "wrong_password"
    message = "The present password is wrong."


class SecondFactorRefused(Unauthenticated):
    """The code, recovery code or passkey is wrong or was used; or the login took too long."""

    code = "second_factor_refused"
    message = "This second factor was not accepted. Try again, or log in once more."


class ProofRefused(Invalid):
    """What was shown to confirm an act did not hold."""

    code = "proof_refused"
    message = "This was not accepted: it is wrong, or was used before."


class StepUpRequired(Forbidden):
    """Sensitive acts need a proof that is at most ten minutes old."""

    code = "step_up_required"
    message = "Confirm first that it is you: POST /api/v1/auth/mfa/step-up."


class MfaIsOff(Forbidden):
    """The company's policy is `off`."""

    code = "mfa_off"
    message = "Your company does not use second factors."


class MfaIsRequired(Conflict):
    """The last second factor stays while the company demands one."""

    code = "mfa_required"
    message = "Your company demands a second factor. Add another one before removing this."


class MfaConflict(Conflict):
    """Nothing to confirm, or enrolled already."""

    code = "mfa_conflict"
    message = "This second factor is set up already, or was never begun."


class PasskeyNotFound(NotFound):
    """No such passkey, or one of somebody else."""

    code = "passkey_not_found"
    message = "There is no such passkey."


class SessionNotFound(NotFound):
    """No such session, one of somebody else, or one that is over."""

    code = "session_not_found"
    message = "There is no such session."


class InvitationNotFound(NotFound):
    """No such invitation, or one that is no longer open."""

    code = "invitation_not_found"
    message = "There is no such invitation."


class OwnAccount(Conflict):
    """Nobody locks themselves out, or lifts themselves up."""

    code = "own_account"
    message = "Not for your own account: another admin must do this."


class LastAdmin(Conflict):
    """A company that nobody could administer any more."""

    code = "last_admin"
    message = "This is the company's last active admin. Make somebody else one first."


class RoleNotAllowed(Forbidden):
    """A role above the one who gives it."""

    code = "role_not_allowed"
    message = "You may not give or change this role."


class RegistrationClosed(Forbidden):
    """A company's id alone lets nobody in, and whether it exists is not said either."""

    code = "registration_closed"
    message = "This company does not take registrations. Ask one of its admins to add you."


class TooManyAttempts(RateLimited):
    """Login is throttled by account, by address and by both together."""

    code = "too_many_attempts"
    message = "Too many login attempts. Wait a moment and try again."


class HashingBusy(Unavailable):
    """More passwords wait to be checked than the processors can get through soon."""

    code = "busy"
    message = "Too many people are logging in at this moment. Try again in a few seconds."


class MailServerUnavailable(Unavailable):
    """Mail waits until the server takes it again."""

    code = "mail_unavailable"
    message = "The mail server does not answer."


class MailNotTaken(Invalid):
    """No mail server will ever take this mail."""

    http_status = 422
    code = "mail_refused"
    message = "The mail server does not take this mail."


class LeadSessionOver(Conflict):
    """The session was ended, or is not this lead's."""

    code = "lead_session_over"
    message = "This session is over. Register again."


class CompanyNotFound(NotFound):
    """No such company, or another one than the caller's."""

    code = "company_not_found"
    message = "There is no such company."


class UserNotFound(NotFound):
    """No such user, or one of another company."""

    code = "user_not_found"
    message = "There is no such user."


class ApiKeyNotFound(NotFound):
    """No such API key, or one of somebody else."""

    code = "api_key_not_found"
    message = "There is no such API key."


class ScopeNotAllowed(Forbidden):
    """An API key can do no more than the user who makes it."""

    code = "scope_not_allowed"
    message = "Your role does not allow an API key with these scopes."


class UnknownScope(Invalid):
    """Neither one of the six scopes that API keys know, nor a permission."""

    code = "unknown_scope"
    message = (
        "API keys know the scopes read, write, update, delete, admin and full_access,"
        " and single permissions such as documents:read."
    )


class InvalidNetwork(Invalid):
    """Not an address or network that a key could be bound to."""

    code = "invalid_network"
    message = "Write addresses and networks as in 203.0.113.7 or 2001:db8::/32."


class ApiKeyNotUsable(Conflict):
    """Only a key that works can be replaced by another."""

    code = "api_key_not_usable"
    message = "This API key is revoked, expired or already replaced; make a new one."


class TooManyApiKeys(Conflict):
    """A bound on what one user can pile up."""

    code = "too_many_api_keys"
    message = "You have as many API keys as one user may have. Revoke one first."


class UnknownRateClass(Invalid):
    """Not a class of requests that a company can have a limit of its own for."""

    code = "unknown_rate_class"
    message = "There is no such class of requests; GET /api/v1/admin/rate-limits lists them."


class InvalidRate(Invalid):
    """Not so many requests in so many seconds."""

    code = "invalid_rate"
    message = "Write a limit as requests/seconds, as in 20/60."


class RateTooHigh(Forbidden):
    """A company may narrow its limits; only the platform widens them."""

    code = "rate_too_high"
    message = "You can set limits below the platform's, not above them."


class LogoNotFound(NotFound):
    """No such picture, or not any more."""

    code = "logo_not_found"
    message = "There is no such logo."


class NotAPicture(Invalid):
    """The content is none of the kinds of pictures that are kept, whatever its name says."""

    code = "not_a_picture"
    message = "A logo is a PNG, JPEG, GIF or WebP picture."


class LogoTooLarge(Invalid):
    """More than is kept of a logo."""

    http_status = 413
    code = "logo_too_large"
    message = "A logo may have 512 KiB at most."


class RoleNotFound(NotFound):
    """No such role, or one of another company."""

    code = "role_not_found"
    message = "There is no such role."


class RoleNameTaken(Conflict):
    """Names of roles are unique in a company; the built-in ones are taken everywhere."""

    code = "role_name_taken"
    message = "There is a role with this name already."


class RoleInUse(Conflict):
    """A role that somebody has cannot be deleted."""

    code = "role_in_use"
    message = "Some users still have this role. Give them another one first."


class TooManyRoles(Conflict):
    """A bound on what one company can pile up."""

    code = "too_many_roles"
    message = "The company has as many roles as it may have. Delete one first."


class UnknownPermission(Invalid):
    """A role is made of permissions that there are."""

    code = "unknown_permission"
    message = "There are no such permissions; GET /api/v1/permission lists those there are."


class PermissionNotYours(Forbidden):
    """Nobody hands out what they may not do themselves."""

    code = "permission_not_yours"
    message = "You cannot hand out permissions that you do not have yourself."


class AdminNotNarrowed(Conflict):
    """Roles of a company's own are for its users; admins may do everything in it."""

    code = "admin_not_narrowed"
    message = "Admins may do everything in the company: give them the role `user` first."
