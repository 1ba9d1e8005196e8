# SPDX-License-Identifier: Apache-2.0
"""status of a MeshGateway, and the columns that kubectl prints."""

from schema import Schema, array, boolean, list_map, must_choose, record, text, integer


def number(description: str, **more: object) -> Schema:
    return {"description": description, "type": "integer", "format": "int64", **more}


def time(description: str) -> Schema:
    return text(description, format="date-time")


def conditions() -> Schema:
    item = record(
        "",
        {
            "type": text(
                "What the condition is about, such as Ready, Accepted, Programmed, Available or AddressAssigned.",
                max_length=316,
            ),
            "status": must_choose("Whether it holds.", "True", "False", "Unknown"),
            "observedGeneration": number("metadata.generation that the condition is about.", minimum=0),
            "lastTransitionTime": time("When status changed last."),
            "reason": text("Why, as one word for programs.", max_length=1024, minLength=1,
                           pattern="^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"),
            "message": text("Why, for people.", max_length=32768),
        },
        required=("type", "status", "lastTransitionTime", "reason", "message"),
    )
    return list_map("State in detail, as Kubernetes conditions. Ready sums them up.", ["type"], item)


def ports() -> Schema:
    item = record(
        "",
        {
            "name": text("Name of the Service port."),
            "port": integer("Port of the Service.", 1, 65535),
            "protocol": text("Its protocol."),
            "targetPort": {"description": "Port of the pods.", "anyOf": [{"type": "integer"}, {"type": "string"}],
                           "x-kubernetes-int-or-string": True},
            "nodePort": integer("Port on every node, if any.", 0, 65535),
        },
        required=("port",),
    )
    return array("What the Service exposes.", item)


def certificates() -> Schema:
    challenge = record(
        "",
        {
            "dnsName": text("Name being proven."),
            "state": text("State that the ACME server gave it."),
            "reason": text("Why it is in that state."),
            "routed": boolean("Whether the gateway routes it to the solver."),
        },
        required=("dnsName",),
    )
    item = record(
        "",
        {
            "server": text("Name of the entry of spec.servers."),
            "hosts": array("Names in the certificate.", text()),
            "secretName": text("Secret that holds it."),
            "issuerRef": record(
                "Who issues it.",
                {"name": text("Its name."), "kind": text("Its kind."), "group": text("Its API group.")},
            ),
            "phase": must_choose(
                "Where it stands.", "Pending", "Issuing", "Challenging", "Ready", "Renewing", "Failed"
            ),
            "notAfter": time("When it expires."),
            "renewalTime": time("When it will be renewed."),
            "attempts": integer("Failed attempts in a row."),
            "reason": text("Why it is not ready, as one word."),
            "message": text("Why it is not ready: the most specific text there is."),
            "challenges": array("ACME challenges that are going on.", challenge),
        },
        required=("server",),
    )
    return array("Certificates of spec.servers.", item)


def status() -> Schema:
    return record(
        "What was found. Written by the operator.",
        {
            "observedGeneration": number("metadata.generation that the operator has acted on.", minimum=0),
            "conditions": conditions(),
            "serviceType": text("Type of the Service, also when spec leaves it to the default."),
            "addresses": array(
                "Where the gateway is reached.",
                record(
                    "",
                    {
                        "type": must_choose("What value is.", "IPAddress", "Hostname"),
                        "value": text("The address or host name."),
                    },
                    required=("type", "value"),
                ),
            ),
            "replicas": integer("Pods of the Deployment."),
            "readyReplicas": integer("Pods that are ready."),
            "ports": ports(),
            "proxy": record(
                "The proxy that the Deployment runs.",
                {
                    "version": text("Tag or digest of its image. Absent while istiod chooses it (mode Injected)."),
                    "image": text("Its image."),
                    "revision": text("Revision of the control plane that it belongs to; behind a tag, what the tag means."),
                },
            ),
            "certificates": certificates(),
            "certificatesReady": text("How many of them are good, of how many: 1/2."),
            "nextRenewal": time("When the next of them is renewed."),
            "Status": text("State in one word, as in the original API: Created, Reconciling, Available or ReconcileFailed."),
            "GatewayAddress": array("Addresses, as in the original API.", text()),
            "ErrorMessage": text("What went wrong, as in the original API. Empty when nothing did."),
        },
    )


def columns() -> list[Schema]:
    def column(name: str, path: str, kind: str = "string", **more: object) -> Schema:
        return {"name": name, "type": kind, "jsonPath": path, **more}

    return [
        column("Type", ".spec.type"),
        column("Service Type", ".status.serviceType"),
        column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        column("Status", ".status.Status"),
        column("Addresses", ".status.GatewayAddress"),
        column("Replicas", ".status.replicas", "integer"),
        column("Proxy", ".status.proxy.version", priority=1),
        column("Certificates", ".status.certificatesReady", priority=1),
        column("Renewal", ".status.nextRenewal", priority=1),
        column("Error", ".status.ErrorMessage", priority=1),
        column("Age", ".metadata.creationTimestamp", "date"),
    ]
