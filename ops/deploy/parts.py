"""The parts of a deployment that are not services: gateway, migration, model server."""

from ops.deploy.environment import HTTP_PORT
from ops.deploy.objects import (
    GRACE_SECONDS,
    POSTGRES_PORT,
    TEMP_SIZE,
    TEMPORARY,
    Manifest,
    allow_dns,
    container_security,
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
from ops.gateway import GatewayOptions, render_nginx
from ops.services import SERVICES

GATEWAY_PORT = 8080
# Ingress controllers reach the gateway from inside the cluster and say whom they speak for.
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


def gateway_manifests() -> list[Manifest]:
    """Return the gateway: nginx with the same routes as the local one, and the Ingress to it."""
    labels = {"app.kubernetes.io/name": "gateway", "app.kubernetes.io/component": "http"}
    container = {
        "name": "http",
        "image": "nginxinc/nginx-unprivileged:1.29-alpine",
        "command": ["nginx", "-c", "/etc/knowrithm/nginx.conf"],
        "ports": [{"name": "http", "containerPort": GATEWAY_PORT}],
        "resources": {
            "requests": {"cpu": "250m", "memory": "64Mi"},
            "limits": {"cpu": "500m", "memory": "256Mi"},
        },
        "startupProbe": http_probe("/gateway/live", period=1, failures=30),
        "livenessProbe": http_probe("/gateway/live", period=10, failures=3),
        "readinessProbe": http_probe("/gateway/live", period=5, failures=2),
        "securityContext": container_security(),
        # Endpoints stop sending before the process stops serving.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "10"]}}},
        "volumeMounts": [
            {"name": "tmp", "mountPath": TEMPORARY},
            {"name": "config", "mountPath": "/etc/knowrithm", "readOnly": True},
        ],
    }
    pod = {
        "serviceAccountName": "gateway",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": pod_security(),
        "topologySpreadConstraints": topology_spread(labels),
        "containers": [container],
        "volumes": [
            {"name": "tmp", "emptyDir": {"sizeLimit": TEMP_SIZE}},
            {"name": "config", "configMap": {"name": "gateway-config"}},
        ],
    }
    upstreams = {service: f"{service}:{HTTP_PORT}" for service in SERVICES}
    policy = make_object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "gateway",
        spec={
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [tcp(GATEWAY_PORT)]}],
            "egress": [
                allow_dns(),
                {
                    "to": [pods_labelled({"app.kubernetes.io/name": name}) for name in SERVICES],
                    "ports": [tcp(HTTP_PORT)],
                },
            ],
        },
    )
    ingress = make_object(
        "networking.k8s.io/v1",
        "Ingress",
        "knowrithm",
        spec={
            "rules": [
                {
                    "host": "knowrithm.example.com",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {
                                    "service": {"name": "gateway", "port": {"name": "http"}}
                                },
                            }
                        ]
                    },
                }
            ],
            "tls": [{"hosts": ["knowrithm.example.com"], "secretName": "knowrithm-tls"}],
        },
    )
    # Streams last longer than these controllers' usual minute, and uploads are large.
    ingress["metadata"]["annotations"] = {
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "3600",
        "nginx.ingress.kubernetes.io/proxy-body-size": "64m",
        "nginx.ingress.kubernetes.io/proxy-buffering": "off",
        "nginx.ingress.kubernetes.io/proxy-request-buffering": "off",
    }
    configuration = render_nginx(
        GatewayOptions(
            upstreams=upstreams,
            listen=[str(GATEWAY_PORT)],
            temporary=TEMPORARY,
            trusted_proxies=PRIVATE_NETWORKS,
        )
    )
    return [
        make_object("v1", "ServiceAccount", "gateway", automountServiceAccountToken=False),
        make_object("v1", "ConfigMap", "gateway-config", data={"nginx.conf": configuration}),
        make_deployment("gateway", labels, pod),
        service_object("gateway", labels, port=80, target="http"),
        make_autoscaler("gateway"),
        make_disruption_budget("gateway", labels),
        policy,
        ingress,
    ]


def migration_job() -> list[Manifest]:
    """Return the Job that prepares schemas and roles and runs every service's migrations."""
    labels = {"app.kubernetes.io/name": "migrate", "app.kubernetes.io/component": "job"}
    container = {
        "name": "migrate",
        "image": "knowrithm/ops:latest",
        "command": ["python", "-m", "ops", "migrate"],
        # POSTGRES_URL (the owner's) and <SERVICE>_DB_PASSWORD, <SERVICE>_WORKER_DB_PASSWORD.
        "envFrom": [{"secretRef": {"name": "knowrithm-migrate"}}],
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"cpu": "1", "memory": "512Mi"},
        },
        "securityContext": container_security(),
        "volumeMounts": [{"name": "tmp", "mountPath": TEMPORARY}],
    }
    job = make_object(
        "batch/v1",
        "Job",
        "migrate",
        spec={
            "backoffLimit": 6,
            "ttlSecondsAfterFinished": 3600,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "OnFailure",
                    "serviceAccountName": "migrate",
                    "automountServiceAccountToken": False,
                    "securityContext": pod_security(),
                    "containers": [container],
                    "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": TEMP_SIZE}}],
                },
            },
        },
    )
    policy = make_object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "migrate",
        spec={
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "migrate"}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [allow_dns(), {"ports": [tcp(POSTGRES_PORT)]}],
        },
    )
    account = make_object("v1", "ServiceAccount", "migrate", automountServiceAccountToken=False)
    return [account, job, policy]


def model_server_manifests() -> list[Manifest]:
    """Return the model server for embeddings and reranking; clusters with a provider skip it."""
    labels = {"app.kubernetes.io/name": "model-server", "app.kubernetes.io/component": "http"}
    container = {
        "name": "http",
        "image": "knowrithm/model-server:latest",
        "ports": [{"name": "http", "containerPort": HTTP_PORT}],
        "resources": {
            "requests": {"cpu": "1", "memory": "768Mi"},
            "limits": {"cpu": "2", "memory": "2Gi"},
        },
        "startupProbe": http_probe("/health", period=2, failures=60),
        "livenessProbe": http_probe("/health", period=10, failures=6),
        "readinessProbe": http_probe("/health", period=5, failures=2),
        "securityContext": container_security(),
        "volumeMounts": [{"name": "tmp", "mountPath": TEMPORARY}],
    }
    pod = {
        "serviceAccountName": "model-server",
        "automountServiceAccountToken": False,
        "securityContext": pod_security(),
        "topologySpreadConstraints": topology_spread(labels),
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": TEMP_SIZE}}],
    }
    policy = make_object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "model-server",
        spec={
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "model-server"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [pods_labelled({"app.kubernetes.io/name": "documents"})],
                    "ports": [tcp(HTTP_PORT)],
                }
            ],
        },
    )
    return [
        make_object("v1", "ServiceAccount", "model-server", automountServiceAccountToken=False),
        make_deployment("model-server", labels, pod),
        service_object("model-server", labels, port=HTTP_PORT, target="http"),
        make_autoscaler("model-server"),
        make_disruption_budget("model-server", labels),
        policy,
    ]
