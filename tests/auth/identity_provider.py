"""An identity provider to log in with: Canaille, in a process of its own, as companies run it.

`python -m tests.auth.identity_provider PORT` serves it with its memory backend. People log in
through its pages; what an administrator of it would do by hand (adding people, putting them into
groups, replacing keys) is done through one extra route.
"""

import os
import sys
from typing import Any
from uuid import uuid4


def serve(port: int) -> None:
    """Serve until killed."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    # Imported here: the tests that start this process need none of it.
    from canaille import create_app  # noqa: PLC0415 - two seconds, in a process of its own
    from canaille.app import models  # noqa: PLC0415 - two seconds, in a process of its own
    from canaille.backends import Backend  # noqa: PLC0415 - two seconds, in a process of its own
    from flask import request  # noqa: PLC0415 - two seconds, in a process of its own
    from joserfc.jwk import RSAKey  # noqa: PLC0415 - two seconds, in a process of its own
    from werkzeug.serving import run_simple  # noqa: PLC0415 - two seconds, in a process of its own

    def new_key() -> dict[str, Any]:
        return dict(RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True))

    verified = "{% if user.department != 'unverified' %}true{% endif %}"
    app = create_app(
        config={
            "TESTING": True,
            "ENV_FILE": None,
            "SECRET_KEY": uuid4().hex,
            "WTF_CSRF_ENABLED": False,
            "PREFERRED_URL_SCHEME": "http",
            "SERVER_NAME": f"localhost:{port}",
            "CANAILLE": {
                "DATABASE": "memory",
                "JAVASCRIPT": False,
                "ACL": {"DEFAULT": {"PERMISSIONS": ["use_oidc"]}},
            },
            "CANAILLE_OIDC": {
                "DYNAMIC_CLIENT_REGISTRATION_OPEN": True,
                "ACTIVE_JWKS": [new_key()],
            },
        }
    )

    # A claim that its settings have no place for, though it is among those it can give.
    app.config["CANAILLE_OIDC"]["USERINFO_MAPPING"]["EMAIL_VERIFIED"] = verified

    def administrator() -> dict[str, Any]:
        wanted = request.get_json()
        if wanted.get("new_key"):
            app.config["CANAILLE_OIDC"]["ACTIVE_JWKS"] = [new_key()]
            return {}
        name = wanted["user_name"]
        user = Backend.instance.get(models.User, user_name=name) or models.User(
            user_name=name,
            formatted_name=f"{wanted['given_name']} {wanted['family_name']}",
            given_name=wanted["given_name"],
            family_name=wanted["family_name"],
            emails=[wanted["email"]],
            password=wanted["password"],
        )
        user.department = None if wanted.get("verified", True) else "unverified"
        Backend.instance.save(user)
        for group in Backend.instance.query(models.Group):
            group.members = [member for member in group.members if member.id != user.id]
            Backend.instance.save(group)
        for group_name in wanted.get("groups", ()):
            group = Backend.instance.get(models.Group, display_name=group_name) or models.Group(
                display_name=group_name, members=[]
            )
            group.members = [*group.members, user]
            Backend.instance.save(group)
        return {"id": user.id}

    app.add_url_rule("/administrator", view_func=administrator, methods=["POST"])
    # One request after another: its memory backend knows no locks.
    run_simple("127.0.0.1", port, app, threaded=False)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
