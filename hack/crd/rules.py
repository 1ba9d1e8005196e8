# SPDX-License-Identifier: Apache-2.0
"""CEL rules of the MeshGateway schema.

operator/data/rules*.c mirrors every rule by hand with the same message, and
tests/integration/test_validation.py proves that both give the same verdict: change them together.
An empty string, object or list counts as unset everywhere.
"""

from collections.abc import Callable

from schema import Schema, rule

# The Service type in effect: shorthand, canonical field, default of the gateway type.
SERVICE_TYPE = (
    "(self.?serviceType.orValue('') != '' ? self.serviceType : "
    "self.?service.?type.orValue('') != '' ? self.service.type : "
    "self.type == 'egress' ? 'ClusterIP' : 'LoadBalancer')"
)

METADATA = [
    rule(
        "self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name must be a DNS label that starts with a letter, of at most 63 characters: it names the Service",
        path=".metadata.name",
    ),
]

LABELS = [
    rule(
        "self.all(k, !format.qualifiedName().validate(k).hasValue())",
        "every key must be a label name, such as team or example.com/team",
    ),
]

ANNOTATIONS = [
    rule(
        "self.all(k, !format.qualifiedName().validate(k.lowerAscii()).hasValue())",
        "every key must be an annotation name, such as team or example.com/team",
    ),
]

TARGET_PORT = [
    rule(
        "type(self) == int ? self >= 1 && self <= 65535 : self == '' || "
        "(self.size() <= 15 && self.matches('^[a-z0-9]+(-[a-z0-9]+)*$') && self.matches('[a-z]'))",
        "must be a port number (1-65535) or a port name (at most 15 lower-case letters, digits and single dashes, "
        "at least one letter)",
    ),
]

PORTS = [
    rule(
        "self.all(p, p.?name.orValue('') == '' || self.exists_one(q, q.?name.orValue('') == p.name))",
        "port names must be unique",
    ),
    rule(
        "self.size() <= 1 || self.all(p, p.?name.orValue('') != '')",
        "every port needs a name when there are several ports",
    ),
    rule(
        "self.all(p, p.?nodePort.orValue(0) == 0 || "
        "self.exists_one(q, q.?nodePort.orValue(0) == p.nodePort && q.protocol == p.protocol))",
        "node ports must be unique for each protocol",
    ),
]

CIDR = [rule("isCIDR(self)", "must be an address range, such as 192.0.2.0/24 or 2001:db8::/32")]
IP = [rule("isIP(self)", "must be an IP address")]
CLUSTER_IP = [rule("self == '' || self == 'None' || isIP(self)", "must be an IP address or None")]

SERVICE = [
    rule(
        "!has(self.sessionAffinityConfig) || !has(self.sessionAffinityConfig.clientIP) || "
        "self.?sessionAffinity.orValue('') == 'ClientIP'",
        "sessionAffinityConfig needs sessionAffinity ClientIP",
        path=".sessionAffinityConfig",
    ),
    rule(
        "self.?ipFamilies.orValue([]).size() < 2 || self.ipFamilies[0] != self.ipFamilies[1]",
        "ipFamilies must not name a family twice",
        path=".ipFamilies",
    ),
    rule(
        "self.?ipFamilies.orValue([]).size() < 2 || self.?ipFamilyPolicy.orValue('') != 'SingleStack'",
        "two ipFamilies need ipFamilyPolicy PreferDualStack or RequireDualStack",
        path=".ipFamilies",
    ),
]

CONTAINERS = [
    rule("self.all(c, c.name != 'istio-proxy')", "istio-proxy is the gateway's own container"),
]

ENV = [
    rule("self.?value.orValue('') == '' || !has(self.valueFrom)", "set value or valueFrom, not both"),
]

STRATEGY = [
    rule(
        "self.?type.orValue('') != 'Recreate' || !has(self.rollingUpdate)",
        "rollingUpdate may not be set for type Recreate",
        path=".rollingUpdate",
    ),
]

POD_DISRUPTION_BUDGET = [
    rule(
        "!has(self.minAvailable) || self.minAvailable == '' || !has(self.maxUnavailable) || self.maxUnavailable == ''",
        "set minAvailable or maxUnavailable, not both",
    ),
]

CERTIFICATE = [
    rule(
        "self.?renewBefore.orValue('') == '' || !has(self.renewBeforePercentage)",
        "set renewBefore or renewBeforePercentage, not both",
    ),
    rule(
        "!has(self.dnsNames) || self.dnsNames.all(n, !n.contains(':') || isIP(n))",
        "a name with a colon must be an IPv6 address",
        path=".dnsNames",
    ),
]

ENDS_ELSEWHERE = "self.?mode.orValue('') in ['PASSTHROUGH', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL']"

TLS = [
    rule(
        "self.?credentialName.orValue('') == '' || !has(self.certificate)",
        "set credentialName or certificate, not both",
    ),
    rule(
        f"!({ENDS_ELSEWHERE}) || (self.?credentialName.orValue('') == '' && !has(self.certificate))",
        "credentialName and certificate have no effect with modes PASSTHROUGH, AUTO_PASSTHROUGH and ISTIO_MUTUAL",
    ),
    rule(
        f"{ENDS_ELSEWHERE} || self.?credentialName.orValue('') != '' || has(self.certificate)",
        "set credentialName or certificate: this mode needs one",
    ),
    rule(
        "!(self.?mode.orValue('') in ['PASSTHROUGH', 'AUTO_PASSTHROUGH']) || (self.?minProtocolVersion.orValue('') == '' && "
        "self.?maxProtocolVersion.orValue('') == '' && (!has(self.cipherSuites) || self.cipherSuites.size() == 0))",
        "minProtocolVersion, maxProtocolVersion and cipherSuites have no effect with modes PASSTHROUGH and "
        "AUTO_PASSTHROUGH",
    ),
    rule(
        "!has(self.subjectAltNames) || self.subjectAltNames.size() == 0 || "
        "self.?mode.orValue('') in ['MUTUAL', 'OPTIONAL_MUTUAL', 'ISTIO_MUTUAL']",
        "subjectAltNames needs a mode with certificates of clients: MUTUAL, OPTIONAL_MUTUAL or ISTIO_MUTUAL",
        path=".subjectAltNames",
    ),
    # The names sort as the versions do.
    rule(
        "!self.?minProtocolVersion.orValue('').startsWith('TLSV') || !self.?maxProtocolVersion.orValue('').startsWith('TLSV')"
        " || self.minProtocolVersion <= self.maxProtocolVersion",
        "minProtocolVersion must not be above maxProtocolVersion",
        path=".minProtocolVersion",
    ),
]

SERVER = [
    rule("!self.?httpsRedirect.orValue(false) || has(self.tls)", "httpsRedirect needs tls", path=".httpsRedirect"),
    rule(
        "!self.?tls.?certificate.hasValue() || (has(self.tls.certificate.dnsNames) && self.tls.certificate.dnsNames.size() > 0)"
        " || !self.hosts.exists(h, h == '*' || h.endsWith('/*'))",
        "no certificate is for host *: list its names in tls.certificate.dnsNames",
        path=".hosts",
    ),
]

SERVERS = [
    rule(
        "self.all(s, s.?name.orValue('') == '' || self.exists_one(t, t.?name.orValue('') == s.name))",
        "server names must be unique",
    ),
    rule(
        "self.all(s, has(s.name) && s.name != '') || !self.exists(s, has(s.name) && s.name.matches('^server-[0-9]+$'))",
        "server-<number> is what servers without a name are called: name all of them, or choose another name",
    ),
]

ACME_OTHERS = (
    "email",
    "externalAccountBinding",
    "preferredChain",
    "profile",
    "caBundle",
    "privateKeySecretName",
    "solver",
)
ACME_STRINGS = {"email", "preferredChain", "profile", "caBundle", "privateKeySecretName"}


def acme_set(field: str) -> str:
    return f"self.?{field}.orValue('') != ''" if field in ACME_STRINGS else f"has(self.{field})"


ACME = [
    rule(
        "!has(self.issuerRef) || (self.?server.orValue('') == '' && "
        + " && ".join(f"!({acme_set(field)})" for field in ACME_OTHERS)
        + ")",
        "issuerRef stands alone: the other fields describe an Issuer of the gateway's own",
        path=".issuerRef",
    ),
    rule(
        "has(self.issuerRef) || self.?server.orValue('') != '' || !("
        + " || ".join(acme_set(field) for field in ACME_OTHERS)
        + ")",
        "set server or issuerRef",
    ),
]


def is_set(path: str, schema: Schema) -> str:
    """CEL: the field holds more than "", {} or []."""
    optional = "self.?" + path.replace(".", ".?")
    if schema["type"] == "string":
        return f"{optional}.orValue('') != ''"
    if schema["type"] == "array":
        return f"{optional}.orValue([]).size() > 0"
    if schema["type"] == "object" and "additionalProperties" in schema:
        return f"{optional}.orValue({{}}).size() > 0"
    if schema["type"] == "object":
        return "(" + " || ".join(f"{optional}.?{name}.hasValue()" for name in sorted(schema["properties"])) + ")"
    return f"{optional}.hasValue()"


def field_schema(path: str, fields: dict[str, Schema]) -> Schema:
    schema: Schema = {"properties": fields}
    for key in path.split("."):
        schema = schema["properties"][key]
    return schema


def either(path: str, shorthand: str) -> str:
    """CEL: the integer, from the canonical field or else the shorthand. One of them must be set."""
    return f"(self.?{path.replace('.', '.?')}.hasValue() ? self.{path} : self.{shorthand})"


def spec(shorthands: dict[str, str], fields: dict[str, Schema]) -> list[Schema]:
    def used(path: str) -> str:
        return is_set(path, field_schema(path, fields))

    made = [
        rule(
            f"!({used(short)}) || !({used(target)})",
            f"set {short} or {target}, not both",
            path=f".{short}",
        )
        for short, target in shorthands.items()
    ]
    made += [
        rule(
            f"!({used(path)}) || {SERVICE_TYPE} != 'ClusterIP'",
            f"{path} applies only to service types LoadBalancer and NodePort",
            path=f".{path}",
        )
        for path in ("serviceExternalTrafficPolicy", "service.externalTrafficPolicy")
    ]
    load_balancer_only = [
        ("loadBalancerIP", used("loadBalancerIP")),
        ("service.loadBalancerIP", used("service.loadBalancerIP")),
        ("service.loadBalancerClass", used("service.loadBalancerClass")),
        ("service.loadBalancerSourceRanges", used("service.loadBalancerSourceRanges")),
        ("service.allocateLoadBalancerNodePorts", used("service.allocateLoadBalancerNodePorts")),
        ("service.healthCheckNodePort", "self.?service.?healthCheckNodePort.orValue(0) != 0"),
    ]
    made += [
        rule(
            f"!({expression}) || {SERVICE_TYPE} == 'LoadBalancer'",
            f"{path} applies only to service type LoadBalancer",
            path=f".{path}",
        )
        for path, expression in load_balancer_only
    ]
    made += [
        rule(
            f"self.?service.?healthCheckNodePort.orValue(0) == 0 || {SERVICE_TYPE} != 'LoadBalancer' || "
            "self.?serviceExternalTrafficPolicy.orValue('') == 'Local' || "
            "self.?service.?externalTrafficPolicy.orValue('') == 'Local'",
            "service.healthCheckNodePort needs externalTrafficPolicy Local",
            path=".service.healthCheckNodePort",
        ),
        rule(
            f"self.?service.?clusterIP.orValue('') != 'None' || {SERVICE_TYPE} == 'ClusterIP'",
            "service.clusterIP None applies only to service type ClusterIP",
            path=".service.clusterIP",
        ),
        rule(
            f"self.ports.all(p, p.?nodePort.orValue(0) == 0) || {SERVICE_TYPE} != 'ClusterIP'",
            "nodePort applies only to service types LoadBalancer and NodePort",
            path=".ports",
        ),
    ]
    made += autoscaling(used)
    made += servers()
    return made


def autoscaling(used: Callable[[str], str]) -> list[Schema]:
    has_min = f"({used('minReplicas')} || {used('autoscaling.minReplicas')})"
    has_max = f"({used('maxReplicas')} || {used('autoscaling.maxReplicas')})"
    minimum = either("autoscaling.minReplicas", "minReplicas")
    maximum = either("autoscaling.maxReplicas", "maxReplicas")
    tuning = ("targetCPUUtilizationPercentage", "targetMemoryUtilizationPercentage", "metrics", "behavior")
    made = [
        rule(
            f"!{has_min} || !{has_max} || {minimum} <= {maximum}",
            "minReplicas must not be greater than maxReplicas",
        )
    ]
    made += [
        rule(
            f"!({used('autoscaling.' + field)}) || ({has_min} || {has_max}) && !self.autoscaling.?external.orValue(false)",
            f"autoscaling.{field} needs minReplicas or maxReplicas, and autoscaling.external not to be set",
            path=f".autoscaling.{field}",
        )
        for field in tuning
    ]
    made.append(
        rule(
            f"!self.?autoscaling.?external.orValue(false) || !{has_max}",
            "maxReplicas has no effect with autoscaling.external",
            path=".autoscaling.external",
        )
    )
    return made


def port_found(field: str, names: tuple[str, ...], number: int) -> str:
    """CEL over server s: a TCP entry of ports fits s's field or, without that, the usual names and number."""
    tcp = "p.?protocol.orValue('') in ['', 'TCP']"
    usual = " || ".join([*(f"p.?name.orValue('') == '{name}'" for name in names), f"p.port == {number}"])
    return (
        f"(has(s.{field}) && s.{field} != '' ? "
        f"self.ports.exists(p, {tcp} && (p.port == s.{field} || p.?name.orValue('') == s.{field})) : "
        f"self.ports.exists(p, {tcp} && ({usual})))"
    )


def servers() -> list[Schema]:
    each = "!has(self.servers) || self.servers.all(s, "
    http = port_found("httpPort", ("http", "http2"), 80)
    https = port_found("httpsPort", ("https",), 443)
    issued = "s.?tls.?certificate.hasValue()"
    own_issuer = f"{issued} && !s.tls.certificate.?issuerRef.hasValue()"
    wildcard = "(h == '*' || h.startsWith('*.') || h.contains('/*'))"
    # Not .orValue([]): the API server's cost estimate takes what that returns for unbounded.
    names = "s.tls.certificate.dnsNames"
    named = f"(has({names}) && {names}.size() > 0)"
    return [
        rule(
            f"{each}!has(s.tls) || {https})",
            "a server with tls needs an HTTPS port: a port named https or with number 443, or httpsPort set to one of ports",
            path=".servers",
        ),
        rule(
            f"{each}!has(s.httpPort) || s.httpPort == '' || {http})",
            "httpPort must be the name or number of one of ports, with protocol TCP",
            path=".servers",
        ),
        rule(
            f"{each}!s.?httpsRedirect.orValue(false) || {http})",
            "httpsRedirect needs an HTTP port: a port named http or http2 or with number 80, or httpPort set to one of ports",
            path=".servers",
        ),
        rule(
            f"{each}has(s.tls) || {http})",
            "a server without tls needs an HTTP port: a port named http or http2 or with number 80, "
            "or httpPort set to one of ports",
            path=".servers",
        ),
        rule(
            f"{each}!({own_issuer}) || self.?acme.?issuerRef.hasValue() || self.?acme.?server.orValue('') != '')",
            "tls.certificate needs an issuer: set acme, or tls.certificate.issuerRef",
            path=".servers",
        ),
        rule(
            f"{each}!({own_issuer}) || self.?acme.?issuerRef.hasValue() || "
            f"({named} ? !{names}.exists(n, n.startsWith('*')) : !s.hosts.exists(h, {wildcard})))",
            "a wildcard host cannot be proven by HTTP-01: set tls.certificate.issuerRef or acme.issuerRef to an "
            "issuer that uses DNS-01, or credentialName",
            path=".servers",
        ),
        rule(
            f"{each}!({issued}) || {named} || s.hosts.size() <= 100)",
            "a certificate holds at most 100 names: use several servers",
            path=".servers",
        ),
    ]
