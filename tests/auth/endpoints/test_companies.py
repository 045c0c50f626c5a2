"""Companies: made by anybody, seen and changed by their own people."""

from uuid import uuid4

import pytest

from libs.common.contract import PUBLIC_ROUTES
from tests.auth.conftest import AuthService, Person, new_email
from tests.auth.endpoints.test_users import add_user, log_in

COMPANY = "/api/v1/company"


class TestAccess:
    async def test_strangers_may_not(self, auth: AuthService) -> None:
        assert (await auth.get(COMPANY)).status_code == 401
        assert (await auth.get(f"{COMPANY}/{uuid4()}")).status_code == 401
        assert (await auth.client.put(f"{COMPANY}/{uuid4()}", json={})).status_code == 401

    @pytest.mark.parametrize("method", ["GET", "PUT"])
    async def test_another_company_is_not_found(
        self, auth: AuthService, acme: Person, globex: Person, method: str
    ) -> None:
        body = {"name": "Mine now"}

        foreign = await auth.client.request(
            method, f"{COMPANY}/{acme.tenant_id}", json=body, headers=globex.bearer
        )
        missing = await auth.client.request(
            method, f"{COMPANY}/{uuid4()}", json=body, headers=globex.bearer
        )

        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() | {"request_id": ""} == missing.json() | {"request_id": ""}
        assert (await auth.get(COMPANY, headers=acme.bearer)).json()["name"] == "Acme"


class TestCreate:
    async def test_shows_the_listed_fields_only(self, auth: AuthService) -> None:
        response = await auth.post(
            COMPANY, json={"name": "Initech", "email": new_email(), "industry": "Software"}
        )

        assert response.status_code == 201
        body = response.json()
        assert body["id"] == body["company"]["id"]
        shown = set(PUBLIC_ROUTES["POST", COMPANY])
        assert set(body) <= shown
        assert set(body["company"]) <= shown

    async def test_takes_a_form_but_no_logo(self, auth: AuthService) -> None:
        fields = {"name": "Initech", "email": new_email()}
        nothing = {"note": (None, "")}

        form = await auth.post(COMPANY, data=fields, files=nothing)
        logo = await auth.post(COMPANY, data=fields, files={"logo": ("logo.png", b"\x89PNG")})

        assert form.status_code == 201
        # Whoever makes a company is nobody yet.
        assert (logo.status_code, logo.json()["code"]) == (501, "not_available")

    @pytest.mark.parametrize("body", [{}, {"name": "", "email": "a@b.test"}, {"name": "x"}, []])
    async def test_needs_a_name_and_an_address(self, auth: AuthService, body: object) -> None:
        response = await auth.post(COMPANY, json=body)

        assert response.status_code == 400
        assert response.json()["code"] == "validation_error"

    async def test_broken_json_and_a_bad_address_are_told(self, auth: AuthService) -> None:
        headers = {"content-type": "application/json"}

        broken = await auth.post(COMPANY, content=b"{", headers=headers)
        address = await auth.post(COMPANY, json={"name": "Initech", "email": "nowhere"})

        assert (broken.status_code, broken.json()["code"]) == (400, "malformed_json")
        assert (address.status_code, address.json()["code"]) == (400, "invalid_email")


class TestOwn:
    async def test_is_flat_nested_and_listed(self, auth: AuthService, acme: Person) -> None:
        body = (await auth.get(COMPANY, headers=acme.bearer)).json()
        by_id = (await auth.get(f"{COMPANY}/{acme.tenant_id}", headers=acme.bearer)).json()

        assert body["id"] == body["company"]["id"] == body["companies"][0]["id"]
        assert body["id"] == str(acme.tenant_id)
        assert by_id["name"] == "Acme"

    async def test_admins_change_it(self, auth: AuthService, acme: Person) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])
        path = f"{COMPANY}/{acme.tenant_id}"

        by_user = await auth.client.put(path, json={"phone": "0"}, headers=grace.bearer)
        by_admin = await auth.client.put(
            path, json={"phone": "+49 30 1", "is_verified": True}, headers=acme.bearer
        )

        assert by_user.status_code == 403
        assert by_admin.status_code == 200
        assert by_admin.json()["data"]["phone"] == "+49 30 1"
        assert by_admin.json()["company"]["name"] == "Acme"
        assert by_admin.json()["company"]["is_verified"] is False


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(100))
PICTURES = [
    (PNG, "image/png"),
    (b"\xff\xd8\xff\xe0" + bytes(50), "image/jpeg"),
    (b"GIF89a" + bytes(50), "image/gif"),
    (b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(50), "image/webp"),
]


class TestLogo:
    async def test_only_admins_of_the_company_change_it(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        path = f"{COMPANY}/{acme.tenant_id}/logo"
        grace = await log_in(auth, (await add_user(auth, acme))["email"])
        for method in ("PUT", "DELETE"):
            stranger = await auth.client.request(method, path, content=PNG)
            user = await auth.client.request(method, path, content=PNG, headers=grace.bearer)
            foreign = await auth.client.request(method, path, content=PNG, headers=globex.bearer)
            missing = await auth.client.request(
                method, f"{COMPANY}/{uuid4()}/logo", content=PNG, headers=globex.bearer
            )
            assert (stranger.status_code, user.status_code) == (401, 403)
            assert foreign.status_code == missing.status_code == 404
            assert foreign.json() | {"request_id": ""} == missing.json() | {"request_id": ""}

    @pytest.mark.parametrize(("content", "media_type"), PICTURES)
    async def test_is_shown_as_what_it_is(
        self, auth: AuthService, acme: Person, content: bytes, media_type: str
    ) -> None:
        put = await auth.client.put(
            f"{COMPANY}/{acme.tenant_id}/logo",
            content=content,
            headers=acme.bearer | {"content-type": "text/html"},
        )

        shown = (await auth.get(COMPANY, headers=acme.bearer)).json()["logo"]
        picture = await auth.get(shown)
        assert put.json()["logo"] == shown
        assert picture.content == content
        assert picture.headers["content-type"] == media_type
        assert picture.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in picture.headers["content-security-policy"]

    @pytest.mark.parametrize(
        ("content", "status", "code"),
        [
            (b"<svg onload='alert(1)'/>", 400, "not_a_picture"),
            (b"<html><script>", 400, "not_a_picture"),
            (b"", 400, "not_a_picture"),
            (PNG + bytes(512 * 1024), 413, "logo_too_large"),
        ],
    )
    async def test_refuses_what_is_none(
        self, auth: AuthService, acme: Person, content: bytes, status: int, code: str
    ) -> None:
        put = await auth.client.put(
            f"{COMPANY}/{acme.tenant_id}/logo", content=content, headers=acme.bearer
        )

        assert (put.status_code, put.json()["code"]) == (status, code)
        assert (await auth.get(COMPANY, headers=acme.bearer)).json()["logo"] is None

    async def test_comes_with_a_form_as_well(self, auth: AuthService, acme: Person) -> None:
        put = await auth.client.put(
            f"{COMPANY}/{acme.tenant_id}",
            data={"phone": "+49 30 1"},
            files={"logo": ("logo.png", PNG)},
            headers=acme.bearer,
        )

        assert put.json()["company"]["phone"] == "+49 30 1"
        assert (await auth.get(put.json()["company"]["logo"])).content == PNG

    async def test_another_picture_has_another_place(self, auth: AuthService, acme: Person) -> None:
        path = f"{COMPANY}/{acme.tenant_id}/logo"
        first = (await auth.client.put(path, content=PNG, headers=acme.bearer)).json()["logo"]
        other = (await auth.client.put(path, content=PNG, headers=acme.bearer)).json()["logo"]

        assert first != other
        assert (await auth.get(first)).status_code == 404
        assert (await auth.client.delete(path, headers=acme.bearer)).status_code == 200
        assert (await auth.get(other)).status_code == 404
        assert (await auth.client.delete(path, headers=acme.bearer)).status_code == 404
        assert (await auth.get(COMPANY, headers=acme.bearer)).json()["logo"] is None
