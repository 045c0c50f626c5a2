"""Kubernetes objects as we write them: hardened, spread, scaled."""

from typing import Any

import yaml

Manifest = dict[str, Any]

HEAD = "# Written by `python -m ops.deploy.manifests`; change that, or an overlay, not this.\n"
USER_ID = 10001
GRACE_SECONDS = 60
TEMP_SIZE = "1Gi"
TEMPORARY = "/tmp"  # noqa: S108 - a mount of the container's own
POSTGRES_PORT, REDIS_PORT, QDRANT_PORT, HTTPS_PORT, OTLP_PORT = 5432, 6379, 6333, 443, 4318
SMTP_PORTS = (25, 465, 587)


def make_object(api_version: str, kind: str, name: str, **content: Any) -> Manifest:
    """Return an object of a kind, by name."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **content}


def make_deployment(name: str, labels: dict[str, str], pod: Manifest) -> Manifest:
    """Return a Deployment whose number of pods the autoscaler owns."""
    return make_object(
        "apps/v1",
        "Deployment",
        name,
        spec={
            # No `replicas`: the autoscaler owns the number.
            "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    )


def make_autoscaler(name: str) -> Manifest:
    """Return the HPA of the Deployment of that name: CPU 70 %, memory 80 %."""

    def metric(resource: str, percent: int) -> Manifest:
        target = {"type": "Utilization", "averageUtilization": percent}
        return {"type": "Resource", "resource": {"name": resource, "target": target}}

    return make_object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        name,
        spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": 2,
            "maxReplicas": 6,
            "metrics": [metric("cpu", 70), metric("memory", 80)],
        },
    )


def make_disruption_budget(name: str, labels: dict[str, str]) -> Manifest:
    """Return the PDB of some pods: one at a time may be evicted."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    return make_object("policy/v1", "PodDisruptionBudget", name, spec=spec)


def http_probe(path: str, *, period: int, failures: int) -> Manifest:
    """Return a probe of the port `http`."""
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }


def pod_security() -> Manifest:
    """Return what a pod may do: nothing as root."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER_ID,
        "runAsGroup": USER_ID,
        "fsGroup": USER_ID,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Manifest:
    """Return what a container may do: write nowhere but to its mounts."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def topology_spread(labels: dict[str, str]) -> list[Manifest]:
    """Spread pods over zones and nodes, where there are several."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def pods_labelled(labels: dict[str, str]) -> Manifest:
    """Return the peer that pods with these labels are."""
    return {"podSelector": {"matchLabels": labels}}


def tcp(port: int) -> Manifest:
    """Return a TCP port."""
    return {"protocol": "TCP", "port": port}


def allow_dns() -> Manifest:
    """Return the rule that lets pods resolve names."""
    return {
        "to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}],
        "ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")],
    }


class _Dumper(yaml.SafeDumper):
    """Spells out what is used twice, and writes long texts as blocks."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump_all(manifests: list[Manifest]) -> str:
    """Return manifests as one YAML file."""
    return HEAD + yaml.dump_all(manifests, Dumper=_Dumper, sort_keys=False, width=100)


def service_object(name: str, labels: dict[str, str], *, port: int, target: str) -> Manifest:
    """Return the Service in front of the pods with these labels."""
    ports = [{"name": "http", "port": port, "targetPort": target}]
    return make_object("v1", "Service", name, spec={"selector": labels, "ports": ports})
