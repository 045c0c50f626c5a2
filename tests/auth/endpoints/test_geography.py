"""Countries, states and cities: the platform's, and a company's own."""

import httpx
import pytest

from libs.common.contract import PUBLIC_ROUTES
from libs.common.database import PLATFORM_TENANT, Database
from services.auth.repositories import geography
from services.auth.use_cases import addresses
from tests.auth.conftest import AuthService, Person, add_colleague
from tests.auth.endpoints.test_api_keys import make_key

API = "/api/v1"
GERMANY, BERLIN_STATE, BERLIN = 2921044, 2950157, 2950159
NOWHERE = 2**53 - 2


async def send(
    auth: AuthService, person: Person, method: str, path: str, **body: object
) -> httpx.Response:
    return await auth.client.request(method, API + path, json=body, headers=person.bearer)


async def name_of(auth: AuthService, path: str, person: Person | None = None) -> str | None:
    reply = await auth.get(API + path, headers=person.bearer if person else {})
    return reply.json()["name"] if reply.status_code == 200 else None


WRITES = [
    ("POST", "/country", {"name": "Erewhon"}),
    ("PATCH", f"/country/{GERMANY}", {"name": "Erewhon"}),
    ("POST", "/state", {"name": "North", "country_id": GERMANY}),
    ("PATCH", f"/state/{BERLIN_STATE}", {"name": "North"}),
    ("POST", "/city", {"name": "Port", "state_id": BERLIN_STATE}),
    ("PATCH", f"/city/{BERLIN}", {"name": "Port"}),
]


class TestAccess:
    @pytest.mark.parametrize(("method", "path", "body"), WRITES)
    async def test_only_admins_change_places(
        self, auth: AuthService, acme: Person, method: str, path: str, body: dict[str, object]
    ) -> None:
        colleague = await add_colleague(auth, acme)
        key = await make_key(auth, acme, scopes=["read", "write"])

        stranger = await auth.client.request(method, API + path, json=body)
        user = await send(auth, colleague, method, path, **body)
        by_key = await auth.client.request(method, API + path, json=body, headers=key)

        assert [one.status_code for one in (stranger, user, by_key)] == [401, 403, 403]

    async def test_what_a_company_adds_is_its_own(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        country = (await send(auth, acme, "POST", "/country", name="Erewhon")).json()["id"]
        body = {"name": "North", "country_id": country}
        state = (await send(auth, acme, "POST", "/state", **body)).json()["id"]
        city_body = {"name": "Port", "state_id": state}
        city = (await send(auth, acme, "POST", "/city", **city_body)).json()["id"]
        paths = (f"/country/{country}", f"/state/{state}", f"/city/{city}")

        for path in (*paths, f"/state/country/{country}", f"/city/state/{state}"):
            assert (await auth.get(API + path, headers=acme.bearer)).status_code == 200
            missing = path.replace(path.rpartition("/")[2], str(NOWHERE))
            for headers in ({}, globex.bearer):
                foreign = await auth.get(API + path, headers=headers)
                nothing = await auth.get(API + missing, headers=headers)
                assert foreign.status_code == nothing.status_code == 404
                assert foreign.json() | {"request_id": ""} == nothing.json() | {"request_id": ""}
        for path in paths:
            foreign = await send(auth, globex, "PATCH", path, name="Stolen")
            assert foreign.status_code == 404
            assert await name_of(auth, path, acme) in ("Erewhon", "North", "Port")
        for kind, parent in (("state", {"country_id": country}), ("city", {"state_id": state})):
            reply = await send(auth, globex, "POST", f"/{kind}", name="Mine", **parent)
            assert reply.status_code == 404

    async def test_nobody_writes_shared_rows(self, database: Database, acme: Person) -> None:
        for tenant in (acme.tenant_id, PLATFORM_TENANT):
            async with database.lean(tenant) as connection:
                done = await connection.execute(
                    "UPDATE countries SET name = 'Stolen' WHERE tenant_id = $1", PLATFORM_TENANT
                )
            assert done == "UPDATE 0"


class TestShared:
    async def test_are_there_for_everybody(self, auth: AuthService) -> None:
        countries = (await auth.get(f"{API}/country")).json()
        germany = (await auth.get(f"{API}/country/{GERMANY}")).json()
        berlin = (await auth.get(f"{API}/state/{BERLIN_STATE}")).json()
        city = (await auth.get(f"{API}/city/{BERLIN}")).json()

        assert len(countries["countries"]) == 250
        assert countries["data"] == countries["countries"]
        names = [one["name"].lower() for one in countries["data"]]
        assert names == sorted(names)
        assert (germany["name"], germany["iso2"], len(germany["states"])) == ("Germany", "DE", 16)
        assert germany["state"] == germany["states"]
        assert (berlin["name"], berlin["country_id"]) == ("Berlin", GERMANY)
        assert BERLIN in {one["id"] for one in berlin["cities"]}
        assert (city["name"], city["state_id"]) == ("Berlin", BERLIN_STATE)
        states = (await auth.get(f"{API}/state/country/{GERMANY}")).json()
        cities = (await auth.get(f"{API}/city/state/{BERLIN_STATE}")).json()
        assert states["data"] == germany["states"]
        assert cities["data"] == berlin["cities"]
        shown = set(PUBLIC_ROUTES["GET", f"{API}/country/{{country_id}}"])
        assert set(germany) | set(germany["states"][0]) <= shown

    async def test_hang_together(self, database: Database) -> None:
        async with database.lean(PLATFORM_TENANT) as connection:
            orphans = await connection.fetchval("""
                SELECT (SELECT count(*) FROM states s WHERE NOT EXISTS (
                            SELECT FROM countries c WHERE c.id = s.country_id))
                     + (SELECT count(*) FROM cities t WHERE NOT EXISTS (
                            SELECT FROM states s WHERE s.id = t.state_id))
                     + (SELECT count(*) FROM countries c WHERE NOT EXISTS (
                            SELECT FROM states s WHERE s.country_id = c.id))
            """)
            cities = await connection.fetchval("SELECT count(*) FROM cities")

        assert orphans == 0
        assert cities > 30_000

    async def test_the_seed_route_says_that_they_are(self, auth: AuthService) -> None:
        for _ in range(2):
            reply = await auth.get(f"{API}/address-seed")
            assert reply.json() == {
                "message": "250 countries are in place, with states and cities."
            }

    @pytest.mark.parametrize("path", ["country", "state", "city", "state/country", "city/state"])
    @pytest.mark.parametrize(
        ("place", "status"), [(NOWHERE, 404), (0, 400), (-1, 400), ("x", 400), (2**63, 400)]
    )
    async def test_odd_ids_are_told(
        self, auth: AuthService, path: str, place: object, status: int
    ) -> None:
        assert (await auth.get(f"{API}/{path}/{place}")).status_code == status


class TestShadows:
    async def test_are_seen_by_their_company_only(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        changed = await send(
            auth, acme, "PATCH", f"/country/{GERMANY}", name="Deutschland", iso_code="deu"
        )

        assert changed.json()["country"]["id"] == GERMANY
        assert await name_of(auth, f"/country/{GERMANY}", acme) == "Deutschland"
        assert await name_of(auth, f"/country/{GERMANY}", globex) == "Germany"
        assert await name_of(auth, f"/country/{GERMANY}") == "Germany"
        listed = (await auth.get(f"{API}/country", headers=acme.bearer)).json()["countries"]
        assert [one["iso_code"] for one in listed if one["id"] == GERMANY] == ["DEU"]
        assert len(listed) == 250
        # What is left out stays, and the next change is to the same row.
        again = await send(auth, acme, "PATCH", f"/country/{GERMANY}", name="Germania")
        assert again.json()["iso_code"] == "DEU"

    async def test_may_lie_elsewhere(self, auth: AuthService, acme: Person) -> None:
        country = (await send(auth, acme, "POST", "/country", name="Erewhon")).json()["id"]

        moved = await send(auth, acme, "PATCH", f"/state/{BERLIN_STATE}", country_id=country)

        assert moved.status_code == 200, moved.text
        of_germany = (await auth.get(f"{API}/country/{GERMANY}", headers=acme.bearer)).json()
        of_own = (await auth.get(f"{API}/country/{country}", headers=acme.bearer)).json()
        assert len(of_germany["states"]) == 15
        assert [one["id"] for one in of_own["states"]] == [BERLIN_STATE]
        cities = (await auth.get(f"{API}/state/{BERLIN_STATE}", headers=acme.bearer)).json()
        assert BERLIN in {one["id"] for one in cities["cities"]}

    async def test_of_cities_keep_the_rest(self, auth: AuthService, acme: Person) -> None:
        changed = await send(auth, acme, "PATCH", f"/city/{BERLIN}", postal_code_prefix="10")

        assert changed.json()["city"] == {
            "id": BERLIN,
            "name": "Berlin",
            "state_id": BERLIN_STATE,
            "postal_code_prefix": "10",
        }


class TestOwn:
    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            ("country", {"name": "gErMaNy"}),
            ("state", {"name": "BAYERN", "country_id": GERMANY}),
            ("city", {"name": "berlin", "state_id": BERLIN_STATE}),
        ],
    )
    async def test_are_there_once(
        self, auth: AuthService, acme: Person, kind: str, body: dict[str, object]
    ) -> None:
        shared = await send(auth, acme, "POST", f"/{kind}", **body)
        first = await send(auth, acme, "POST", f"/{kind}", **body | {"name": "Erewhon"})
        second = await send(auth, acme, "POST", f"/{kind}", **body | {"name": "EREWHON"})

        assert (shared.status_code, first.status_code, second.status_code) == (409, 201, 409)
        assert shared.json()["code"] == second.json()["code"] == "place_exists"
        path = f"/{kind}/{first.json()['id']}"
        renamed = await send(auth, acme, "PATCH", path, name=str(body["name"]))
        assert renamed.status_code == 409

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", "/country", {}),
            ("POST", "/country", {"name": " "}),
            ("POST", "/country", {"name": "x" * 101}),
            ("POST", "/country", {"name": "Erewhon", "iso_code": "EREW"}),
            ("POST", "/state", {"name": "North"}),
            ("POST", "/state", {"name": "North", "country_id": "DE"}),
            ("POST", "/city", {"name": "Port", "state_id": 1, "postal_code_prefix": "1" * 11}),
            ("PATCH", f"/country/{GERMANY}", {}),
            ("PATCH", f"/city/{BERLIN}", {"state_id": 2**60}),
        ],
    )
    async def test_bad_input_is_told(
        self, auth: AuthService, acme: Person, method: str, path: str, body: dict[str, object]
    ) -> None:
        reply = await send(auth, acme, method, path, **body)

        assert (reply.status_code, reply.json()["code"]) == (400, "validation_error")

    @pytest.mark.parametrize(
        ("path", "body", "code"),
        [
            ("/state", {"name": "North", "country_id": NOWHERE}, "country_not_found"),
            ("/city", {"name": "Port", "state_id": NOWHERE}, "state_not_found"),
        ],
    )
    async def test_lie_somewhere(
        self, auth: AuthService, acme: Person, path: str, body: dict[str, object], code: str
    ) -> None:
        reply = await send(auth, acme, "POST", path, **body)

        assert (reply.status_code, reply.json()["code"]) == (404, code)


ADDRESS = {
    "street_address": "Unter den Linden 77",
    "postal_code": "10117",
    "lat": 52.5163,
    "lan": 13.3777,
    "city_id": BERLIN,
    "state_id": BERLIN_STATE,
    "country_id": GERMANY,
}


class TestAddresses:
    async def test_are_for_admins_to_add_and_each_companys_own(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        colleague = await add_colleague(auth, acme)
        path = f"{API}/address"

        assert (await auth.get(path)).status_code == 401
        assert (await auth.post(path, json=ADDRESS)).status_code == 401
        assert (await send(auth, colleague, "POST", "/address", **ADDRESS)).status_code == 403
        assert (await send(auth, acme, "POST", "/address", **ADDRESS)).status_code == 201
        assert len((await auth.get(path, headers=colleague.bearer)).json()["addresses"]) == 1
        assert (await auth.get(path, headers=globex.bearer)).json()["addresses"] == []

    async def test_are_shown_with_their_places(self, auth: AuthService, acme: Person) -> None:
        added = (await send(auth, acme, "POST", "/address", **ADDRESS)).json()
        await send(auth, acme, "PATCH", f"/city/{BERLIN}", name="Spree-Athen")

        shown = (await auth.get(f"{API}/address", headers=acme.bearer)).json()["address"]

        assert added["address"]["id"] == added["id"] == shown[0]["id"]
        assert shown[0] | ADDRESS == shown[0]
        assert shown[0]["city"]["name"] == "Spree-Athen"
        assert shown[0]["country"]["iso2"] == "DE"

    async def test_have_one_primary(self, auth: AuthService, acme: Person) -> None:
        streets = []
        for street, primary in (("First", False), ("Second", True), ("Third", False)):
            body = ADDRESS | {"street_address": street, "is_primary": primary}
            reply = await send(auth, acme, "POST", "/address", **body)
            streets.append(reply.json()["is_primary"])

        listed = (await auth.get(f"{API}/address", headers=acme.bearer)).json()["addresses"]

        # The only one is the primary one until another is.
        assert streets == [True, True, False]
        assert [one["street_address"] for one in listed] == ["Second", "First", "Third"]
        assert [one["is_primary"] for one in listed] == [True, False, False]

    async def test_the_primary_one_is_where_the_company_is(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        company, foreign = f"/company/{acme.tenant_id}", f"/company/{globex.tenant_id}"
        none = (await auth.get(f"{API}/company", headers=acme.bearer)).json()["address"]
        first = (await send(auth, acme, "POST", "/address", **ADDRESS)).json()["id"]
        body = ADDRESS | {"street_address": "Second"}
        second = (await send(auth, acme, "POST", "/address", **body)).json()["id"]

        changed = await send(auth, acme, "PUT", company, address_id=second, phone="+49 30 1")

        assert none is None
        assert changed.status_code == 200, changed.text
        assert changed.json()["data"]["address"]["street_address"] == "Second"
        for path in ("/company", company):
            shown = (await auth.get(f"{API}{path}", headers=acme.bearer)).json()
            assert (shown["address"]["id"], shown["phone"]) == (second, "+49 30 1")
            assert shown["address"]["city"]["name"] == "Berlin"
        # Another company's address looks like one that nobody has, and changes nothing.
        theirs = await send(auth, globex, "PUT", foreign, address_id=first, name="Globex II")
        nobodys = await send(auth, globex, "PUT", foreign, address_id=1, name="Globex II")
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json() | {"request_id": ""} == nobodys.json() | {"request_id": ""}
        kept = (await auth.get(f"{API}/company", headers=globex.bearer)).json()
        assert (kept["name"], kept["address"]) == ("Globex", None)
        assert (await send(auth, acme, "PUT", company, address_id="first")).status_code == 400

    async def test_are_kept_encrypted(
        self, auth: AuthService, acme: Person, database: Database
    ) -> None:
        added = (await send(auth, acme, "POST", "/address", **ADDRESS)).json()

        async with database.lean(acme.tenant_id) as connection:
            row = await connection.fetchrow("SELECT * FROM addresses")
            trail = await connection.fetch("SELECT details::text AS said FROM audit_entries")
        assert row is not None
        assert row["id"] == added["id"]
        everything = repr(dict(row.items())) + "".join(entry["said"] for entry in trail)
        for secret in ("Linden", "10117", "52.5163", "13.3777"):
            assert secret not in everything

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"city_id": NOWHERE}, 404, "city_not_found"),
            ({"state_id": NOWHERE}, 404, "state_not_found"),
            ({"country_id": NOWHERE}, 404, "country_not_found"),
            ({"country_id": 6252001}, 400, "places_apart"),
            ({"lat": 90.1}, 400, "validation_error"),
            ({"street_address": "x" * 256}, 400, "validation_error"),
            ({"postal_code": "1" * 21}, 400, "validation_error"),
            ({"city_id": None}, 400, "validation_error"),
        ],
    )
    async def test_lie_where_they_say(
        self, auth: AuthService, acme: Person, changes: dict[str, object], status: int, code: str
    ) -> None:
        reply = await send(auth, acme, "POST", "/address", **ADDRESS | changes)

        assert (reply.status_code, reply.json()["code"]) == (status, code)

    async def test_do_not_lie_in_places_of_another_company(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        body = {"name": "Port", "state_id": BERLIN_STATE}
        city = (await send(auth, globex, "POST", "/city", **body)).json()["id"]

        reply = await send(auth, acme, "POST", "/address", **ADDRESS | {"city_id": city})

        assert (reply.status_code, reply.json()["code"]) == (404, "city_not_found")

    async def test_are_not_added_without_end(
        self, auth: AuthService, acme: Person, globex: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(addresses, "MAX_ADDRESSES", 1)
        assert (await send(auth, acme, "POST", "/address", **ADDRESS)).status_code == 201

        reply = await send(auth, acme, "POST", "/address", **ADDRESS)

        assert (reply.status_code, reply.json()["code"]) == (409, "too_many_places")
        assert (await send(auth, globex, "POST", "/address", **ADDRESS)).status_code == 201


async def test_places_are_not_added_without_end(
    auth: AuthService, acme: Person, globex: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geography, "MAX_OWN_PLACES", 1)
    port = {"name": "Port", "state_id": BERLIN_STATE}
    assert (await send(auth, acme, "POST", "/city", **port)).status_code == 201

    added = await send(auth, acme, "POST", "/city", **port | {"name": "Harbour"})
    renamed = await send(auth, acme, "PATCH", f"/city/{BERLIN}", name="Spree-Athen")

    for reply in (added, renamed):
        assert (reply.status_code, reply.json()["code"]) == (409, "too_many_places")
    # Of another kind, and of another company, there is none yet.
    assert (await send(auth, acme, "POST", "/country", name="Utopia")).status_code == 201
    assert (await send(auth, globex, "POST", "/city", **port)).status_code == 201
