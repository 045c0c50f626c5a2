"""What anybody can do, put together."""

from dataclasses import dataclass

from libs.common.resources import Resources
from services.auth.adapters.service_health import HttpServiceProbe
from services.auth.domain.ports import ServiceProbe
from services.auth.repositories.logos import LogoShelf
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.settings import Settings
from services.auth.use_cases.accept_invitation import AcceptInvitation
from services.auth.use_cases.check_platform_health import SERVICES, CheckPlatformHealth
from services.auth.use_cases.company_logo import ShowLogo
from services.auth.use_cases.complete_login import CompleteLogIn
from services.auth.use_cases.create_company import CreateCompany
from services.auth.use_cases.log_in import LogIn
from services.auth.use_cases.log_in_with_passkey import BeginPasskeyLogIn, LogInWithPasskey
from services.auth.use_cases.refresh_session import RefreshSession
from services.auth.use_cases.register_user import RegisterUser
from services.auth.use_cases.release_address import ReleaseAddress
from services.auth.use_cases.request_invitation import RequestInvitation
from services.auth.use_cases.reset_password import RequestPasswordReset, ResetPassword
from services.auth.use_cases.seed_super_admin import SeedSuperAdmin
from services.auth.use_cases.start_session import StartSession
from services.auth.use_cases.verify_email import RequestVerification, VerifyEmail
from services.auth.wiring.federation import (
    Federation,
    SsoUseCases,
    single_sign_on,
)
from services.auth.wiring.people import Parts


@dataclass(frozen=True, kw_only=True)
class PublicUseCases:
    """What anybody can do, without credentials or to get some."""

    register_user: RegisterUser
    create_company: CreateCompany
    show_logo: ShowLogo
    log_in: LogIn
    refresh_session: RefreshSession
    complete_log_in: CompleteLogIn
    begin_passkey_log_in: BeginPasskeyLogIn
    log_in_with_passkey: LogInWithPasskey
    accept_invitation: AcceptInvitation
    request_invitation: RequestInvitation
    request_verification: RequestVerification
    verify_email: VerifyEmail
    request_password_reset: RequestPasswordReset
    reset_password: ResetPassword
    seed_super_admin: SeedSuperAdmin
    check_platform_health: CheckPlatformHealth
    sso: SsoUseCases


def public_use_cases(
    resources: Resources,
    settings: Settings,
    parts: Parts,
    federation: Federation,
    unit_of_work: OpenUnitOfWork,
) -> PublicUseCases:
    """Put together what needs no caller."""
    credentials, throttle, policy = parts.credentials, parts.throttle, parts.default_mfa
    start_session = StartSession(access_tokens=parts.access_tokens, default_mfa=policy)
    release = ReleaseAddress(unit_of_work=unit_of_work, credentials=credentials)
    sso = single_sign_on(
        resources,
        federation,
        unit_of_work=unit_of_work,
        hasher=parts.hasher,
        revocations=parts.revocations,
        start_session=start_session,
        release=release,
    )
    password = settings.super_admin_password
    return PublicUseCases(
        register_user=RegisterUser(
            unit_of_work=unit_of_work, hasher=parts.hasher, start_session=start_session
        ),
        create_company=CreateCompany(unit_of_work=unit_of_work),
        show_logo=ShowLogo(logos=LogoShelf(resources.database)),
        log_in=LogIn(
            unit_of_work=unit_of_work,
            credentials=credentials,
            hasher=parts.hasher,
            throttle=throttle,
            start_session=start_session,
            check=parts.check,
            default_mfa=policy,
        ),
        refresh_session=RefreshSession(
            unit_of_work=unit_of_work,
            credentials=credentials,
            key_ring=resources.key_ring,
            access_tokens=parts.access_tokens,
            revocations=parts.revocations,
            default_mfa=policy,
        ),
        complete_log_in=CompleteLogIn(
            unit_of_work=unit_of_work,
            credentials=credentials,
            throttle=throttle,
            check=parts.check,
            start_session=start_session,
        ),
        begin_passkey_log_in=BeginPasskeyLogIn(
            unit_of_work=unit_of_work, passkeys=parts.check.passkeys
        ),
        log_in_with_passkey=LogInWithPasskey(
            unit_of_work=unit_of_work,
            credentials=credentials,
            passkeys=parts.check.passkeys,
            start_session=start_session,
            default_mfa=policy,
        ),
        accept_invitation=AcceptInvitation(
            unit_of_work=unit_of_work,
            credentials=credentials,
            hasher=parts.hasher,
            start_session=start_session,
            release=release,
        ),
        request_invitation=RequestInvitation(
            unit_of_work=unit_of_work, admission=sso.admit_by_domain, throttle=throttle
        ),
        request_verification=RequestVerification(
            unit_of_work=unit_of_work, credentials=credentials, throttle=throttle
        ),
        verify_email=VerifyEmail(unit_of_work=unit_of_work, credentials=credentials),
        request_password_reset=RequestPasswordReset(
            unit_of_work=unit_of_work, credentials=credentials, throttle=throttle
        ),
        reset_password=ResetPassword(
            unit_of_work=unit_of_work,
            credentials=credentials,
            hasher=parts.hasher,
            revocations=parts.revocations,
        ),
        seed_super_admin=SeedSuperAdmin(
            email=settings.super_admin_email,
            password=password.get_secret_value() if password else None,
            unit_of_work=unit_of_work,
            credentials=credentials,
            hasher=parts.hasher,
        ),
        check_platform_health=CheckPlatformHealth(probe=_service_probe(resources)),
        sso=sso,
    )


def _service_probe(resources: Resources) -> ServiceProbe:
    urls = {name: str(getattr(resources.settings, f"{name}_url")) for name in SERVICES}
    return HttpServiceProbe(resources.http, urls)
