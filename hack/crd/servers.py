# SPDX-License-Identifier: Apache-2.0
"""spec.servers and spec.acme: hosts, TLS and certificates."""

import rules
from kubernetes import Types
from schema import (
    DNS_LABEL,
    DNS_SUBDOMAIN,
    DURATION,
    LABEL_VALUE,
    Schema,
    array,
    boolean,
    choice,
    int_or_string,
    integer,
    mapping,
    record,
    text,
    unset_or,
    with_rules,
)

CORE = "io.k8s.api.core.v1."
LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
# No number: istiod refuses names that look like addresses.
LAST_LABEL = "([0-9]*[a-z]([-a-z0-9]*[a-z0-9])?|[0-9]+-[-a-z0-9]*[a-z0-9])"
DNS_NAME = rf"({LABEL}\.)*{LAST_LABEL}"
# Istio's form: an optional namespace ("*", "." or a name), then a DNS name, a wildcard or all.
HOST = rf"^(([*]|[.]|{LABEL})/)?([*]|([*]\.)?{DNS_NAME})$"
OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
# A rule looks closer at IPv6.
CERTIFICATE_NAME = rf"^([*]\.)?{DNS_NAME}$|^({OCTET}\.){{3}}{OCTET}$|^[0-9a-f]*:[0-9a-f:.]*$"


def secret_name(description: str) -> Schema:
    return text(description, max_length=253, pattern=unset_or(DNS_SUBDOMAIN))


def duration(description: str) -> Schema:
    return text(description, max_length=32, pattern=unset_or(DURATION))


def issuer_ref(description: str) -> Schema:
    return record(
        description,
        {
            "name": text("Name of the issuer.", max_length=253, minLength=1),
            "kind": text("Issuer or ClusterIssuer, or the kind of an external issuer. Defaults to Issuer.", max_length=63),
            "group": text("API group of the issuer. Defaults to cert-manager.io.", max_length=253),
        },
        required=("name",),
    )


def certificate() -> Schema:
    fields = {
        "issuerRef": issuer_ref("Who issues it. Defaults to the issuer of spec.acme."),
        "secretName": secret_name("Secret that receives key and certificate. Defaults to <gateway>-<server>-tls."),
        "dnsNames": array(
            "Names in the certificate; addresses, too. Defaults to the server's hosts.",
            text("", max_length=253, pattern=CERTIFICATE_NAME),
            max_items=100,
        ),
        "privateKey": record(
            "The private key.",
            {
                "algorithm": choice("Its algorithm. Defaults to ECDSA.", "RSA", "ECDSA", "Ed25519"),
                "encoding": choice("Its encoding. Defaults to PKCS1.", "PKCS1", "PKCS8"),
                "size": integer("Its size in bits. Defaults to 256 for ECDSA.", 0, 8192),
                "rotationPolicy": choice("Always: a new key each time. Never: keep it.", "Never", "Always"),
            },
        ),
        "duration": duration("Lifetime to ask for, such as 2160h. Many ACME servers decide it themselves."),
        "renewBefore": duration("Time before expiry at which it is renewed, such as 360h. Unset: a third of its lifetime."),
        "renewBeforePercentage": integer("The same in percent of the lifetime.", 1, 99),
        "usages": array(
            "Key usages. Defaults to digital signature and server auth; for RSA also key encipherment.", text("", max_length=64), max_items=32
        ),
        "revisionHistoryLimit": integer("Old requests to keep. Defaults to 1.", 1),
        "secretTemplate": record(
            "Labels and annotations of the Secret.",
            {
                "labels": mapping("Labels of the Secret.", text("", max_length=63, pattern=LABEL_VALUE)),
                "annotations": mapping("Annotations of the Secret.", text()),
            },
        ),
    }
    return with_rules(
        record("A certificate that cert-manager issues and renews. {} is enough with spec.acme.", fields),
        *rules.CERTIFICATE,
    )


def tls() -> Schema:
    versions = ("TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3")
    fields = {
        "mode": choice(
            "Who ends TLS, and whether clients need a certificate. Defaults to SIMPLE.",
            "SIMPLE",
            "MUTUAL",
            "OPTIONAL_MUTUAL",
            "PASSTHROUGH",
            "AUTO_PASSTHROUGH",
            "ISTIO_MUTUAL",
        ),
        "credentialName": secret_name("Secret with key and certificate, in the gateway's namespace. You keep it."),
        "certificate": certificate(),
        "minProtocolVersion": choice("Lowest TLS version.", *versions),
        "maxProtocolVersion": choice("Highest TLS version.", *versions),
        "cipherSuites": array("Cipher suites to allow.", text("", max_length=128), max_items=64),
        "subjectAltNames": array("Names that a client's certificate must have.", text("", max_length=253), max_items=256),
    }
    return with_rules(record("HTTPS for the hosts. Without it there is only HTTP.", fields), *rules.TLS)


def servers(types: Types) -> Schema:
    def port(description: str) -> Schema:
        return int_or_string(description, minimum=1, maximum=65535, maxLength=63)

    item = record(
        "Hosts that are served alike.",
        {
            "name": text(
                "Name of the entry, part of object names. Defaults to server-<index>.",
                max_length=63,
                pattern=unset_or(DNS_LABEL),
            ),
            "hosts": array(
                "DNS names, wildcards such as *.example.com, or *; as in an Istio Gateway, <namespace>/<host> limits "
                "who may bind routes.",
                text("", max_length=317, pattern=HOST),
                max_items=256,
                minItems=1,
            ),
            "httpPort": port("Entry of ports, by name or number, that serves HTTP. Defaults to the one named http or "
                             "http2, else number 80."),
            "httpsPort": port("Entry of ports, by name or number, that serves HTTPS. Defaults to the one named https, "
                              "else number 443."),
            "httpsRedirect": boolean("Whether HTTP is redirected to HTTPS. Defaults to true when the gateway ends TLS; a host "
                                     "that is passed through has HTTP only with this or httpPort."),
            "tls": tls(),
        },
        required=("hosts",),
    )
    return with_rules(
        array(
            "Hosts that the gateway serves, with their certificates: an Istio Gateway and what belongs to it.",
            with_rules(item, *rules.SERVER),
            max_items=64,
        ),
        *rules.SERVERS,
    )


def pod_template(types: Types) -> Schema:
    def core(name: str) -> Schema:
        return types.get(CORE + name)

    return record(
        "Metadata and scheduling of the pods that answer challenges, as in cert-manager.",
        {
            "metadata": record(
                "", {"labels": mapping("", text("", max_length=63, pattern=LABEL_VALUE)), "annotations": mapping("", text())}
            ),
            "spec": record(
                "",
                {
                    "affinity": core("Affinity"),
                    "imagePullSecrets": array("", core("LocalObjectReference"), max_items=32),
                    "nodeSelector": mapping("", text("", max_length=63, pattern=LABEL_VALUE)),
                    "priorityClassName": text("", max_length=253, pattern=unset_or(DNS_SUBDOMAIN)),
                    "securityContext": core("PodSecurityContext"),
                    "serviceAccountName": text("", max_length=253, pattern=unset_or(DNS_SUBDOMAIN)),
                    "tolerations": array("", core("Toleration"), max_items=256),
                },
            ),
        },
    )


def acme(types: Types) -> Schema:
    fields = {
        "server": text(
            "letsencrypt, letsencrypt-staging, or the https URL of an ACME directory.",
            max_length=2048,
            pattern="^(|letsencrypt|letsencrypt-staging|https://[^ ]+)$",
        ),
        "email": text("Address for the account. The authority may write to it.", max_length=254),
        "externalAccountBinding": record(
            "Key that binds the account to one that exists at the authority.",
            {
                "keyID": text("Identifier of the key.", max_length=1024, minLength=1),
                "keySecretRef": record(
                    "Secret that holds the key, base64url encoded.",
                    {
                        "name": text("Name of the Secret.", max_length=253, pattern=DNS_SUBDOMAIN),
                        "key": text("Key in the Secret.", max_length=253, pattern="^[-._a-zA-Z0-9]+$"),
                    },
                    required=("name", "key"),
                ),
            },
            required=("keyID", "keySecretRef"),
        ),
        "preferredChain": text("Common name of the root whose chain is preferred.", max_length=64),
        "profile": text("Certificate profile of the ACME server, such as shortlived.", max_length=64),
        "caBundle": text("PEM certificates, base64 encoded, that the ACME server's own certificate is checked with.",
                         max_length=262144, pattern="^[A-Za-z0-9+/=\\n]*$"),
        "privateKeySecretName": secret_name("Secret of the account key. Defaults to <gateway>-acme-account."),
        "solver": record(
            "How challenges are answered.",
            {
                "podTemplate": pod_template(types),
                "waitInsteadOfSelfCheck": duration(
                    "Wait this long instead of asking for the challenge from inside the cluster, such as 30s."
                ),
            },
        ),
        "issuerRef": issuer_ref("An Issuer or ClusterIssuer that exists, instead of all other fields here."),
    }
    return with_rules(
        record("The ACME account that certificates come from: an Issuer in the gateway's namespace.", fields), *rules.ACME
    )
