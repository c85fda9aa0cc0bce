"""What the manifests promise beyond their schema.

Every rule takes the documents of one rendered kustomization and returns sentences, one for each
promise that is broken; an empty list means that the promise holds.
"""

PROBE_BINARY = "/usr/local/bin/plexsphere-signer"
DRAIN_VARIABLE = "PLEXSPHERE_SIGNER_DRAIN_TIMEOUT"
HEALTH_PORT = 8081


def of_kind(documents, kind):
    return [document for document in documents if document["kind"] == kind]


def pods(documents):
    return [document["spec"]["template"]["spec"] for document in of_kind(documents, "Deployment")]


def containers(documents):
    return [
        container
        for pod in pods(documents)
        for container in pod.get("initContainers", []) + pod["containers"]
    ]


def signers(documents):
    return [container for container in containers(documents) if container["name"] == "signer"]


def environment(container):
    return {entry["name"]: entry.get("value") for entry in container.get("env", [])}


def pod_runs_without_root(documents):
    broken = []
    for pod in pods(documents):
        context = pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True:
            broken.append("the pod does not set runAsNonRoot: true")
        for field in ("runAsUser", "runAsGroup", "fsGroup"):
            if not isinstance(context.get(field), int) or context[field] < 1:
                broken.append(f"the pod has no numeric, unprivileged {field}")
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            broken.append("the pod does not use the seccomp profile of the runtime")
        for field in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
            if pod.get(field):
                broken.append(f"the pod sets {field}")
        users = {
            container.get("securityContext", {}).get("runAsUser", context.get("runAsUser"))
            for container in pod["containers"]
        }
        if len(users) != 1:
            broken.append("containers that share the socket run under different user ids")
    return broken


def containers_hold_no_privilege(documents):
    broken = []
    for container in containers(documents):
        name = container["name"]
        context = container.get("securityContext", {})
        if context.get("readOnlyRootFilesystem") is not True:
            broken.append(f"container {name} can write its root file system")
        if context.get("allowPrivilegeEscalation") is not False:
            broken.append(f"container {name} allows privilege escalation")
        if context.get("privileged"):
            broken.append(f"container {name} is privileged")
        if context.get("runAsNonRoot") is False or context.get("runAsUser") == 0:
            broken.append(f"container {name} may run as root")
        capabilities = context.get("capabilities", {})
        if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
            broken.append(f"container {name} keeps capabilities")
    return broken


def every_container_has_bounds(documents):
    return [
        f"container {container['name']} has no {bound} for {resource}"
        for container in containers(documents)
        for bound in ("requests", "limits")
        for resource in ("cpu", "memory")
        if not container.get("resources", {}).get(bound, {}).get(resource)
    ]


def no_token_is_mounted(documents):
    broken = [
        "a pod mounts the token of its service account"
        for pod in pods(documents)
        if pod.get("automountServiceAccountToken") is not False
    ]
    for account in of_kind(documents, "ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            broken.append("the service account hands its token to pods")
    if not of_kind(documents, "ServiceAccount"):
        broken.append("there is no service account of our own")
    return broken


def probes_ask_the_custodian(documents):
    broken = []
    for container in signers(documents):
        for probe, what in (
            ("startupProbe", "livez"),
            ("livenessProbe", "livez"),
            ("readinessProbe", "readyz"),
        ):
            settings = container.get(probe, {})
            command = settings.get("exec", {}).get("command")
            by_exec = command == [PROBE_BINARY, "probe", what]
            by_http = settings.get("httpGet") == {"path": f"/{what}", "port": "health"}
            if by_exec == by_http:
                broken.append(f"{probe} asks neither by exec nor by http, or both ways")
            if settings.get("timeoutSeconds", 1) < 3:
                broken.append(f"{probe} waits less than 3 seconds")
            if by_exec and not environment(container).get("PLEXSPHERE_SIGNER_SOCKET"):
                broken.append(f"{probe} cannot find the socket")
            if by_http:
                broken += health_port_is_open(documents, container)
    return broken or ([] if signers(documents) else ["there is no container named signer"])


def health_port_is_open(documents, container):
    broken = []
    listen = environment(container).get("PLEXSPHERE_SIGNER_HEALTH_LISTEN", "")
    if not listen.endswith(f":{HEALTH_PORT}") or listen.startswith("127."):
        broken.append("the health listener is not reachable for the kubelet")
    ports = {port.get("name"): port["containerPort"] for port in container.get("ports", [])}
    if ports != {"health": HEALTH_PORT}:
        broken.append("the container declares other ports than health")
    return broken


def pod_outlives_the_drain(documents):
    broken = []
    for deployment in of_kind(documents, "Deployment"):
        if deployment["spec"].get("strategy", {}).get("type") != "Recreate":
            broken.append("two pods could write one registry during an update")
        if deployment["spec"].get("replicas") != 1:
            broken.append("the registry has room for exactly one replica")
        grace = deployment["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 0)
        for container in signers([deployment]):
            drain = environment(container).get(DRAIN_VARIABLE) or ""
            if not drain.endswith("s") or grace <= int(drain.removesuffix("s")):
                broken.append("the grace period does not outlast the drain timeout")
    if [budget["spec"].get("minAvailable") for budget in of_kind(documents, "PodDisruptionBudget")] != [1]:
        broken.append("no disruption budget keeps the pod")
    return broken


def volumes_are_private(documents):
    broken = []
    for pod in pods(documents):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        if volumes.get("socket", {}).get("emptyDir", {}).get("medium") != "Memory":
            broken.append("the socket directory is not in memory")
        if "registry" not in volumes:
            broken.append("the registry has no volume")
        for name, volume in volumes.items():
            if "hostPath" in volume:
                broken.append(f"volume {name} is a path of the node")
            if "emptyDir" in volume and not volume["emptyDir"].get("sizeLimit"):
                broken.append(f"volume {name} has no size limit")
            if "secret" in volume and volume["secret"].get("defaultMode") not in (0o400, 0o440):
                broken.append(f"the files of secret volume {name} are readable by others")
        for container in pod["containers"]:
            broken += container_mounts(container, volumes)
    return broken


def container_mounts(container, volumes):
    broken = []
    for mount in container["volumeMounts"]:
        secret = "secret" in volumes[mount["name"]]
        if secret and mount.get("readOnly") is not True:
            broken.append(f"secret volume {mount['name']} is mounted writable")
        if container["name"] != "signer" and mount["name"] != "socket":
            broken.append(f"container {container['name']} reaches into volume {mount['name']}")
    return broken


def _is_narrow(way_out):
    """One host, or the name service of the cluster, or a key service whose address nobody knows."""
    ports = {port["port"] for port in way_out.get("ports", [])}
    peers = way_out.get("to", [])
    if not ports or not peers:
        return False
    hosts = [peer.get("ipBlock", {}).get("cidr", "") for peer in peers]
    if all(host.endswith("/32") for host in hosts):
        return True
    system = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
    if peers == [{"namespaceSelector": system}]:
        return ports == {53}
    return hosts == ["0.0.0.0/0"] and ports == {443}


def network_is_closed(documents):
    policies = of_kind(documents, "NetworkPolicy")
    if len(policies) != 1:
        return ["there is not exactly one network policy"]
    spec = policies[0]["spec"]
    broken = []
    if sorted(spec.get("policyTypes", [])) != ["Egress", "Ingress"]:
        broken.append("the network policy leaves a direction open")
    for way_out in spec.get("egress", []):
        if not _is_narrow(way_out):
            broken.append("the network policy lets out more than a back end needs")
    if spec.get("ingress") != [{"ports": [{"protocol": "TCP", "port": HEALTH_PORT}]}]:
        broken.append("the network policy lets in more than the health port")
    labels = spec.get("podSelector", {}).get("matchLabels", {})
    for deployment in of_kind(documents, "Deployment"):
        carried = deployment["spec"]["template"]["metadata"]["labels"]
        if not labels or not labels.items() <= carried.items():
            broken.append("the network policy does not select the pod")
    return broken


ALL = (
    pod_runs_without_root,
    containers_hold_no_privilege,
    every_container_has_bounds,
    no_token_is_mounted,
    probes_ask_the_custodian,
    pod_outlives_the_drain,
    volumes_are_private,
    network_is_closed,
)
