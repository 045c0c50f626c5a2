"""Write `k8s/base` and compose's nginx.conf: every service's objects from one description.

    python -m ops.deploy.manifests            writes the files
    python -m ops.deploy.manifests --check    tells whether they are current

Ten Deployments differ in a few words each; the words are here. What a cluster changes (images,
replicas, hosts) stands in `k8s/overlays` and is written by hand.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from ops.deploy.environment import HTTP_PORT, OWN, SHARED, Variable
from ops.deploy.objects import (
    GRACE_SECONDS,
    HEAD,
    HTTPS_PORT,
    OTLP_PORT,
    POSTGRES_PORT,
    QDRANT_PORT,
    REDIS_PORT,
    SMTP_PORTS,
    TEMP_SIZE,
    TEMPORARY,
    Manifest,
    allow_dns,
    container_security,
    dump_all,
    http_probe,
    make_autoscaler,
    make_deployment,
    make_disruption_budget,
    make_object,
    pod_security,
    pods_labelled,
    service_object,
    tcp,
    topology_spread,
)
from ops.deploy.parts import (
    GATEWAY_PORT,
    gateway_manifests,
    migration_job,
    model_server_manifests,
)
from ops.gateway import GatewayOptions, render_nginx
from ops.services import SERVICES

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "k8s" / "base"
COMPOSE_GATEWAY = ROOT / "docker" / "nginx.conf"
MODEL_SERVER = ROOT / "k8s" / "components" / "model-server"

DOCKER_RESOLVER = "127.0.0.11"

# Who calls whom over HTTP; everybody asks auth about callers, and auth everybody about health.
CALLS = {
    "auth": ("agents", "conversations", "documents", "analytics"),
    "agents": ("auth",),
    "conversations": ("auth", "agents", "documents"),
    "documents": ("auth", "agents", "model-server"),
    "analytics": ("auth",),
}


@dataclass(frozen=True)
class Process:
    """One Deployment: a service's HTTP process, or its worker."""

    service: str
    component: str

    @property
    def name(self) -> str:
        """The Deployment's name."""
        return self.service if self.component == "http" else f"{self.service}-worker"

    @property
    def command(self) -> list[str]:
        """What the container runs."""
        module = "main" if self.component == "http" else "worker"
        return ["python", "-m", f"services.{self.service}.{module}"]

    @property
    def labels(self) -> dict[str, str]:
        """What selects its pods."""
        return {
            "app.kubernetes.io/name": self.service,
            "app.kubernetes.io/component": self.component,
        }


def service_manifests(service: str) -> list[Manifest]:
    """Return the objects of one service: HTTP process and worker."""
    http, worker = Process(service, "http"), Process(service, "worker")
    return [
        make_object("v1", "ServiceAccount", service, automountServiceAccountToken=False),
        _config_map(f"{service}-config", OWN[service]),
        deployment(http),
        deployment(worker),
        service_object(service, http.labels, port=HTTP_PORT, target="http"),
        autoscaler(http),
        autoscaler(worker),
        disruption_budget(http),
        disruption_budget(worker),
        network_policy(service),
    ]


def deployment(process: Process) -> Manifest:
    """Return the Deployment of a process."""
    container: Manifest = {
        "name": process.component,
        "image": f"knowrithm/{process.service}:latest",
        "command": process.command,
        "ports": [{"name": "http", "containerPort": HTTP_PORT}],
        "envFrom": [
            {"configMapRef": {"name": "knowrithm-config"}},
            {"configMapRef": {"name": f"{process.service}-config"}},
        ],
        "env": [_from_secret(process.service, variable) for variable in _secrets(process)],
        "resources": {
            "requests": {"cpu": "250m", "memory": "512Mi"},
            "limits": {"cpu": "500m", "memory": "1Gi"},
        },
        # Starting is allowed two minutes; after that a loop that hangs for half a minute is
        # restarted. Readiness also looks at the database and the migrations.
        "startupProbe": http_probe("/health/live", period=2, failures=60),
        "livenessProbe": http_probe("/health/live", period=10, failures=3),
        "readinessProbe": http_probe("/health/ready", period=5, failures=2),
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "tmp", "mountPath": TEMPORARY},
            {"name": "jwks", "mountPath": "/etc/knowrithm", "readOnly": True},
        ],
    }
    pod = {
        "serviceAccountName": process.service,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": pod_security(),
        "topologySpreadConstraints": topology_spread(process.labels),
        "containers": [container],
        "volumes": [
            {"name": "tmp", "emptyDir": {"sizeLimit": TEMP_SIZE}},
            {"name": "jwks", "configMap": {"name": "knowrithm-jwks"}},
        ],
    }
    return make_deployment(process.name, process.labels, pod)


def autoscaler(process: Process) -> Manifest:
    """Return the HPA of a process: CPU 70 %, memory 80 %."""
    return make_autoscaler(process.name)


def disruption_budget(process: Process) -> Manifest:
    """Return the PDB of a process: one pod at a time may be evicted."""
    return make_disruption_budget(process.name, process.labels)


def network_policy(service: str) -> Manifest:
    """Return who may call the service's pods, and whom they may call."""
    callers = [pods_labelled({"app.kubernetes.io/name": "gateway"})]
    callers += [
        pods_labelled({"app.kubernetes.io/name": name})
        for name in SERVICES
        if service in CALLS[name]
    ]
    monitoring = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
    }
    egress: list[Manifest] = [
        allow_dns(),
        *(
            {"to": [pods_labelled({"app.kubernetes.io/name": name})], "ports": [tcp(HTTP_PORT)]}
            for name in CALLS[service]
        ),
        # The stores and model providers are outside the namespace; their ports are known.
        {
            "ports": [
                tcp(port)
                for port in (POSTGRES_PORT, REDIS_PORT, QDRANT_PORT, HTTPS_PORT, OTLP_PORT)
            ]
        },
    ]
    if service == "auth":
        # The one that sends mail.
        egress.append({"ports": [tcp(port) for port in SMTP_PORTS]})
    return make_object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        service,
        spec={
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": service}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [*callers, monitoring], "ports": [tcp(HTTP_PORT)]}],
            "egress": egress,
        },
    )


def default_deny() -> Manifest:
    """Return the policy under which nothing in the namespace talks unless another allows it."""
    return make_object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "default-deny",
        spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    )


def compose_gateway() -> str:
    """Return nginx.conf for compose, where containers come and go under the same name."""
    upstreams = {service: f"{service}:{HTTP_PORT}" for service in SERVICES}
    return render_nginx(
        GatewayOptions(
            upstreams=upstreams,
            listen=[str(GATEWAY_PORT)],
            temporary=TEMPORARY,
            resolver=DOCKER_RESOLVER,
        )
    )


def files() -> dict[Path, str]:
    """Return the content of every file that this module writes."""
    contents = {
        BASE / f"{service}.yaml": dump_all(service_manifests(service)) for service in SERVICES
    }
    contents[BASE / "gateway.yaml"] = dump_all(gateway_manifests())
    contents[BASE / "migrate.yaml"] = dump_all(migration_job())
    contents[BASE / "shared.yaml"] = dump_all(
        [_config_map("knowrithm-config", SHARED), default_deny()]
    )
    contents[COMPOSE_GATEWAY] = compose_gateway()
    contents[MODEL_SERVER / "model-server.yaml"] = dump_all(model_server_manifests())
    resources = sorted(path.name for path in contents if path.parent == BASE)
    contents[BASE / "kustomization.yaml"] = HEAD + yaml.safe_dump(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": resources,
            "labels": [
                {
                    "pairs": {"app.kubernetes.io/part-of": "knowrithm"},
                    "includeTemplates": True,
                }
            ],
        },
        sort_keys=False,
    )
    return contents


def main() -> int:
    """Write the files, or with --check tell which are not current."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [
        path
        for path, content in files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is not current", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files()[path], encoding="utf-8")
    return 1 if check and stale else 0


def _config_map(name: str, variables: tuple[Variable, ...]) -> Manifest:
    data = {variable.name: variable.value for variable in variables if not variable.is_secret}
    return make_object("v1", "ConfigMap", name, data=data)


def _secrets(process: Process) -> list[Variable]:
    # Only workers hold the role that sees across tenants.
    return [
        variable
        for variable in (*SHARED, *OWN[process.service])
        if variable.is_secret
        and (variable.name != "WORKER_DB_URL" or process.component == "worker")
    ]


def _from_secret(service: str, variable: Variable) -> Manifest:
    name = f"{service}-secrets" if variable.per_service else "knowrithm-secrets"
    reference: Manifest = {"name": name, "key": variable.name}
    if variable.name in OPTIONAL_SECRETS or (service, variable.name) == ("auth", OBJECT_STORE):
        reference["optional"] = True
    return {"name": variable.name, "valueFrom": {"secretKeyRef": reference}}


# Auth only signs the ends of its trails there.
OBJECT_STORE = "OBJECT_STORE_URL"
# Left out of the Secret, they have their default: no replicas, no key for a keyless endpoint, and
# one root key.
OPTIONAL_SECRETS = frozenset(
    {
        "MASTER_ENCRYPTION_KEYS_ALSO",
        "REPLICA_DB_URLS",
        "QDRANT_API_KEY",
        "EMBEDDING_API_KEY",
        "NEXT_EMBEDDING_API_KEY",
        "RERANK_API_KEY",
        "OPENAI_API_KEY",
        "GEMINI_API_KEY",
    }
)


if __name__ == "__main__":
    sys.exit(main())
