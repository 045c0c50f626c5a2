"""Stands in for the postgres image: makes the cluster on the first start, then becomes postgres.

Takes POSTGRES_DB and POSTGRES_PASSWORD_FILE as the official image does; arguments go to postgres.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = Path("/var/lib/postgresql/data")
USER = 10001

password = Path(os.environ["POSTGRES_PASSWORD_FILE"]).read_text(encoding="utf-8").strip()
DATA.mkdir(parents=True, exist_ok=True)
os.chown(DATA, USER, USER)
os.setgid(USER)
os.setuid(USER)
if not (DATA / "PG_VERSION").exists():
    with tempfile.NamedTemporaryFile("w") as secret:
        secret.write(password)
        secret.flush()
        options = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={secret.name}"]
        subprocess.run(["initdb", "--no-sync", f"--pgdata={DATA}", *options], check=True)
    create = f"CREATE DATABASE {os.environ['POSTGRES_DB']};\n"
    subprocess.run(
        ["postgres", "--single", "-D", DATA, "postgres"], input=create, text=True, check=True
    )
    with (DATA / "pg_hba.conf").open("a") as rules:
        rules.write("host all all all scram-sha-256\n")
arguments = [*sys.argv[1:], "-c", "listen_addresses=*", "-c", "unix_socket_directories=/tmp"]
os.execvp("postgres", ["postgres", "-D", str(DATA), *arguments])
