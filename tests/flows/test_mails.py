"""Mails of a platform without a mail server: written by its worker, shown by the operator."""

import re

import pytest
import requests

from tests.platform import Company, Platform, register, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_a_link_from_the_shown_mails_confirms_the_address(platform: Platform) -> None:
    company = register(platform, "Mailing")
    email = company.call("GET", "/api/v1/auth/user/me").json()["email"]

    def link() -> str | None:
        shown = platform.ops("mails", "--last", "1000").stdout
        found = re.search(rf"to {re.escape(email)}.*?(http\S+)#(\S+)", shown, re.DOTALL)
        return found.group(0) if found else None

    shown = wait_for(link, seconds=30, what="the mail")
    page, token = re.findall(r"(http\S+)#(\S+)", shown)[0]
    # The address that people type, and the one that this test can reach.
    reply = requests.get(page.replace("localhost", "127.0.0.1"), timeout=30)
    assert reply.headers["content-type"].startswith("text/html")
    confirmed = requests.post(f"{platform.url}/api/v1/verify", json={"token": token}, timeout=30)

    assert confirmed.status_code == 200
    assert company.call("GET", "/api/v1/auth/user/me").json()["email_verified"] is True


def test_suspending_shuts_out_of_every_service(platform: Platform) -> None:
    company = register(platform, "Suspending")
    email = f"colleague-{company.id}@example.com"
    user = company.call(
        "POST",
        "/api/v1/auth/user",
        json={
            "email": email,
            "password": "a long enough one",
            "first_name": "Carl",
            "last_name": "Colleague",
        },
    ).json()["user"]
    logged_in = requests.post(
        f"{platform.url}/api/v1/auth/login",
        json={"email": email, "password": "a long enough one"},
        timeout=30,
    ).json()
    colleague = Company(
        platform, "Suspending", bearer={"Authorization": f"Bearer {logged_in['access_token']}"}
    )
    pages = ("/api/v1/agent", "/api/v1/document", "/api/v1/conversation", "/api/v1/auth/user/me")
    assert {colleague.call("GET", page).status_code for page in pages} == {200}

    company.call("PATCH", f"/api/v1/user/{user['id']}/status", json={"status": "suspended"})

    def shut_out() -> bool:
        return {colleague.call("GET", page).status_code for page in pages} == {401}

    assert wait_for(shut_out, seconds=5, what="revocation everywhere")


def test_a_hand_off_reaches_the_trail_and_the_admins(platform: Platform) -> None:
    company = register(platform, "Handing")
    email = company.call("GET", "/api/v1/auth/user/me").json()["email"]
    agent = company.call("POST", "/api/v1/agent", json={"name": "Ada"}).json()["agent"]
    conversation = company.call(
        "POST", "/api/v1/conversation", json={"agent_id": agent["id"]}
    ).json()

    asked = company.call("POST", f"/api/v1/conversation/{conversation['id']}/handoff")
    assert asked.ok, asked.text

    def recorded() -> bool:
        log = company.call("GET", "/api/v1/audit-log", params={"event_type": "handoff.changed"})
        return [one["entity_id"] for one in log.json()["data"]] == [conversation["id"]]

    def mailed() -> bool:
        shown = platform.ops("mails", "--last", "1000").stdout
        return bool(re.search(rf"to {re.escape(email)}[^\n]*\n?.*A visitor asks for", shown))

    assert wait_for(recorded, seconds=30, what="the trail")
    assert wait_for(mailed, seconds=30, what="the mail")


def test_a_webhook_that_cannot_be_reached_shows_it_in_its_log(platform: Platform) -> None:
    company = register(platform, "Hooked")
    body = {"url": "https://hooks.example.invalid/"}
    hook = company.call("POST", "/api/v1/webhook", json=body).json()["webhook"]
    assert company.call("POST", f"/api/v1/webhook/{hook['id']}/test").status_code == 202

    def tried() -> bool:
        log = company.call("GET", f"/api/v1/webhook/{hook['id']}/delivery").json()["deliveries"]
        return [(one["event"], one["status"], one["attempts"]) for one in log] == [
            ("webhook.test", "failed", 1)
        ]

    assert wait_for(tried, seconds=30, what="the attempt")
