"""The platform's health, tasks, and routes that are not built."""

from uuid import uuid4

from aiohttp import web

from libs.common.contract import PLANNED, PUBLIC_ROUTES, routes_of
from tests.auth.conftest import AuthService, StartAuth, registration

HEALTH = "/api/v1/health"


class TestHealth:
    async def test_is_unhealthy_when_auth_is_alone(self, start_auth: StartAuth) -> None:
        nowhere = "http://127.0.0.1:9"
        auth = await start_auth(
            agents_url=nowhere,
            conversations_url=nowhere,
            documents_url=nowhere,
            analytics_url=nowhere,
        )

        response = await auth.get(HEALTH)

        assert response.status_code == 503
        checks = {check["name"]: check for check in response.json()["checks"]}
        assert checks["auth"]["status"] == "healthy"
        assert checks["auth"]["metadata"]["database"] == "healthy"
        assert checks["documents"]["status"] == "unhealthy"
        assert nowhere not in response.text

    async def test_is_degraded_when_a_service_is_away(
        self, start_auth: StartAuth, unused_tcp_port: int
    ) -> None:
        async def health(_request: web.Request) -> web.Response:
            return web.json_response({"status": "healthy", "components": {}})

        app = web.Application()
        app.router.add_get("/health", health)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
        there = f"http://127.0.0.1:{unused_tcp_port}"
        auth = await start_auth(
            agents_url=there,
            conversations_url=there,
            documents_url="http://127.0.0.1:9",
            analytics_url=there,
        )

        response = await auth.get(HEALTH)
        await runner.cleanup()

        assert response.status_code == 200
        assert response.json()["status"] == "degraded"


class TestTasks:
    async def test_there_are_none(self, auth: AuthService) -> None:
        response = await auth.get(f"/api/v1/tasks/{uuid4()}/status")

        assert (response.status_code, response.json()["code"]) == (404, "task_not_found")


class TestPublicRoutes:
    async def test_registering_and_logging_in_show_the_listed_fields_only(
        self, auth: AuthService
    ) -> None:
        body = registration(company_name="Acme")
        login = {"email": body["email"], "password": body["password"]}

        for path, sent in (("/api/v1/auth/register", body), ("/api/v1/auth/login", login)):
            shown = (await auth.post(path, json=sent)).json()
            names = set(shown) | set(shown["user"]) | set(shown["tokens"])

            assert names <= set(PUBLIC_ROUTES["POST", path])

    async def test_health_shows_the_listed_fields_only(self, auth: AuthService) -> None:
        shown = (await auth.get(HEALTH)).json()

        names = set(shown).union(*map(set, shown["checks"]))
        assert names <= set(PUBLIC_ROUTES["GET", HEALTH])


class TestContract:
    async def test_the_table_tells_the_truth(self, auth: AuthService) -> None:
        """Ask each route; only what is planned answers 501."""
        wrong = []
        for route in routes_of("auth"):
            path = route.path.replace("{user_id}", str(uuid4()))
            for name in ("company_id", "key_id", "task_id", "country_id", "state_id", "city_id"):
                path = path.replace(f"{{{name}}}", str(uuid4()))
            response = await auth.client.request(route.method, path)
            if (response.status_code == 501) is not (route.state is PLANNED):
                wrong.append((route.method, route.path, response.status_code))

        assert wrong == []
