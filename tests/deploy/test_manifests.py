"""What Kubernetes would accept, and what no schema sees: that the objects fit each other."""

from typing import Any

import kubernetes_validate
import pytest

from ops.deploy import manifests
from ops.deploy.environment import ALTERNATIVES, OWN, SHARED, settings_of, variables_of
from ops.services import SERVICES
from tests.deploy.kubernetes import (
    OVERLAYS,
    container_of,
    labels_of,
    of_kind,
    rendered,
    selects,
)

OLDEST_MINOR, NEWEST_MINOR = "1.30", "1.36"
# Where a deployment's secrets come from is the operator's choice; this is what they must hold.
EXTERNAL = {"knowrithm-jwks"}


def test_files_are_current() -> None:
    for path, content in manifests.files().items():
        assert path.read_text(encoding="utf-8") == content, path.name


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("version", [OLDEST_MINOR, NEWEST_MINOR])
def test_every_object_is_valid(overlay: str, version: str) -> None:
    for manifest in rendered(overlay):
        # Raises on a fault, and on a kind that it does not know.
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_fault_would_be_found() -> None:
    manifest: dict[str, Any] = dict(of_kind("production", "Deployment")["auth"])
    manifest["spec"] = manifest["spec"] | {"replicsa": 3}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, NEWEST_MINOR, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
class TestObjectsFitEachOther:
    def test_selectors_pick_the_pods_they_mean(self, overlay: str) -> None:
        deployments = of_kind(overlay, "Deployment")
        for name, deployment in deployments.items():
            assert selects(deployment["spec"]["selector"]["matchLabels"], labels_of(deployment))
            picked = [
                other
                for other, candidate in deployments.items()
                if selects(deployment["spec"]["selector"]["matchLabels"], labels_of(candidate))
            ]
            assert picked == [name]
        for name, service in of_kind(overlay, "Service").items():
            picked = [
                other
                for other, candidate in deployments.items()
                if selects(service["spec"]["selector"], labels_of(candidate))
            ]
            assert picked == [name]
        for name, budget in of_kind(overlay, "PodDisruptionBudget").items():
            selector = budget["spec"]["selector"]["matchLabels"]
            assert selects(selector, labels_of(deployments[name]))

    def test_every_deployment_scales_survives_and_starts_safely(self, overlay: str) -> None:
        scalers = of_kind(overlay, "HorizontalPodAutoscaler")
        for name, deployment in of_kind(overlay, "Deployment").items():
            container = container_of(deployment)
            pod = deployment["spec"]["template"]["spec"]
            scaler = scalers[name]["spec"]
            assert scaler["scaleTargetRef"]["name"] == name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
            assert scaler["minReplicas"] < scaler["maxReplicas"]
            assert pod["securityContext"]["runAsNonRoot"]
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert pod["topologySpreadConstraints"]
            assert pod["serviceAccountName"] in of_kind(overlay, "ServiceAccount")
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                ports = {port["name"] for port in container["ports"]}
                assert container[probe]["httpGet"]["port"] in ports

    def test_services_lead_to_container_ports(self, overlay: str) -> None:
        deployments = of_kind(overlay, "Deployment")
        for name, service in of_kind(overlay, "Service").items():
            ports = {port["name"] for port in container_of(deployments[name])["ports"]}
            for port in service["spec"]["ports"]:
                assert port["targetPort"] in ports

    def test_config_maps_that_are_named_exist(self, overlay: str) -> None:
        config_maps = of_kind(overlay, "ConfigMap").keys() | EXTERNAL
        for deployment in of_kind(overlay, "Deployment").values():
            for source in container_of(deployment).get("envFrom", []):
                assert source["configMapRef"]["name"] in config_maps
            for volume in deployment["spec"]["template"]["spec"]["volumes"]:
                if "configMap" in volume:
                    assert volume["configMap"]["name"] in config_maps

    def test_policies_allow_the_calls_that_are_made(self, overlay: str) -> None:
        deployments = of_kind(overlay, "Deployment")
        policies = of_kind(overlay, "NetworkPolicy")
        for caller, callees in manifests.CALLS.items():
            for callee in callees:
                origins = [
                    peer["podSelector"]["matchLabels"]
                    for rule in policies[callee]["spec"]["ingress"]
                    for peer in rule["from"]
                    if "podSelector" in peer
                ]
                targets = [
                    peer["podSelector"]["matchLabels"]
                    for rule in policies[caller]["spec"]["egress"]
                    for peer in rule.get("to", [])
                    if "namespaceSelector" not in peer
                ]
                assert any(selects(one, labels_of(deployments[caller])) for one in origins)
                assert any(selects(one, labels_of(deployments[callee])) for one in targets)

    def test_only_auth_reaches_mail_servers(self, overlay: str) -> None:
        policies = of_kind(overlay, "NetworkPolicy")
        reaching = {
            name
            for name, policy in policies.items()
            for rule in policy["spec"].get("egress", [])
            for port in rule.get("ports", [])
            if port["port"] in (25, 465, 587)
        }

        assert reaching == {"auth"}

    def test_nothing_is_reached_past_the_gateway(self, overlay: str) -> None:
        (ingress,) = of_kind(overlay, "Ingress").values()
        backends = {
            path["backend"]["service"]["name"]
            for rule in ingress["spec"]["rules"]
            for path in rule["http"]["paths"]
        }
        assert backends == {"gateway"}


def test_production_runs_three_to_twenty_of_each() -> None:
    for scaler in of_kind("production", "HorizontalPodAutoscaler").values():
        assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (3, 20)
        percents = {
            metric["resource"]["name"]: metric["resource"]["target"]["averageUtilization"]
            for metric in scaler["spec"]["metrics"]
        }
        assert percents == {"cpu": 70, "memory": 80}


@pytest.mark.parametrize("service", SERVICES)
class TestVariables:
    def test_every_setting_is_set(self, service: str) -> None:
        set_here = {variable.name for variable in variables_of(service)}

        assert settings_of(service) - ALTERNATIVES - set_here == set()

    def test_every_variable_is_read(self, service: str) -> None:
        set_here = {variable.name for variable in variables_of(service)}

        assert set_here - settings_of(service) == set()

    def test_pods_get_them(self, service: str) -> None:
        deployments = of_kind("production", "Deployment")
        for name in (service, f"{service}-worker"):
            container = container_of(deployments[name])
            given = {entry["name"] for entry in container["env"]}
            for source in container["envFrom"]:
                config = of_kind("production", "ConfigMap")[source["configMapRef"]["name"]]
                given |= (config["data"] or {}).keys()
            expected = {variable.name for variable in (*SHARED, *OWN[service])}
            if name == service:
                expected -= {"WORKER_DB_URL"}
            assert given == expected
