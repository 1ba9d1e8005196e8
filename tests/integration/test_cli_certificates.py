#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What status and diff say of hosts and certificates; the test plays cert-manager."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import foreign_crds
import harness as h
import issuing
from issuing import NOT_AFTER, PORTS, RENEWAL

CLASS = "meshgateway-acme"


def run(*args: str, stdin: str = "", config: str | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([h.binary(), *args, "--kubeconfig", config or h.cp.kubeconfig], input=stdin,
                          capture_output=True, text=True, check=False)
    assert not h.SICK.search(done.stderr), done.stderr
    return done


def diff(wanted: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return run("diff", "-f", "-", stdin=json.dumps(wanted))


def states(ns: str, config: str | None = None) -> dict[str, str]:
    done = run("status", "gw", "-n", ns, "-o", "json", config=config)
    assert done.returncode == 0, done.stderr
    return {f"{o['kind']}/{o['name']}": o["state"] for o in json.loads(done.stdout)["objects"]}


def served(ns: str, *hosts: str, **server: Any) -> dict[str, Any]:
    """A gateway with one server, "web", whose certificate is cert-manager's."""
    web = {"name": "web", "hosts": list(hosts), "tls": {"certificate": {}}, **server}
    return h.gateway("gw", ns, ports=PORTS, servers=[web], acme={"server": "letsencrypt"})


def owned(kind: str, name: str, owner: dict[str, Any], spec: dict[str, Any], **meta: Any) -> dict[str, Any]:
    api = h.KINDS[kind].split("/namespaces/")[0].removeprefix("/apis/").removeprefix("/api/")
    ref = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
           "uid": owner["metadata"]["uid"], "controller": True}
    return dict(h.create({"apiVersion": api, "kind": kind, "spec": spec,
                          "metadata": {"name": name, "namespace": owner["metadata"]["namespace"],
                                       "ownerReferences": [ref], **meta}}))


def set_status(kind: str, ns: str, name: str, **status: Any) -> None:
    h.patch(kind, ns, name, {"status": status}, h.MERGE, "/status")


def challenged(ns: str, name: str) -> dict[str, Any]:
    """cert-manager makes an account, then begins with the certificate: a challenge for the name, and its solver."""
    h.eventually(lambda: h.get("Issuer", ns, "gw-acme"), "the Issuer")
    account = {"type": "Ready", "status": "True", "reason": "ACMEAccountRegistered", "message": "ok"}
    set_status("Issuer", ns, "gw-acme", conditions=[account])
    certificate = h.eventually(lambda: h.get("Certificate", ns, "gw-web"), "the Certificate")
    issuing = {"type": "Issuing", "status": "True", "reason": "DoesNotExist", "message": "Issuing certificate"}
    set_status("Certificate", ns, "gw-web", conditions=[issuing])
    ref = certificate["spec"]["issuerRef"]
    request = owned("CertificateRequest", "gw-web-1", certificate, {"request": "LS0t", "issuerRef": ref},
                    annotations={"cert-manager.io/certificate-revision": "1"})
    order = owned("Order", "gw-web-1-1", request, {"request": "LS0t", "issuerRef": ref, "dnsNames": [name]})
    set_status("Order", ns, "gw-web-1-1", state="pending")
    challenge = owned("Challenge", "gw-web-1-1-1", order, {
        "type": "HTTP-01", "dnsName": name, "token": "a-token", "key": "a-token.secret", "wildcard": False,
        "url": "https://acme.example/c", "authorizationURL": "https://acme.example/a", "issuerRef": ref,
        "solver": {"http01": {"ingress": {"class": CLASS}}}})
    set_status("Challenge", ns, "gw-web-1-1-1", state="pending", processing=True, presented=True)
    owned("Service", "cm-acme-http-solver-1", challenge,
          {"ports": [{"name": "http", "port": 8089}], "selector": {"a": "b"}},
          labels={"acme.cert-manager.io/http01-solver": "true"})
    return challenge


def issued(ns: str) -> None:
    """… and ends."""
    set_status("Challenge", ns, "gw-web-1-1-1", state="valid")
    set_status("Order", ns, "gw-web-1-1", state="valid")
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": "up to date"}
    set_status("Certificate", ns, "gw-web", revision=1, notAfter=NOT_AFTER, renewalTime=RENEWAL,
               conditions=[ready])


def paths(ns: str, name: str) -> list[str]:
    """Of the challenges that a VirtualService routes."""
    live = h.get("VirtualService", ns, name) or {"spec": {"http": []}}
    matches = [match for route in live["spec"]["http"] for match in route["match"]]
    return [match["uri"]["exact"] for match in matches if "exact" in match["uri"]]


def https(ns: str) -> list[str]:
    live = h.get("Gateway", ns, "gw") or {"spec": {"servers": []}}
    return [s["hosts"][0] for s in live["spec"]["servers"] if s["port"]["protocol"] == "HTTPS"]


def install() -> None:
    for file in foreign_crds.files():
        h.cp.kubectl("apply", "--server-side", "-f", str(file))
    kinds = ("Gateway", "VirtualService", "Issuer", "Certificate", "CertificateRequest", "Order", "Challenge")
    h.eventually(lambda: all(h.cp.request("GET", h.path(k, "default"))[0] == 200 for k in kinds), "served", 30)


class Absent(h.IntegrationTest):
    """Comes first: the APIs are not installed yet."""

    def test_what_is_not_installed_is_told(self) -> None:
        wanted = served(self.ns, "a.test")
        h.create(wanted)
        h.programmed(self.ns, "gw")
        h.settled()
        found = states(self.ns)
        optional = {k: s for k, s in found.items() if s != "in place"}
        self.assertEqual(optional, dict.fromkeys(
            ("Gateway/gw", "VirtualService/gw-redirect", "Issuer/gw-acme", "Certificate/gw-web"),
            "not installed"))
        self.assertEqual(found["Deployment/gw"], "in place")
        text = run("status", "gw", "-n", self.ns).stdout
        self.assertRegex(text, r"(?m)^Issuer/gw-acme +not installed +- +the cluster does not serve cert-manager.io/v1$")
        done = diff(wanted)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertIn("Gateway gw: left out, since networking.istio.io/v1 is not installed\n", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 4, done.stderr)
        # A difference is one all the same, and a gateway without hosts hears nothing of it.
        wanted["spec"]["ports"].append({"name": "more", "port": 8000})
        self.assertEqual(diff(wanted).returncode, 1)
        plain = h.gateway("plain", self.ns)
        h.create(plain)
        h.programmed(self.ns, "plain")
        h.settled()
        done = diff(plain)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


class Certificates(h.IntegrationTest):
    @classmethod
    def setUpClass(cls) -> None:
        install()
        super().setUpClass()

    def same(self, wanted: dict[str, Any]) -> None:
        done = diff(wanted)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_from_the_challenge_to_the_certificate(self) -> None:
        wanted = served(self.ns, "a.test")
        h.create(wanted)
        h.eventually(lambda: h.get("VirtualService", self.ns, "gw-redirect"), "the redirect")
        challenged(self.ns, "a.test")
        h.eventually(lambda: paths(self.ns, "gw-redirect"), "the route of the challenge")
        h.settled()
        # The server for HTTPS waits, the challenge is routed: nothing of that is a difference.
        self.assertEqual(https(self.ns), [])
        self.same(wanted)
        self.assertEqual(set(states(self.ns).values()), {"in place"})
        text = run("status", "gw", "-n", self.ns).stdout
        self.assertRegex(text, r"(?m)^CERTIFICATE +PHASE +HOSTS +UNTIL +RENEWAL +MESSAGE$")
        self.assertRegex(text, r"(?m)^web +Challenging +a\.test +- +- +The challenge for a\.test is pending$")
        self.assertRegex(text, r"(?m)^CHALLENGE +SERVER +STATE +ROUTED +REASON$")
        self.assertRegex(text, r"(?m)^a\.test +web +pending +yes +-$")
        report = json.loads(run("status", "gw", "-n", self.ns, "-o", "json").stdout)
        self.assertEqual(report["certificates"][0]["challenges"],
                         [{"dnsName": "a.test", "state": "pending", "routed": True}])
        issued(self.ns)
        h.eventually(lambda: https(self.ns) == ["a.test"], "HTTPS")
        h.eventually(lambda: paths(self.ns, "gw-redirect") == [], "no challenge")
        h.settled()
        self.same(wanted)
        text = run("status", "gw", "-n", self.ns).stdout
        self.assertRegex(text, rf"(?m)^web +Ready +a\.test +{NOT_AFTER} +{RENEWAL} +-$")
        self.assertNotIn("CHALLENGE", text)
        lines = run("status", "-n", self.ns, "-o", "wide").stdout.splitlines()
        self.assertEqual(lines[0].split()[-4:], ["SERVICE", "CERTIFICATES", "RENEWAL", "MESSAGE"])
        self.assertRegex(lines[1], rf" LoadBalancer +1/1 +{RENEWAL} ")

    def test_a_redirect_of_another_namespace(self) -> None:
        """HTTPS is there at once, with a temporary certificate, and answers the challenge."""
        other = self.namespace(f"{self.ns}-other")
        redirect = {"hosts": ["a.test"], "port": {"name": "http", "number": 80, "protocol": "HTTP"},
                    "tls": {"httpsRedirect": True}}
        h.create({"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
                  "metadata": {"name": "theirs", "namespace": other},
                  "spec": {"selector": {"gateway-name": "gw", "gateway-namespace": self.ns}, "servers": [redirect]}})
        wanted = served(self.ns, "a.test", httpsRedirect=False)
        h.create(wanted)
        challenged(self.ns, "a.test")
        h.eventually(lambda: https(self.ns) == ["a.test"], "HTTPS")
        services = h.path("VirtualService", self.ns)
        h.eventually(lambda: len(h.cp.must("GET", services)["items"]) == 2, "both routes of the challenge")
        h.settled()
        self.same(wanted)
        self.assertEqual(set(states(self.ns).values()), {"in place"})

    def test_what_a_change_of_hosts_comes_to(self) -> None:
        wanted = served(self.ns, "a.test")
        h.create(wanted)
        challenged(self.ns, "a.test")
        issued(self.ns)
        h.eventually(lambda: https(self.ns) == ["a.test"], "HTTPS")
        h.settled()
        # It stays issued for the gateway, whatever becomes of the Certificate.
        self.operator.stop()
        self.addCleanup(self.operator.start)
        h.delete("Certificate", self.ns, "gw-web")
        done = diff(wanted)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertRegex(done.stdout, r"\A--- Certificate \S+/gw-web in the cluster: not there\n")
        self.assertEqual(done.stdout.count("\n+++ "), 1, done.stdout)
        done = diff(served(self.ns, "a.test", "b.test"))
        for kind in ("Gateway", "VirtualService", "Certificate"):
            self.assertIn(f"\n+++ {kind} {self.ns}/", done.stdout)
        # A new Secret would have to be filled first: HTTPS waits for that.
        done = diff(served(self.ns, "a.test", tls={"certificate": {"secretName": "other"}}))
        self.assertRegex(done.stdout, r"(?m)^-    +credentialName: gw-web-tls$")
        self.assertNotIn("+      credentialName", done.stdout)
        done = diff(h.gateway("gw", self.ns, ports=PORTS))
        for gone in ("Gateway gw", "VirtualService gw-redirect", "Issuer gw-acme"):
            kind, name = gone.split()
            self.assertIn(f"\n+++ {kind} {self.ns}/{name} as wanted: deleted\n", "\n" + done.stdout)


class LeftOver(h.IntegrationTest):
    autostart = False

    def test_what_is_left_over_or_foreign(self) -> None:
        live = h.create(served(self.ns, "a.test", httpsRedirect=False))
        spec = {"secretName": "x", "dnsNames": ["a.test"], "issuerRef": {"name": "x"}}
        owned("Certificate", "gw-old", live, spec)
        meta = {"namespace": self.ns}
        for name in ("gw-web", "not-ours"):
            h.create({"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
                      "metadata": {**meta, "name": name}, "spec": spec})
        route = [{"match": [{"uri": {"exact": "/.well-known/acme-challenge/x"}}],
                  "redirect": {"uri": "/"}}]
        owned("VirtualService", "gw-acme", live, {"hosts": ["a.test"], "http": route})
        found = states(self.ns)
        optional = {k: s for k, s in found.items() if k.split("/")[0] in h.KINDS and s != "missing"}
        self.assertEqual(optional, {"Certificate/gw-old": "left over", "Certificate/gw-web": "foreign",
                                    "VirtualService/gw-acme": "left over"})
        self.assertEqual(found["Gateway/gw"], "missing")
        # Somebody who may not see the challenges cannot know that it is too much.
        h.cp.must("POST", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.ns}/roles", {
            "metadata": {"name": "reader"},
            "rules": [{"apiGroups": ["istio.banzaicloud.io", "networking.istio.io"], "resources": ["*"],
                       "verbs": ["get", "list"]}]})
        h.create({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                  "metadata": {**meta, "name": "reader"},
                  "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                  "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": self.ns}]})
        h.eventually(lambda: h.get("ServiceAccount", self.ns, "default"), "the account")
        config = h.cp.service_account_kubeconfig(self.ns, "default")
        h.eventually(lambda: run("status", "gw", "-n", self.ns, config=config).returncode == 0, "the role")
        found = states(self.ns, config)
        self.assertEqual(found["VirtualService/gw-acme"], "in place")
        self.assertEqual(found["Certificate/gw-web"], "unknown")
        done = run("diff", "--ignore-mesh-config", "-f", "-", stdin=json.dumps(served(self.ns, "a.test")),
                   config=config)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("MeshGateway gw: issuers: issuers.cert-manager.io is forbidden", done.stderr)


if __name__ == "__main__":
    sys.exit(issuing.main())
