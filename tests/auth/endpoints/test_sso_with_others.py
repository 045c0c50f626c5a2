"""Single sign-on beside directories, roles of the company's own, passkeys and second factors."""

from tests.auth.conftest import PASSWORD, AuthService, Person, log_in
from tests.auth.directories import directory_of
from tests.auth.endpoints.test_passkeys import enroll, log_in_alone
from tests.auth.federation import POLICY, Company, NewBrowser, Provider
from tests.auth.second_factors import set_policy

ROLE = "/api/v1/role"
KEYS = "/api/v1/auth/api-keys"


async def test_a_directorys_group_gives_a_role_to_who_comes_through_the_provider(
    auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
) -> None:
    admin = company.admin
    made = await auth.post(
        ROLE, json={"name": "Auditors", "permissions": ["audit:read"]}, headers=admin.bearer
    )
    mapping = {"group_roles": {"Auditing": made.json()["id"]}}
    await auth.client.put(POLICY, json=mapping, headers=admin.bearer)
    email = company.new_email()
    directory = await directory_of(auth, admin)
    pushed = await directory.add_user(userName=email, emails=[{"value": email, "primary": True}])

    async def may(bearer: dict[str, str]) -> tuple[int, int]:
        trail = await auth.get("/api/v1/audit-log", headers=bearer)
        keys = await auth.get(KEYS, headers=bearer)
        return trail.status_code, keys.status_code

    async def through_the_provider() -> dict[str, str]:
        reply = await new_browser().log_in(email, name=name)
        assert reply.json()["user"]["id"] == pushed["id"]
        return {"authorization": f"Bearer {reply.json()['access_token']}"}

    name = provider.put_person(email)
    before = await may(await through_the_provider())
    await directory.add_group("Auditing", pushed["id"])
    after = await may(await through_the_provider())

    assert (before, after) == ((403, 200), (200, 403))


async def test_a_passkey_is_no_way_past_the_provider(auth: AuthService, company: Company) -> None:
    email = company.new_email()
    await auth.post(
        "/api/v1/auth/user",
        json={"email": email, "password": PASSWORD, "first_name": "A", "last_name": "B"},
        headers=company.admin.bearer,
    )
    login = (await log_in(auth, email)).json()
    person = Person(
        email=email,
        user_id=login["user"]["id"],
        tenant_id=company.admin.tenant_id,
        access_token=login["access_token"],
        refresh_token=login["refresh_token"],
    )
    passkey, _ = await enroll(auth, person)
    open_to_all = await log_in_alone(auth, passkey)
    wanted = {"sso_only": True, "break_glass_user_id": str(company.admin.user_id)}
    closed = await auth.client.put(POLICY, json=wanted, headers=company.admin.bearer)
    assert closed.status_code == 200, closed.text

    refused = await log_in_alone(auth, passkey)

    assert open_to_all.status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (403, "sso_required")


async def test_who_comes_through_the_provider_enrolls_no_factor_of_ours(
    auth: AuthService, company: Company, provider: Provider, new_browser: NewBrowser
) -> None:
    await set_policy(auth, company.admin, mfa="required_all")
    email = company.new_email()

    reply = await new_browser().log_in(email, name=provider.put_person(email))

    bearer = {"authorization": f"Bearer {reply.json()['access_token']}"}
    assert (await auth.get(KEYS, headers=bearer)).status_code == 200
