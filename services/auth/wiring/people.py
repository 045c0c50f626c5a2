"""Sessions, passwords, second factors and mails put together: the part of auth about people."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.rate_limits import Rate, RateLimiter
from libs.common.resources import Resources
from libs.common.security import Caller
from services.auth.adapters.attempt_budgets import AttemptBudgets
from services.auth.adapters.login_throttle import (
    DEFAULT_RATE,
    MAIL_RATE,
    SECOND_FACTOR_RATE,
    Throttle,
)
from services.auth.adapters.mail_senders import (
    FolderMailSender,
    NoMailSender,
    SmtpMailSender,
    SmtpServer,
)
from services.auth.domain.policies import MfaPolicy
from services.auth.domain.ports import (
    AccessTokens,
    LoginThrottle,
    MailSender,
    PasswordHasher,
    Revocations,
)
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.emails import Emails
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.settings import Settings
from services.auth.use_cases.add_user_anywhere import AddUserAnywhere
from services.auth.use_cases.change_any_user import ChangeAnyUser
from services.auth.use_cases.change_password import ChangePassword
from services.auth.use_cases.check_second_factor import CheckSecondFactor
from services.auth.use_cases.delete_user import DeleteUser
from services.auth.use_cases.end_sessions import EndSession, ListSessions, LogOutEverywhere
from services.auth.use_cases.enroll_passkey import (
    AddPasskey,
    BeginPasskey,
    ListPasskeys,
    RemovePasskey,
)
from services.auth.use_cases.enroll_totp import (
    BeginTotp,
    ConfirmTotp,
    DisableTotp,
    RenewRecoveryCodes,
)
from services.auth.use_cases.impersonate_user import ImpersonateUser
from services.auth.use_cases.invite_user import InviteUser, ListInvitations, RevokeInvitation
from services.auth.use_cases.manage_users import (
    ForcePasswordReset,
    ResetMfa,
    SetUserRole,
    SetUserStatus,
)
from services.auth.use_cases.send_mails import (
    SendInvitationMail,
    SendNoticeMail,
    SendPasswordResetMail,
    SendVerificationMail,
)
from services.auth.use_cases.set_policy import SetPolicy, ShowMfa, ShowPolicy
from services.auth.use_cases.step_up import BeginStepUp, StepUp


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What use cases are made of, beside the caller they act for."""

    hasher: PasswordHasher
    revocations: Revocations
    credentials: Credentials
    throttle: LoginThrottle
    check: CheckSecondFactor
    access_tokens: AccessTokens
    default_mfa: MfaPolicy


@dataclass(frozen=True, kw_only=True)
class PeopleUseCases:
    """What a verified caller can do about people and how they log in."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    parts: Parts

    @property
    def list_sessions(self) -> ListSessions:
        return ListSessions(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def end_session(self) -> EndSession:
        return EndSession(
            caller=self.caller, unit_of_work=self.unit_of_work, revocations=self.parts.revocations
        )

    @property
    def log_out_everywhere(self) -> LogOutEverywhere:
        return LogOutEverywhere(
            caller=self.caller, unit_of_work=self.unit_of_work, revocations=self.parts.revocations
        )

    @property
    def change_password(self) -> ChangePassword:
        return ChangePassword(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            hasher=self.parts.hasher,
            throttle=self.parts.throttle,
            revocations=self.parts.revocations,
        )

    @property
    def invite_user(self) -> InviteUser:
        return InviteUser(
            caller=self.caller, unit_of_work=self.unit_of_work, throttle=self.parts.throttle
        )

    @property
    def list_invitations(self) -> ListInvitations:
        return ListInvitations(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def revoke_invitation(self) -> RevokeInvitation:
        return RevokeInvitation(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def set_user_status(self) -> SetUserStatus:
        return SetUserStatus(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            credentials=self.parts.credentials,
            revocations=self.parts.revocations,
        )

    @property
    def set_user_role(self) -> SetUserRole:
        return SetUserRole(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            credentials=self.parts.credentials,
            revocations=self.parts.revocations,
        )

    @property
    def force_password_reset(self) -> ForcePasswordReset:
        return ForcePasswordReset(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            credentials=self.parts.credentials,
            revocations=self.parts.revocations,
        )

    @property
    def add_user_anywhere(self) -> AddUserAnywhere:
        return AddUserAnywhere(
            caller=self.caller, unit_of_work=self.unit_of_work, hasher=self.parts.hasher
        )

    @property
    def change_any_user(self) -> ChangeAnyUser:
        return ChangeAnyUser(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            credentials=self.parts.credentials,
            revocations=self.parts.revocations,
        )

    @property
    def delete_user(self) -> DeleteUser:
        return DeleteUser(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            credentials=self.parts.credentials,
            revocations=self.parts.revocations,
        )

    @property
    def reset_mfa(self) -> ResetMfa:
        return ResetMfa(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            credentials=self.parts.credentials,
            revocations=self.parts.revocations,
        )

    @property
    def impersonate_user(self) -> ImpersonateUser:
        return ImpersonateUser(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            credentials=self.parts.credentials,
            access_tokens=self.parts.access_tokens,
        )

    @property
    def show_mfa(self) -> ShowMfa:
        return ShowMfa(
            caller=self.caller, unit_of_work=self.unit_of_work, default_mfa=self.parts.default_mfa
        )

    @property
    def show_policy(self) -> ShowPolicy:
        return ShowPolicy(
            caller=self.caller, unit_of_work=self.unit_of_work, default_mfa=self.parts.default_mfa
        )

    @property
    def set_policy(self) -> SetPolicy:
        return SetPolicy(
            caller=self.caller, unit_of_work=self.unit_of_work, default_mfa=self.parts.default_mfa
        )

    @property
    def begin_totp(self) -> BeginTotp:
        return BeginTotp(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            check=self.parts.check,
            default_mfa=self.parts.default_mfa,
        )

    @property
    def confirm_totp(self) -> ConfirmTotp:
        return ConfirmTotp(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            check=self.parts.check,
            throttle=self.parts.throttle,
        )

    @property
    def disable_totp(self) -> DisableTotp:
        return DisableTotp(
            caller=self.caller, unit_of_work=self.unit_of_work, default_mfa=self.parts.default_mfa
        )

    @property
    def renew_recovery_codes(self) -> RenewRecoveryCodes:
        return RenewRecoveryCodes(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def begin_step_up(self) -> BeginStepUp:
        return BeginStepUp(
            caller=self.caller, unit_of_work=self.unit_of_work, check=self.parts.check
        )

    @property
    def step_up(self) -> StepUp:
        return StepUp(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            credentials=self.parts.credentials,
            hasher=self.parts.hasher,
            throttle=self.parts.throttle,
            check=self.parts.check,
            default_mfa=self.parts.default_mfa,
        )

    @property
    def begin_passkey(self) -> BeginPasskey:
        return BeginPasskey(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            check=self.parts.check,
            default_mfa=self.parts.default_mfa,
        )

    @property
    def add_passkey(self) -> AddPasskey:
        return AddPasskey(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            credentials=self.parts.credentials,
            check=self.parts.check,
        )

    @property
    def list_passkeys(self) -> ListPasskeys:
        return ListPasskeys(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def remove_passkey(self) -> RemovePasskey:
        return RemovePasskey(
            caller=self.caller, unit_of_work=self.unit_of_work, default_mfa=self.parts.default_mfa
        )


@dataclass(frozen=True, kw_only=True)
class MailJobs:
    """What the worker does with jobs about mails."""

    send_verification: SendVerificationMail
    send_password_reset: SendPasswordResetMail
    send_invitation: SendInvitationMail
    send_notice: SendNoticeMail


def mail_jobs(resources: Resources) -> MailJobs:
    """Put together what sends mails; the worker needs nothing else of this."""
    settings = auth_settings(resources)
    emails = Emails(resources.database, resources.key_ring)

    def unit_of_work(tenant_id: UUID, *, read_only: bool = False) -> AuthUnitOfWork:
        return AuthUnitOfWork(resources.database, tenant_id, emails=emails, read_only=read_only)

    sender = mail_sender(settings)
    url = settings.public_url
    return MailJobs(
        send_verification=SendVerificationMail(
            unit_of_work=unit_of_work, sender=sender, public_url=url
        ),
        send_password_reset=SendPasswordResetMail(
            unit_of_work=unit_of_work, sender=sender, public_url=url
        ),
        send_invitation=SendInvitationMail(
            unit_of_work=unit_of_work, sender=sender, public_url=url
        ),
        send_notice=SendNoticeMail(unit_of_work=unit_of_work, sender=sender),
    )


def auth_settings(resources: Resources) -> Settings:
    """Return the process's settings as those of auth."""
    settings = resources.settings
    if not isinstance(settings, Settings):
        raise TypeError("these are another service's settings")
    return settings


def mail_sender(settings: Settings) -> MailSender:
    """Return what hands mails over, as the operator has set it up."""
    if settings.smtp_url is not None:
        server = SmtpServer.parse(settings.smtp_url.get_secret_value())
        return SmtpMailSender(server, sender=settings.mail_from)
    if settings.mail_folder is not None:
        return FolderMailSender(settings.mail_folder, sender=settings.mail_from)
    return NoMailSender()


def throttle_of(resources: Resources) -> LoginThrottle:
    """Return what bounds attempts, at the rates that the environment names."""
    budgets = AttemptBudgets(RateLimiter(resources.quick_redis), resources.database)
    configured = resources.settings.rate_limits

    def rate(name: str, default: Rate) -> Rate:
        return Rate.parse(configured[name]) if name in configured else default

    return Throttle(
        budgets,
        rate("login", DEFAULT_RATE),
        second_factor=rate("second_factor", SECOND_FACTOR_RATE),
        mail=rate("mail", MAIL_RATE),
    )
