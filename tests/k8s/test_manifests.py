"""The kustomizations of k8s/, rendered and held against the rules; then each rule against a
manifest that breaks it, so that no rule can pass by being blind."""

import base64
import copy
import functools
import pathlib
import subprocess
import sys

import pytest
import rules
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
KUBECTL = pathlib.Path(sys.executable).parent / "kubectl"
CLOUDS = ["overlays/aws-kms", "overlays/gcp-kms", "overlays/azure-kv"]
KUSTOMIZATIONS = [
    "base",
    "overlays/dev-software",
    "overlays/pkcs11",
    *CLOUDS,
    "examples/sidecar",
    "examples/http-probes",
    "examples/network-hsm",
]


@functools.cache
def rendered_text(kustomization):
    command = [str(KUBECTL), "kustomize", str(ROOT / "k8s" / kustomization)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def render(kustomization):
    return list(yaml.safe_load_all(rendered_text(kustomization)))


def deployment(documents):
    (found,) = rules.of_kind(documents, "Deployment")
    return found["spec"]


def pod(documents):
    return deployment(documents)["template"]["spec"]


def container(documents, name="signer"):
    return next(each for each in pod(documents)["containers"] if each["name"] == name)


def volume(documents, name):
    return next(each for each in pod(documents)["volumes"] if each["name"] == name)


@pytest.mark.parametrize("kustomization", KUSTOMIZATIONS)
@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.__name__)
def test_rendered_manifests_keep_the_rule(rule, kustomization):
    assert rule(render(kustomization)) == []


@pytest.mark.parametrize("kustomization", KUSTOMIZATIONS)
def test_every_pod_fits_the_restricted_namespace(kustomization):
    for namespace in rules.of_kind(render(kustomization), "Namespace"):
        labels = namespace["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_base_chooses_no_provider_and_carries_no_secret():
    documents = render("base")
    assert "PLEXSPHERE_SIGNER_KEY_PROVIDER" not in rules.environment(container(documents))
    assert rules.of_kind(documents, "Secret") == []


def test_the_development_seed_is_32_bytes_and_says_what_it_is():
    (secret,) = rules.of_kind(render("overlays/dev-software"), "Secret")
    seed = base64.b64decode(secret["data"]["seed.bin"])
    assert len(seed) == 32
    assert seed.startswith(b"throwaway-")
    example = yaml.safe_load((ROOT / "k8s/examples/seed-secret.yaml").read_text())
    assert base64.b64decode(example["data"]["seed.bin"]) == seed


def test_the_seed_file_is_where_the_configuration_looks():
    signer = container(render("overlays/dev-software"))
    (mount,) = [each for each in signer["volumeMounts"] if each["name"] == "seed"]
    configured = rules.environment(signer)["PLEXSPHERE_SIGNER_SOFTWARE_SEED_FILE"]
    assert configured == f"{mount['mountPath']}/seed.bin"


def test_the_pin_is_a_file_of_a_secret_that_is_not_here():
    documents = render("overlays/pkcs11")
    signer = container(documents)
    (mount,) = [each for each in signer["volumeMounts"] if each["name"] == "pkcs11-pin"]
    configured = rules.environment(signer)
    assert configured["PLEXSPHERE_SIGNER_PKCS11_PIN_FILE"] == f"{mount['mountPath']}/pin"
    assert "PLEXSPHERE_SIGNER_PKCS11_PIN" not in configured
    assert not any("pin" in argument for argument in signer["args"])
    assert volume(documents, "pkcs11-pin")["secret"]["defaultMode"] == 0o400
    assert rules.of_kind(documents, "Secret") == []


def test_the_module_comes_from_a_directory_that_only_its_maker_can_write():
    documents = render("overlays/pkcs11")
    signer = container(documents)
    (mount,) = [each for each in signer["volumeMounts"] if each["name"] == "module"]
    assert mount["readOnly"] is True
    (init,) = pod(documents)["initContainers"]
    script = init["command"][-1]
    assert f"install -d -m 0755 /module/{mount['subPath']}" in script
    module = pathlib.PurePosixPath(rules.environment(signer)["PLEXSPHERE_SIGNER_PKCS11_MODULE"])
    assert str(module.parent) == mount["mountPath"]


def ports_out(kustomization):
    (policy,) = rules.of_kind(render(kustomization), "NetworkPolicy")
    rows = policy["spec"].get("egress") or []
    return {port["port"] for row in rows for port in row["ports"]}


def test_only_what_has_a_back_end_on_the_network_lets_anything_out():
    for kustomization in KUSTOMIZATIONS:
        has_one = kustomization in ["examples/network-hsm", *CLOUDS]
        assert bool(ports_out(kustomization)) == has_one


def test_a_cloud_lets_out_names_https_and_what_hands_out_credentials():
    ports = {kustomization: ports_out(kustomization) for kustomization in CLOUDS}
    assert ports == {
        "overlays/aws-kms": {53, 443},
        "overlays/gcp-kms": {53, 443, 80, 988},
        "overlays/azure-kv": {53, 443},
    }


@pytest.mark.parametrize("kustomization", CLOUDS)
def test_a_cloud_signs_in_as_the_service_account_and_carries_no_secret(kustomization):
    documents = render(kustomization)
    (account,) = rules.of_kind(documents, "ServiceAccount")
    assert len(account["metadata"]["annotations"]) == 1
    variables = rules.environment(container(documents))
    assert f"overlays/{variables['PLEXSPHERE_SIGNER_KEY_PROVIDER']}" == kustomization
    assert not any("SECRET" in name or "TOKEN" in name for name in variables)
    assert rules.of_kind(documents, "Secret") == []


BREAKAGES = [
    (rules.pod_runs_without_root, lambda d: pod(d)["securityContext"].update(runAsNonRoot=False)),
    (rules.pod_runs_without_root, lambda d: pod(d)["securityContext"].update(runAsUser=0)),
    (rules.pod_runs_without_root, lambda d: pod(d)["securityContext"].pop("fsGroup")),
    (rules.pod_runs_without_root, lambda d: pod(d)["securityContext"].pop("seccompProfile")),
    (rules.pod_runs_without_root, lambda d: pod(d).update(hostPID=True)),
    (
        rules.pod_runs_without_root,
        lambda d: container(d, "app")["securityContext"].update(runAsUser=1000),
    ),
    (
        rules.containers_hold_no_privilege,
        lambda d: container(d)["securityContext"].pop("readOnlyRootFilesystem"),
    ),
    (
        rules.containers_hold_no_privilege,
        lambda d: container(d)["securityContext"].pop("allowPrivilegeEscalation"),
    ),
    (
        rules.containers_hold_no_privilege,
        lambda d: container(d)["securityContext"].update(capabilities={"drop": ["NET_RAW"]}),
    ),
    (
        rules.containers_hold_no_privilege,
        lambda d: container(d, "app")["securityContext"]["capabilities"].update(add=["SYS_PTRACE"]),
    ),
    (
        rules.containers_hold_no_privilege,
        lambda d: container(d)["securityContext"].update(runAsUser=0),
    ),
    (rules.every_container_has_bounds, lambda d: container(d)["resources"]["limits"].pop("memory")),
    (rules.no_token_is_mounted, lambda d: pod(d).pop("automountServiceAccountToken")),
    (
        rules.no_token_is_mounted,
        lambda d: rules.of_kind(d, "ServiceAccount")[0].pop("automountServiceAccountToken"),
    ),
    (
        rules.probes_ask_the_custodian,
        lambda d: container(d)["livenessProbe"]["exec"].update(command=["true"]),
    ),
    (rules.probes_ask_the_custodian, lambda d: container(d).pop("readinessProbe")),
    (rules.probes_ask_the_custodian, lambda d: container(d).update(env=[])),
    (rules.probes_ask_the_custodian, lambda d: container(d).update(name="other")),
    (rules.pod_outlives_the_drain, lambda d: pod(d).update(terminationGracePeriodSeconds=20)),
    (rules.pod_outlives_the_drain, lambda d: deployment(d).pop("strategy")),
    (rules.pod_outlives_the_drain, lambda d: deployment(d).update(replicas=2)),
    (
        rules.pod_outlives_the_drain,
        lambda d: rules.of_kind(d, "PodDisruptionBudget")[0]["spec"].update(minAvailable=0),
    ),
    (rules.volumes_are_private, lambda d: volume(d, "socket").update(emptyDir={"sizeLimit": "1Mi"})),
    (rules.volumes_are_private, lambda d: volume(d, "socket")["emptyDir"].pop("sizeLimit")),
    (rules.volumes_are_private, lambda d: volume(d, "seed")["secret"].update(defaultMode=0o644)),
    (rules.volumes_are_private, lambda d: volume(d, "seed")["secret"].pop("defaultMode")),
    (rules.volumes_are_private, lambda d: volume(d, "registry").update(hostPath={"path": "/"})),
    (
        rules.volumes_are_private,
        lambda d: container(d, "app")["volumeMounts"].append({"name": "seed", "readOnly": True}),
    ),
    (
        rules.network_is_closed,
        lambda d: rules.of_kind(d, "NetworkPolicy")[0]["spec"].update(egress=[{}]),
    ),
    (
        rules.network_is_closed,
        lambda d: rules.of_kind(d, "NetworkPolicy")[0]["spec"].update(
            egress=[{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 443}]}]
        ),
    ),
    (
        rules.network_is_closed,
        lambda d: rules.of_kind(d, "NetworkPolicy")[0]["spec"].update(
            egress=[{"to": [{"ipBlock": {"cidr": "192.0.2.10/32"}}]}]
        ),
    ),
    (
        rules.network_is_closed,
        lambda d: rules.of_kind(d, "NetworkPolicy")[0]["spec"].update(
            egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 80}]}]
        ),
    ),
    (
        rules.network_is_closed,
        lambda d: rules.of_kind(d, "NetworkPolicy")[0]["spec"].update(
            egress=[{"to": [{"namespaceSelector": {}}], "ports": [{"port": 53}]}]
        ),
    ),
    (
        rules.network_is_closed,
        lambda d: rules.of_kind(d, "NetworkPolicy")[0]["spec"].update(ingress=[{}]),
    ),
    (
        rules.network_is_closed,
        lambda d: rules.of_kind(d, "NetworkPolicy")[0]["spec"].update(policyTypes=["Ingress"]),
    ),
    (
        rules.network_is_closed,
        lambda d: rules.of_kind(d, "NetworkPolicy")[0]["spec"].update(
            podSelector={"matchLabels": {"app": "other"}}
        ),
    ),
]


@pytest.mark.parametrize(
    ("rule", "breakage"), BREAKAGES, ids=[f"{rule.__name__}-{n}" for n, (rule, _) in enumerate(BREAKAGES)]
)
def test_the_rule_notices_a_manifest_that_breaks_it(rule, breakage):
    documents = copy.deepcopy(render("examples/sidecar"))
    assert rule(documents) == []
    breakage(documents)
    assert rule(documents) != []


def test_the_health_listener_must_be_reachable_when_probes_use_it():
    documents = render("examples/http-probes")
    for entry in container(documents)["env"]:
        if entry["name"] == "PLEXSPHERE_SIGNER_HEALTH_LISTEN":
            entry["value"] = "127.0.0.1:8081"
    assert rules.probes_ask_the_custodian(documents) != []
