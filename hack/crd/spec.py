# SPDX-License-Identifier: Apache-2.0
"""spec of a MeshGateway: every field with its description, bounds and default.

The nested groups are the canonical fields; the flat names of the original API are shorthands, each
for one of them. There are no defaults where a shorthand exists: the API server would fill in the
nested field beside the shorthand that the user set.
"""

import rules
from kubernetes import Types
from schema import (
    DNS_LABEL,
    DNS_SUBDOMAIN,
    LABEL_VALUE,
    PERCENT,
    QUALIFIED_NAME,
    Schema,
    anything,
    array,
    boolean,
    choice,
    describe,
    int_or_string,
    integer,
    list_map,
    mapping,
    must_choose,
    record,
    text,
    unset_or,
    with_rules,
)
from servers import acme, servers

CORE = "io.k8s.api.core.v1."
AUTOSCALING = "io.k8s.api.autoscaling.v2."

# Shorthand -> canonical field; operator/data/rules.c has the same table.
SHORTHANDS = {
    "serviceType": "service.type",
    "serviceExternalTrafficPolicy": "service.externalTrafficPolicy",
    "serviceLabels": "service.metadata.labels",
    "serviceAnnotations": "service.metadata.annotations",
    "loadBalancerIP": "service.loadBalancerIP",
    "replicaCount": "deployment.replicas",
    "minReplicas": "autoscaling.minReplicas",
    "maxReplicas": "autoscaling.maxReplicas",
    "podAnnotations": "deployment.podMetadata.annotations",
    "resources": "deployment.resources",
    "nodeSelector": "deployment.nodeSelector",
    "affinity": "deployment.affinity",
    "tolerations": "deployment.tolerations",
    "securityContext": "deployment.securityContext",
    "additionalEnvVars": "deployment.env",
    "requestedNetworkView": "proxy.requestedNetworkView",
}


def labels(description: str) -> Schema:
    values = text("", max_length=63, pattern=LABEL_VALUE)
    return with_rules(mapping(description, values, maxProperties=64), *rules.LABELS)


def annotations(description: str) -> Schema:
    return with_rules(mapping(description, text(), maxProperties=256), *rules.ANNOTATIONS)


def metadata(of: str) -> Schema:
    return record(
        f"Labels and annotations of the {of}.",
        {
            "labels": labels(f"Labels added to the {of}."),
            "annotations": annotations(f"Annotations added to the {of}."),
        },
    )


def ports() -> Schema:
    item = record(
        "One port of the gateway.",
        {
            "name": text(
                "Name of the port, unique in the list. Required when there are several ports.",
                max_length=63,
                pattern=unset_or(DNS_LABEL),
            ),
            "port": integer("Port number of the Service.", 1, 65535),
            "protocol": must_choose("Protocol of the port.", "TCP", "UDP", "SCTP", default="TCP"),
            "targetPort": with_rules(
                int_or_string("Port of the gateway's pods, a number or the name of a container port. Defaults to port.", maxLength=15),
                *rules.TARGET_PORT,
            ),
            "nodePort": integer(
                "Port on every node, for service types NodePort and LoadBalancer. The API server chooses one when unset.",
                0,
                65535,
            ),
            "appProtocol": text(
                "Application protocol of the port, for implementations that care, such as kubernetes.io/h2c.",
                max_length=317,
                pattern=unset_or(QUALIFIED_NAME),
            ),
        },
        required=("port",),
    )
    return with_rules(
        list_map(
            "Ports of the gateway: of its Service, and of its container. The port for health checks, status-port "
            "15021, is added in front. May be empty.",
            ["port", "protocol"],
            item,
            max_items=256,
        ),
        *rules.PORTS,
    )


def service(types: Types) -> Schema:
    fields = {
        "type": choice(
            "Type of the Service. Defaults to LoadBalancer for an ingress gateway, to ClusterIP for an egress gateway.",
            "ClusterIP",
            "NodePort",
            "LoadBalancer",
        ),
        "metadata": metadata("Service"),
        "externalTrafficPolicy": choice(
            "Local keeps the client's address and sends traffic to the node's own pods only; Cluster spreads it over "
            "all nodes. Only for service types LoadBalancer and NodePort. Unset: the API server's default, Cluster.",
            "Local",
            "Cluster",
        ),
        "loadBalancerIP": text("Address to ask the load balancer for. Only for service type LoadBalancer."),
        "loadBalancerClass": text(
            "Load balancer implementation to use. Only for service type LoadBalancer; cannot be changed later.",
            max_length=317,
            pattern=unset_or(QUALIFIED_NAME),
        ),
        "loadBalancerSourceRanges": array(
            "Client address ranges (CIDR) that the load balancer lets in. Only for service type LoadBalancer.",
            with_rules(text("", max_length=64), *rules.CIDR),
            max_items=256,
        ),
        "allocateLoadBalancerNodePorts": boolean(
            "False: no node ports for a load balancer that needs none. Only for service type LoadBalancer."
        ),
        "healthCheckNodePort": integer(
            "Node port of the load balancer's health check. Only for service type LoadBalancer with "
            "externalTrafficPolicy Local. Unset or 0: the API server chooses one.",
            0,
            65535,
        ),
        "internalTrafficPolicy": choice(
            "Which pods traffic from inside the cluster reaches: all (Cluster) or those on the same node (Local).",
            "Cluster",
            "Local",
        ),
        "trafficDistribution": choice(
            "Preference for pods that are near the client.", "PreferClose", "PreferSameZone", "PreferSameNode"
        ),
        "clusterIP": with_rules(
            text("Fixed cluster address, or None for a headless Service.", max_length=45), *rules.CLUSTER_IP
        ),
        "externalIPs": array(
            "Addresses that route to the cluster's nodes from outside and are accepted for this Service.",
            with_rules(text("", max_length=45), *rules.IP),
            max_items=64,
        ),
        "ipFamilies": array(
            "IP families of the Service, the first one is primary.", must_choose("", "IPv4", "IPv6"), max_items=2
        ),
        "ipFamilyPolicy": choice(
            "Whether the Service has one IP family or two.", "SingleStack", "PreferDualStack", "RequireDualStack"
        ),
        "sessionAffinity": choice("ClientIP sends a client to the same pod each time.", "None", "ClientIP"),
        "sessionAffinityConfig": record(
            "How long session affinity lasts. Needs sessionAffinity ClientIP.",
            {
                "clientIP": record(
                    "",
                    {"timeoutSeconds": integer("Seconds without traffic after which it ends.", 1, 86400)},
                )
            },
        ),
        "publishNotReadyAddresses": boolean("True: pods that are not ready get traffic too."),
    }
    return with_rules(
        record("The gateway's Service. Fields that are not set are left to the API server.", fields), *rules.SERVICE
    )


def containers(types: Types, description: str) -> Schema:
    item = types.get(CORE + "Container")
    item["properties"]["name"] = text("", max_length=63, pattern=DNS_LABEL)
    return with_rules(list_map(description, ["name"], item, max_items=32), *rules.CONTAINERS)


def env(types: Types, description: str) -> Schema:
    item = types.get(CORE + "EnvVar")
    item["properties"]["name"] = {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": "^[ -<>-~]+$"}
    return list_map(description, ["name"], with_rules(item, *rules.ENV), max_items=256)


def volumes(types: Types, description: str) -> Schema:
    item = types.get(CORE + "Volume")
    item["properties"]["name"] = text("", max_length=63, pattern=DNS_LABEL)
    return list_map(description, ["name"], item, max_items=64)


def pod_placement(types: Types, head: str) -> dict[str, Schema]:
    """Fields that are there twice: below deployment, and flat as shorthands."""
    return {
        "resources": types.get(
            CORE + "ResourceRequirements",
            f"{head}Resources of the istio-proxy container. Defaults to requests of 100m CPU and 128Mi memory, "
            "limits of 2000m and 1Gi.",
        ),
        "nodeSelector": labels(f"{head}Labels that a node must have to run the gateway's pods."),
        "affinity": types.get(CORE + "Affinity", f"{head}Scheduling affinity of the gateway's pods."),
        "tolerations": array(
            f"{head}Taints that the gateway's pods tolerate.", types.get(CORE + "Toleration"), max_items=256
        ),
        "securityContext": types.get(
            CORE + "SecurityContext",
            f"{head}Security context of the istio-proxy container, instead of the default one: user and group 1337, "
            "non-root, no capabilities, no privilege escalation, read-only root file system.",
        ),
    }


def deployment(types: Types) -> Schema:
    def core(name: str, description: str) -> Schema:
        return types.get(CORE + name, description)

    return record(
        "The gateway's Deployment and its pods.",
        {
            "replicas": integer("Number of pods while no autoscaler decides it. Defaults to 1."),
            "metadata": metadata("Deployment"),
            "podMetadata": metadata("pods"),
            **pod_placement(types, ""),
            "env": env(types, "Environment variables of istio-proxy, merged by name over the operator's own."),
            "podSecurityContext": core(
                "PodSecurityContext",
                "Security context of the pods, instead of the default one: fsGroup 1337, seccomp RuntimeDefault, "
                "ports below 1024 for everybody.",
            ),
            "topologySpreadConstraints": list_map(
                "How pods spread over zones, nodes and so on.",
                ["topologyKey", "whenUnsatisfiable"],
                core("TopologySpreadConstraint", ""),
                max_items=32,
            ),
            "priorityClassName": text("Priority class of the pods.", max_length=253, pattern=unset_or(DNS_SUBDOMAIN)),
            "imagePullPolicy": choice("When istio-proxy's image is pulled.", "Always", "IfNotPresent", "Never"),
            "imagePullSecrets": list_map(
                "Secrets with credentials for the image registry.", ["name"], core("LocalObjectReference", ""), max_items=32
            ),
            "strategy": with_rules(
                types.get(
                    "io.k8s.api.apps.v1.DeploymentStrategy",
                    "How pods are replaced. Defaults to a rolling update with maxUnavailable 0 and maxSurge 25%.",
                ),
                *rules.STRATEGY,
            ),
            "minReadySeconds": integer(
                "Seconds a new pod must be ready before the next one is replaced. Defaults to 5.", 0, 599
            ),
            "revisionHistoryLimit": integer("Old ReplicaSets to keep for a rollback. Unset: the API server's default, 10."),
            "volumes": volumes(types, "Volumes added to the pods."),
            "volumeMounts": list_map(
                "Volume mounts added to the istio-proxy container.", ["mountPath"], core("VolumeMount", ""), max_items=64
            ),
            "initContainers": containers(types, "Init containers added to the pods."),
            "containers": containers(types, "Containers added to the pods, beside istio-proxy."),
            "lifecycle": core("Lifecycle", "Lifecycle hooks of the istio-proxy container."),
            "readinessProbe": core("Probe", "Readiness probe of istio-proxy, instead of the one on port 15021."),
            "livenessProbe": core("Probe", "Liveness probe of istio-proxy. None by default."),
            "startupProbe": core("Probe", "Startup probe of istio-proxy, instead of the one on port 15021."),
            "dnsPolicy": choice(
                "DNS policy of the pods. Unset: the API server's default, ClusterFirst.",
                "ClusterFirst",
                "ClusterFirstWithHostNet",
                "Default",
                "None",
            ),
            "dnsConfig": core("PodDNSConfig", "DNS settings of the pods, merged with what dnsPolicy gives."),
            "hostNetwork": boolean("True: the pods use their node's network."),
            "hostAliases": list_map(
                "Entries added to /etc/hosts of the pods.", ["ip"], core("HostAlias", ""), max_items=256
            ),
            "runtimeClassName": text("Runtime class of the pods.", max_length=253, pattern=unset_or(DNS_SUBDOMAIN)),
        },
    )


def autoscaling(types: Types) -> Schema:
    fields = {
        "minReplicas": integer("Fewest pods. Defaults to 1 when maxReplicas is set.", 1),
        "maxReplicas": integer("Most pods. Defaults to minReplicas when that is set.", 1),
        "targetCPUUtilizationPercentage": integer(
            "Average CPU use to aim at, in percent of the request. Defaults to 80 when no other metric is given.", 1
        ),
        "targetMemoryUtilizationPercentage": integer(
            "Average memory use to aim at, in percent of the request. No default.", 1
        ),
        "metrics": array(
            "More metrics to scale on, as in autoscaling/v2.", types.get(AUTOSCALING + "MetricSpec"), max_items=64
        ),
        "behavior": types.get(
            AUTOSCALING + "HorizontalPodAutoscalerBehavior", "How fast to scale up and down, as in autoscaling/v2."
        ),
        "external": boolean(
            "True: somebody else, such as KEDA, scales the Deployment. There is no HorizontalPodAutoscaler then, and "
            "the number of replicas is never written. Defaults to false."
        ),
    }
    return record(
        "The HorizontalPodAutoscaler. It exists when minReplicas or maxReplicas is set; the number of replicas is then "
        "left to it.",
        fields,
    )


def pod_disruption_budget() -> Schema:
    def amount(description: str) -> Schema:
        return int_or_string(description, minimum=0, maximum=2**31 - 1, pattern=unset_or(PERCENT))

    return with_rules(
        record(
            "The PodDisruptionBudget. By default there is one with maxUnavailable 1 when the gateway has at least two "
            "pods, and none otherwise.",
            {
                "minAvailable": amount("Number or percentage of pods that must stay available."),
                "maxUnavailable": amount("Number or percentage of pods that may be unavailable."),
                "unhealthyPodEvictionPolicy": choice(
                    "Whether pods that are not ready may always be evicted.", "IfHealthyBudget", "AlwaysAllow"
                ),
            },
        ),
        *rules.POD_DISRUPTION_BUDGET,
    )


def service_account() -> Schema:
    return record(
        "The ServiceAccount of the pods.",
        {
            "name": text(
                "Its name. Defaults to the gateway's name.", max_length=253, pattern=unset_or(DNS_SUBDOMAIN)
            ),
            "create": boolean("False: it exists already; nothing is created or changed.", default=True),
            "annotations": annotations("Annotations added to it, such as those for a cloud's workload identity."),
        },
    )


def proxy() -> Schema:
    def of_operator(what: str, **more: object) -> Schema:
        return text(f"{what} Defaults to the operator's configuration or the mesh's.", **more)

    return record(
        "The proxy (Envoy with Istio's agent) and the mesh it belongs to.",
        {
            "mode": must_choose(
                "Explicit: the operator renders the whole container. Injected: Istio's webhook fills it in.",
                "Explicit",
                "Injected",
                default="Explicit",
            ),
            "image": of_operator("Image of the proxy."),
            "revision": of_operator(
                "Revision of the Istio control plane.", max_length=56, pattern=unset_or(DNS_LABEL)
            ),
            "istioNamespace": of_operator("Namespace of istiod.", max_length=63, pattern=unset_or(DNS_LABEL)),
            "clusterID": of_operator("Name of this cluster in the mesh."),
            "meshID": of_operator("Name of the mesh."),
            "trustDomain": of_operator("Trust domain of the mesh."),
            "network": of_operator("Network of the gateway's pods in a mesh of several networks.", max_length=63,
                                   pattern=LABEL_VALUE),
            "caAddress": of_operator("Address (host:port) of the certificate authority."),
            "discoveryAddress": of_operator("Address (host:port) of istiod."),
            "logLevel": of_operator("Log level of the proxy, such as warning."),
            "componentLogLevel": of_operator("Log levels of the proxy's components, such as misc:error."),
            "requestedNetworkView": text("Networks whose endpoints the gateway is told, separated by commas."),
            "config": anything("Istio's ProxyConfig, merged over the mesh's.", type="object"),
        },
    )


def overlays() -> Schema:
    return array(
        "Changes to rendered objects, applied last and in order. They may not change what identifies an object, its "
        "owner or its selector.",
        record(
            "One change.",
            {
                "kind": must_choose(
                    "Kind of the object to change.",
                    "ServiceAccount",
                    "RoleBinding",
                    "Deployment",
                    "Service",
                    "HorizontalPodAutoscaler",
                    "PodDisruptionBudget",
                    "Gateway",
                    "VirtualService",
                    "Issuer",
                    "Certificate",
                ),
                "type": must_choose(
                    "StrategicMerge: a partial object, lists merged by key. JSONMerge: RFC 7386. JSONPatch: RFC 6902.",
                    "StrategicMerge",
                    "JSONMerge",
                    "JSONPatch",
                ),
                "patch": anything("The change: an object, or for JSONPatch a list of operations."),
            },
            required=("kind", "type", "patch"),
        ),
        max_items=64,
    )


def sds(types: Types) -> Schema:
    return record(
        "Without effect: istiod does this today. Accepted for resources of the original API.",
        {
            "enabled": boolean("Without effect."),
            "image": text("Without effect."),
            "resources": types.get(CORE + "ResourceRequirements", "Without effect."),
        },
    )


def canonical(types: Types) -> dict[str, Schema]:
    return {
        "type": must_choose(
            "ingress for traffic that enters the mesh, egress for traffic that leaves it. Decides the default "
            "service type and the label gateway-type.",
            "ingress",
            "egress",
        ),
        "ports": ports(),
        "labels": labels(
            "Labels added to every object and to the pods, never to selectors. They win over the operator's own except "
            "gateway-name, gateway-namespace and app.kubernetes.io/managed-by."
        ),
        "service": service(types),
        "deployment": deployment(types),
        "autoscaling": autoscaling(types),
        "podDisruptionBudget": pod_disruption_budget(),
        "runAsRoot": boolean("True: the proxy runs as user and group 0 instead of 1337.", default=False),
        "serviceAccount": service_account(),
        "proxy": proxy(),
        "istioControlPlane": record(
            "The Istio control plane, as in the original API. What proxy says wins.",
            {
                "name": text("Becomes proxy.revision.", max_length=253),
                "namespace": text("Becomes proxy.istioNamespace.", max_length=63, pattern=unset_or(DNS_LABEL)),
            },
        ),
        "drainSeconds": integer(
            "Seconds that open connections get to end before a pod stops. The pod's grace period is 15 s longer.",
            0,
            3600,
            default=30,
        ),
        "servers": servers(types),
        "acme": acme(types),
        "overlays": overlays(),
        "sds": sds(types),
    }


def spec(types: Types) -> Schema:
    fields = canonical(types)
    for short, target in SHORTHANDS.items():
        schema: Schema = {"properties": fields}
        for key in target.split("."):
            schema = schema["properties"][key]
        bare = {key: value for key, value in schema.items() if key != "description"}
        fields[short] = describe(bare, f"Shorthand for {target}. Set one of the two.")
    return with_rules(
        record("What the gateway shall be.", fields, required=("type", "ports")), *rules.spec(SHORTHANDS, fields)
    )
