# SPDX-License-Identifier: Apache-2.0
"""What tests of hosts and certificates share: cert-manager and users of Istio, played by the test.

Only the CRDs of both are installed.  The test writes what cert-manager would write, in its shape,
and looks at what the operator makes of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import foreign_crds
import harness as h

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ISTIO = "/apis/networking.istio.io/v1/namespaces/{}/"
CERTS = "/apis/cert-manager.io/v1/namespaces/{}/"
ACME = "/apis/acme.cert-manager.io/v1/namespaces/{}/"
h.KINDS.update(
    {
        "Gateway": ISTIO + "gateways",
        "VirtualService": ISTIO + "virtualservices",
        "Issuer": CERTS + "issuers",
        "Certificate": CERTS + "certificates",
        "CertificateRequest": CERTS + "certificaterequests",
        "Order": ACME + "orders",
        "Challenge": ACME + "challenges",
        "Secret": "/api/v1/namespaces/{}/secrets",
        "Event": "/apis/events.k8s.io/v1/namespaces/{}/events",
    }
)
GROUPS = {"istio": ".istio.io", "cert-manager": "cert-manager.io"}
# The second half of a challenge's key; it must be found nowhere.
THUMBPRINT = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
CLASS = "meshgateway-acme"
PORTS = [
    {"name": "http", "port": 80, "targetPort": 8080},
    {"name": "https", "port": 443, "targetPort": 8443},
]
NOT_AFTER, RENEWAL = "2027-02-21T04:00:00Z", "2027-01-22T04:00:00Z"
REDIRECT = "redirect"
NO_SECRET = ("False", "DoesNotExist", "Issuing certificate as Secret does not exist")
IS_READY = ("True", "Ready", "Certificate is up to date and has not expired")


def crds(*groups: str) -> list[str]:
    """Names of those that are installed."""
    ends = tuple(GROUPS[group] for group in groups)
    names = [o["metadata"]["name"] for o in h.cp.must("GET", CRDS)["items"]]
    return [name for name in names if name.endswith(ends)]


def install(*groups: str) -> None:
    """CRDs of Istio, of cert-manager, or of both."""
    for file in foreign_crds.files():
        if ("cert-manager" if "cert-manager" in str(file) else "istio") in groups:
            h.cp.kubectl("apply", "--server-side", "-f", str(file))
    h.eventually(lambda: all(map(served, groups)), "the kinds are served", 30)


def served(group: str) -> bool:
    kinds = ("Gateway", "VirtualService") if group == "istio" else ("Certificate", "Challenge")
    return all(h.cp.request("GET", h.path(kind, "default"))[0] == 200 for kind in kinds)


def uninstall(*groups: str) -> None:
    """With all their objects; nobody is there to take a finalizer off."""
    for name in crds(*groups):
        h.cp.request("DELETE", f"{CRDS}/{name}")

    def gone() -> bool:
        left = crds(*groups)
        assert not left, left
        return True

    try:
        h.eventually(gone, "the CRDs are gone", 30)
    except AssertionError:
        # The API server's own clean-up of one does not end at times; there is nothing of it left.
        for name in crds(*groups):
            h.cp.request("PATCH", f"{CRDS}/{name}", {"metadata": {"finalizers": None}}, h.MERGE)
        h.eventually(gone, "the CRDs are gone", 60)


def main() -> int:
    """As the harness's, where the CRDs can be had."""
    try:
        foreign_crds.files()
    except foreign_crds.NotThere as e:
        print(f"skipped: {e}")
        return 77
    return h.main()


def owned(kind: str, name: str, owner: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A new object of cert-manager's with a controller; its name may be the beginning of one."""
    api = h.KINDS[kind].split("/namespaces/")[0].removeprefix("/apis/").removeprefix("/api/")
    ref = {"controller": True, **{k: owner[k] for k in ("apiVersion", "kind")}}
    ref.update({k: owner["metadata"][k] for k in ("name", "uid")})
    meta = {"namespace": owner["metadata"]["namespace"], "ownerReferences": [ref]}
    meta.update({"generateName": name} if name.endswith("-") else {"name": name})
    meta.update(more.pop("metadata", {}))
    return dict(h.create({"apiVersion": api, "kind": kind, "metadata": meta, **more}))


def set_status(kind: str, ns: str, name: str, **status: Any) -> dict[str, Any]:
    return dict(h.patch(kind, ns, name, {"status": status}, h.MERGE, "/status"))


def conditions(**told: tuple[str, str, str]) -> list[dict[str, str]]:
    """Ready=("False", reason, message) …"""
    return [
        {"type": kind, "status": status, "reason": reason, "message": message}
        for kind, (status, reason, message) in told.items()
    ]


def issuer_is(ns: str, name: str, status: str, reason: str, message: str) -> None:
    set_status("Issuer", ns, name, conditions=conditions(Ready=(status, reason, message)))


def issuer(ns: str, name: str, *solvers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """One of the user's; with solvers it is an ACME account."""
    secret = {"name": f"{name}-account"}
    acme = {"server": "https://acme.example/dir", "privateKeySecretRef": secret}
    if solvers:
        spec["acme"] = {**acme, "solvers": list(solvers)}
    meta = {"name": name, "namespace": ns}
    made = h.create(
        {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": meta, "spec": spec}
    )
    issuer_is(ns, name, "True", "ACMEAccountRegistered" if solvers else "KeyPairVerified", "ok")
    return dict(made)


def http01(ingress_class: str = CLASS) -> dict[str, Any]:
    return {"http01": {"ingress": {"class": ingress_class, "serviceType": "ClusterIP"}}}


class Attempt:
    """An attempt at a certificate: its CertificateRequest, its Order and their Challenges."""

    def __init__(self, ns: str, certificate: str, revision: int = 1, renewal: bool = False) -> None:
        self.ns = ns
        self.revision = revision
        self.ready = IS_READY if renewal else NO_SECRET
        self.certificate: dict[str, Any] = h.eventually(
            lambda: h.get("Certificate", ns, certificate), f"Certificate {certificate}"
        )
        self.ref = self.certificate["spec"]["issuerRef"]
        set_status(
            "Certificate",
            ns,
            certificate,
            conditions=conditions(Ready=self.ready, Issuing=("True", *NO_SECRET[1:])),
        )
        notes = {
            "cert-manager.io/certificate-name": certificate,
            "cert-manager.io/certificate-revision": str(revision),
        }
        spec = {"request": "LS0t", "issuerRef": self.ref}
        self.request = owned(
            "CertificateRequest",
            f"{certificate}-{revision}",
            self.certificate,
            metadata={"annotations": notes},
            spec=spec,
        )
        waiting = "Waiting on certificate issuance from order: pending"
        self.request_is("False", "Pending", waiting)
        name = f"{certificate}-{revision}-1234567890"
        self.order = owned("Order", name, self.request, spec={**spec, "dnsNames": ["x.test"]})
        self.order_is("pending")

    def request_is(self, status: str, reason: str, message: str) -> None:
        told = conditions(Ready=(status, reason, message))
        set_status("CertificateRequest", self.ns, self.request["metadata"]["name"], conditions=told)

    def order_is(self, state: str, reason: str = "") -> None:
        told = {"state": state, **({"reason": reason} if reason else {})}
        set_status("Order", self.ns, self.order["metadata"]["name"], **told)

    def challenge(
        self, dns_name: str, solver: dict[str, Any] | None = None, **more: Any
    ) -> Challenge:
        return Challenge(self.order, dns_name, solver or http01(), self.ref, **more)

    def issued(self) -> None:
        """Everything went well; the Challenges are deleted by who holds them."""
        self.order_is("valid")
        self.request_is("True", "Issued", "Certificate fetched from issuer successfully")
        name = self.certificate["spec"]["secretName"]
        kept = {"cert-manager.io/certificate-name": self.certificate["metadata"]["name"]}
        h.cp.request("POST", h.path("Secret", self.ns), secret(self.ns, name, kept))
        set_status(
            "Certificate",
            self.ns,
            self.certificate["metadata"]["name"],
            revision=self.revision,
            notAfter=NOT_AFTER,
            renewalTime=RENEWAL,
            failedIssuanceAttempts=None,
            conditions=conditions(Ready=IS_READY),
        )

    def failed(self, message: str, attempts: int = 1) -> None:
        """The Certificate gives up for an hour or more; what the others say is said before."""
        set_status(
            "Certificate",
            self.ns,
            self.certificate["metadata"]["name"],
            failedIssuanceAttempts=attempts,
            lastFailureTime="2026-11-23T04:00:00Z",
            conditions=conditions(Ready=self.ready, Issuing=("False", "Failed", message)),
        )


class Challenge:
    """A Challenge and the Service of its solver."""

    count = 0

    def __init__(
        self,
        order: dict[str, Any],
        dns_name: str,
        solver: dict[str, Any],
        ref: dict[str, str],
        kind: str = "HTTP-01",
        begun: bool = True,
        token: str = "",
    ) -> None:
        Challenge.count += 1
        self.ns = order["metadata"]["namespace"]
        self.dns_name = dns_name
        self.token = token or f"LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxA-{Challenge.count:04}"
        self.key = f"{self.token}.{THUMBPRINT}"
        self.object = owned(
            "Challenge",
            f"{order['metadata']['name']}-{Challenge.count}",
            order,
            metadata={"finalizers": ["acme.cert-manager.io/finalizer"]},
            spec={
                "authorizationURL": "https://acme.example/authZ/1",
                "url": "https://acme.example/chalZ/1",
                "dnsName": dns_name,
                "issuerRef": ref,
                "key": self.key,
                "solver": solver,
                "token": self.token,
                "type": kind,
                "wildcard": False,
            },
        )
        self.name = self.object["metadata"]["name"]
        self.service = ""
        if begun:
            self.tells(state="pending", processing=True, presented=True)

    def tells(self, **status: Any) -> None:
        set_status("Challenge", self.ns, self.name, **status)

    def solver(self) -> Challenge:
        """The Service gets a name that nobody can foresee."""
        made = owned(
            "Service",
            "cm-acme-http-solver-",
            self.object,
            metadata={"labels": {"acme.cert-manager.io/http01-solver": "true"}},
            spec={"ports": [{"name": "http", "port": 8089, "targetPort": 8089}]},
        )
        self.service = made["metadata"]["name"]
        return self

    def remove_solver(self) -> None:
        h.delete("Service", self.ns, self.service)

    def delete(self) -> None:
        """It stays until cert-manager takes its finalizer off."""
        h.delete("Challenge", self.ns, self.name)

    def release(self) -> None:
        h.cp.request(
            "PATCH", h.path("Challenge", self.ns, self.name), {"metadata": {"finalizers": None}}
        )

    def end(self, state: str = "valid", **status: Any) -> None:
        """As cert-manager cleans up after a final state."""
        self.tells(state=state, processing=False, presented=False, **status)
        if self.service:
            self.remove_solver()

    @property
    def route(self) -> tuple[str, str]:
        """As routes() shows it."""
        return (f"/.well-known/acme-challenge/{self.token}", self.service)


def secret(ns: str, name: str, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    meta = {"name": name, "namespace": ns, "annotations": annotations or {}}
    pair = {"tls.crt": "LS0t", "tls.key": "LS0t"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta,
        "type": "kubernetes.io/tls",
        "data": pair,
    }


def istio_gateway(ns: str, name: str, of: str, *servers: dict[str, Any]) -> dict[str, Any]:
    """A user's, on the pods of the MeshGateway `of`."""
    spec = {"selector": {"gateway-name": of, "gateway-namespace": ns}, "servers": list(servers)}
    api = {"apiVersion": "networking.istio.io/v1", "kind": "Gateway"}
    return dict(h.create({**api, "metadata": {"name": name, "namespace": ns}, "spec": spec}))


def istio_server(port: int, host: str, **tls: Any) -> dict[str, Any]:
    protocol = "HTTP" if port == 80 else "HTTPS"
    server = {"port": {"name": f"p{port}", "number": port, "protocol": protocol}, "hosts": [host]}
    return {**server, **({"tls": tls} if tls else {})}


def virtual_service(ns: str, name: str, gateway: str, host: str, **spec: Any) -> dict[str, Any]:
    """A user's; its one route matches `match`."""
    match = spec.pop("match", None)
    route: dict[str, Any] = {"route": [{"destination": {"host": "backend"}}]}
    if match:
        route["match"] = [match]
    spec = {"hosts": [host], "gateways": [gateway], "http": [route], **spec}
    api = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}
    return dict(h.create({**api, "metadata": {"name": name, "namespace": ns}, "spec": spec}))


def routes(ns: str, name: str) -> list[Any] | None:
    """Of a VirtualService: (path, service) of challenges, REDIRECT; None when it is absent."""
    vs = h.get("VirtualService", ns, name)
    if vs is None:
        return None
    return [
        REDIRECT
        if "redirect" in route
        else (route["match"][0]["uri"]["exact"], route["route"][0]["destination"]["host"])
        for route in vs["spec"]["http"]
    ]


def server_hosts(ns: str, name: str) -> dict[str, list[str]]:
    """Of an Istio Gateway, by the name of the port; {} when it is absent."""
    gateway = h.get("Gateway", ns, name) or {"spec": {"servers": []}}
    return {s["port"]["name"]: s["hosts"] for s in gateway["spec"]["servers"]}


def web(*hosts: str, name: str = "web", **more: Any) -> dict[str, Any]:
    """An entry of spec.servers; with a certificate unless said otherwise."""
    tls = more.pop("tls", {"certificate": {}})
    return {"name": name, "hosts": list(hosts), **({"tls": tls} if tls else {}), **more}


class IssuingTest(h.IntegrationTest):
    """After each test: no Secret was read, no right was missing, no key got out."""

    installed: tuple[str, ...] = ("istio", "cert-manager")

    @classmethod
    def setUpClass(cls) -> None:
        install(*cls.installed)
        if cls.autostart:
            cls._shared = h.Operator("--log-level", "debug").start()

    def setUp(self) -> None:
        super().setUp()
        self.mark = h.cp.audit_mark()
        self.addCleanup(self.release_challenges, self.ns)

    def release_challenges(self, ns: str) -> None:
        status, found, _ = h.cp.request("GET", h.path("Challenge", ns))
        for o in found["items"] if status == 200 else []:
            path = h.path("Challenge", ns, o["metadata"]["name"])
            h.cp.request("PATCH", path, {"metadata": {"finalizers": None}})

    def tearDown(self) -> None:
        for event in h.cp.audit_events(self.mark, h.OPERATOR_USER):
            ref, code = event.get("objectRef", {}), event.get("responseStatus", {}).get("code")
            self.assertNotEqual(ref.get("resource"), "secrets", event["requestURI"])
            if ref.get("namespace", self.ns) == self.ns:
                self.assertNotEqual(code, 403, f"{event['verb']} {event['requestURI']}")
        for kind in ("MeshGateway", "VirtualService", "Event"):
            status, found, _ = h.cp.request("GET", h.path(kind, self.ns))
            if status == 200:
                self.assertNotIn(THUMBPRINT, json.dumps(found), kind)
        if hasattr(self, "operator"):
            self.assertNotIn(THUMBPRINT, self.operator.text(), "the operator's log")

    def serve(self, *servers: dict[str, Any], name: str = "gw", **spec: Any) -> dict[str, Any]:
        """A gateway with these servers and, unless said otherwise, an ACME account of its own."""
        spec = {"ports": PORTS, "acme": {"server": "https://acme.example/dir"}, **spec}
        spec = {k: v for k, v in spec.items() if v}
        h.create(h.gateway(name, self.ns, servers=list(servers), **spec))
        if "server" in spec.get("acme", {}):
            self.account(name)
        return h.programmed(self.ns, name)

    def account(self, name: str = "gw") -> None:
        """The ACME account of the gateway's own Issuer is registered."""
        issuer = f"{name}-acme"
        h.eventually(lambda: h.get("Issuer", self.ns, issuer), f"Issuer {issuer}")
        issuer_is(self.ns, issuer, "True", "ACMEAccountRegistered", "registered")

    def attempt(
        self, certificate: str = "gw-web", revision: int = 1, renewal: bool = False
    ) -> Attempt:
        return Attempt(self.ns, certificate, revision, renewal)

    def certificates(self, name: str = "gw") -> list[dict[str, Any]]:
        """What the status tells of them."""
        return list(
            (h.get("MeshGateway", self.ns, name).get("status") or {}).get("certificates", [])
        )

    def entry(self, server: str, phase: str, reason: str = "", name: str = "gw") -> dict[str, Any]:
        """Waits until the status says this of the server's certificate."""

        def check() -> Any:
            found = next((e for e in self.certificates(name) if e["server"] == server), None)
            assert found is not None, "it has no entry"
            assert (found["phase"], found.get("reason", "")) == (phase, reason), found
            return found

        return dict(h.eventually(check, f"{server} is {phase} {reason}"))

    def knows(self, text: str, server: str = "web") -> dict[str, Any]:
        """Waits until the message about the server's certificate has this in it."""

        def check() -> Any:
            found = next((e for e in self.certificates() if e["server"] == server), {})
            assert text in found.get("message", ""), found
            return found

        return dict(h.eventually(check, f"{server}: {text}"))

    def told(
        self, kind: str, status: str, reason: str, name: str = "gw", seconds: float = 20
    ) -> str:
        """Waits until a condition says this; its message."""

        def check() -> Any:
            c = h.condition(h.get("MeshGateway", self.ns, name), kind)
            assert (c.get("status"), c.get("reason")) == (status, reason), c
            return c

        c = h.eventually(check, f"{kind} is {status} {reason}", seconds)
        return str(c["message"])

    def wait_routes(self, name: str, want: Iterable[Any] | None) -> None:
        wanted = None if want is None else list(want)

        def check() -> bool:
            found = routes(self.ns, name)
            assert found == wanted, found
            return True

        h.eventually(check, f"VirtualService {name} has {wanted}")

    def wait_servers(self, **want: list[str]) -> None:
        """Of the Istio Gateway gw: hosts by name of the port, with _ for -."""
        wanted = {k.replace("_", "-"): v for k, v in want.items()}

        def check() -> bool:
            found = server_hosts(self.ns, "gw")
            assert found == wanted, found
            return True

        h.eventually(check, f"Gateway gw has {wanted}")
