"""Claiming and proving e-mail domains, against a real name server."""

from datetime import timedelta
from uuid import uuid4

import pytest

from libs.common.database import Database
from services.auth.adapters.txt_records import DnsTxtRecords
from services.auth.domain.accounts import Role
from services.auth.domain.clock import utc_now
from services.auth.domain.email_domains import RECHECK_AFTER
from services.auth.models.invitations import Invitation
from services.auth.repositories.email_domains import DomainsDue
from services.auth.use_cases.recheck_domains import RecheckDomains
from tests.auth.conftest import NOBODY, AuthService, Person
from tests.auth.federation import DOMAINS, NameServer, prove_domain


def new_domain() -> str:
    return f"{uuid4().hex[:12]}.test"


class TestAccess:
    async def test_strangers_others_and_mere_users_stay_out(
        self, auth: AuthService, acme: Person, globex: Person, name_server: NameServer
    ) -> None:
        proven = await prove_domain(auth, name_server, acme, new_domain())
        path = f"{DOMAINS}/{proven['id']}"

        assert (await auth.get(DOMAINS)).status_code == 401
        assert (await auth.post(DOMAINS, json={"domain": "x.test"})).status_code == 401
        foreign = await auth.post(f"{path}/verify", headers=globex.bearer)
        missing = await auth.post(f"{DOMAINS}/{NOBODY}/verify", headers=globex.bearer)
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() | {"request_id": ""} == missing.json() | {"request_id": ""}
        listed = await auth.get(DOMAINS, headers=globex.bearer)
        assert listed.json() == {"domains": []}
        removed = await auth.client.delete(path, headers=globex.bearer)
        assert removed.status_code == 404

    async def test_api_keys_stay_out(self, auth: AuthService, acme: Person) -> None:
        made = await auth.post(
            "/api/v1/auth/api-keys", json={"scopes": ["full_access"]}, headers=acme.bearer
        )
        pair = {"x-api-key": made.json()["api_key"], "x-api-secret": made.json()["api_secret"]}

        assert (await auth.get(DOMAINS, headers=pair)).status_code == 403


class TestClaims:
    @pytest.mark.parametrize(
        ("domain", "code"),
        [
            ("gmail.com", "public_mail_provider"),
            ("Outlook.COM.", "public_mail_provider"),
            ("localhost", "invalid_domain"),
            ("ada@acme.test", "invalid_domain"),
            ("127.0.0.1", "invalid_domain"),
            ("a..test", "invalid_domain"),
            ("-bad-.test", "invalid_domain"),
            ("x" * 64 + ".test", "invalid_domain"),
        ],
    )
    async def test_refuses_what_proves_nothing(
        self, auth: AuthService, acme: Person, domain: str, code: str
    ) -> None:
        reply = await auth.post(DOMAINS, json={"domain": domain}, headers=acme.bearer)

        assert (reply.status_code, reply.json()["code"]) == (400, code)

    async def test_is_kept_once_in_one_spelling(self, auth: AuthService, acme: Person) -> None:
        name = uuid4().hex[:8]
        first = await auth.post(
            DOMAINS, json={"domain": f"Bücher-{name}.TEST."}, headers=acme.bearer
        )
        again = await auth.post(
            DOMAINS, json={"domain": f"bücher-{name}.test"}, headers=acme.bearer
        )

        assert first.json()["domain"].startswith("xn--bcher-")
        assert first.json()["status"] == "pending"
        assert (again.status_code, again.json()["code"]) == (409, "domain_claimed")


class TestProof:
    async def test_needs_the_record(
        self, auth: AuthService, acme: Person, name_server: NameServer
    ) -> None:
        claimed = (
            await auth.post(DOMAINS, json={"domain": new_domain()}, headers=acme.bearer)
        ).json()
        verify = f"{DOMAINS}/{claimed['id']}/verify"
        record = claimed["record"]

        without = await auth.post(verify, headers=acme.bearer)
        name_server.texts[record["name"]] = [record["value"] + "0"]
        wrong = await auth.post(verify, headers=acme.bearer)
        name_server.texts[record["name"]] = ["something else", record["value"]]
        right = await auth.post(verify, headers=acme.bearer)

        assert (without.status_code, without.json()["code"]) == (409, "domain_not_proven")
        assert (wrong.status_code, wrong.json()["code"]) == (409, "domain_not_proven")
        assert (right.status_code, right.json()["status"]) == (200, "proven")

    async def test_silent_name_servers_are_told_apart(
        self, auth: AuthService, acme: Person, name_server: NameServer
    ) -> None:
        claimed = await auth.post(DOMAINS, json={"domain": new_domain()}, headers=acme.bearer)
        name_server.is_failing = True
        try:
            reply = await auth.post(f"{DOMAINS}/{claimed.json()['id']}/verify", headers=acme.bearer)
        finally:
            name_server.is_failing = False

        assert (reply.status_code, reply.json()["code"]) == (503, "dns_unavailable")

    async def test_a_domain_is_one_companys_until_it_gives_it_up(
        self, auth: AuthService, acme: Person, globex: Person, name_server: NameServer
    ) -> None:
        domain = new_domain()
        first = await prove_domain(auth, name_server, acme, domain)
        claimed = (await auth.post(DOMAINS, json={"domain": domain}, headers=globex.bearer)).json()
        record = claimed["record"]
        name_server.texts[record["name"]].append(record["value"])
        verify = f"{DOMAINS}/{claimed['id']}/verify"

        taken = await auth.post(verify, headers=globex.bearer)
        await auth.client.delete(f"{DOMAINS}/{first['id']}", headers=acme.bearer)
        free = await auth.post(verify, headers=globex.bearer)

        assert (taken.status_code, taken.json()["code"]) == (409, "domain_taken")
        assert free.status_code == 200


class TestAdmission:
    async def test_only_an_opened_proven_domain_admits(
        self, auth: AuthService, acme: Person, globex: Person, name_server: NameServer
    ) -> None:
        admit = auth.wiring.public.sso.admit_by_domain
        domain = new_domain()
        proven = await prove_domain(auth, name_server, acme, domain)
        email = f"new@{domain.upper()}"

        closed = await admit(email)
        opened = await auth.client.patch(
            f"{DOMAINS}/{proven['id']}", json={"admits_registration": True}, headers=acme.bearer
        )

        assert closed is None
        assert opened.json()["admits_registration"] is True
        assert await admit(email) == acme.tenant_id
        assert await admit(email, tenant_id=globex.tenant_id) is None
        assert await admit(f"new@sub.{domain}") is None
        assert await admit("new@gmail.com") is None
        assert await admit("nonsense") is None


class TestRecheck:
    async def test_a_record_that_stays_away_loses_the_domain(
        self, auth: AuthService, acme: Person, name_server: NameServer, database: Database
    ) -> None:
        kept = await prove_domain(auth, name_server, acme, new_domain())
        lost = await prove_domain(auth, name_server, acme, new_domain())
        now = utc_now()
        recheck = RecheckDomains(
            unit_of_work=auth.wiring.unit_of_work,
            due=DomainsDue(database),
            records=DnsTxtRecords([name_server.address]),
            clock=lambda: now,
        )

        async def states() -> dict[str, str]:
            listed = (await auth.get(DOMAINS, headers=acme.bearer)).json()["domains"]
            return {one["id"]: one["status"] for one in listed}

        invitations = [
            Invitation.to(f"{name}@{domain}", role=Role.USER, invited_by=by, now=now)
            for name, domain, by in (
                ("asked", lost["domain"], None),
                ("invited", lost["domain"], acme.user_id),
                ("asked", kept["domain"], None),
            )
        ]
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            for invitation in invitations:
                uow.invitations.add(invitation)

        del name_server.texts[lost["record"]["name"]]
        seen = []
        for failing in (False, True, False, False):
            now += RECHECK_AFTER + timedelta(minutes=1)
            name_server.is_failing = failing
            await recheck()
            name_server.is_failing = False
            seen.append((await states())[lost["id"]])

        # The second day counted for nothing: the name server was down.
        assert seen == ["proven", "proven", "proven", "pending"]
        assert (await states())[kept["id"]] == "proven"
        # Who asked by that domain is not let in by it any more; an admin's word stands.
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            now_open = {one.email for one in await uow.invitations.open(now=utc_now())}
        assert now_open == {f"invited@{lost['domain']}", f"asked@{kept['domain']}"}
