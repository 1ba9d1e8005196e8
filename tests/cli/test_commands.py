#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_commands.py PROGRAM: the command line as its user meets it: output, messages, exit statuses."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ""
COMMANDS = ["run", "render", "lint", "convert", "diff", "status", "completion", "manual", "version"]

GATEWAY = """\
apiVersion: istio.banzaicloud.io/v1beta1
kind: MeshGateway
metadata: {name: NAME}
spec:
  type: ingress
  ports: [{name: http, port: 80}]
"""
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"


def gateway(name: str) -> str:
    return GATEWAY.replace("NAME", name)


class Result:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    def __repr__(self) -> str:
        return f"exit status {self.status}\n--- stdout\n{self.out}--- stderr\n{self.err}"


class Commands(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)

    def write(self, name: str, text: str) -> str:
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return name

    def run_program(self, *args: str, stdin: str = "") -> Result:
        done = subprocess.run([PROGRAM, *args], input=stdin, capture_output=True, text=True, cwd=self.dir, check=False)
        self.assertNotIn("Sanitizer", done.stderr)
        return Result(done.returncode, done.stdout, done.stderr)

    def names(self, out: str) -> list[str]:
        return re.findall(r"^kind: Deployment\nmetadata:\n  name: (.*)$", out, re.MULTILINE)

    # ---- completion ----

    def bash_completes(self, *words: str) -> list[str]:
        """What bash offers for the last of these words."""
        (self.dir / "completion").write_text(self.run_program("completion", "bash").out)
        script = 'source ./completion; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { echo FILES; }; ' \
                 '_meshgateway; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-euc", script, "bash", "meshgateway", *words],
                              capture_output=True, text=True, cwd=self.dir, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_bash_completion(self) -> None:
        self.assertEqual(self.bash_completes("re"), ["render"])
        self.assertEqual(sorted(self.bash_completes("")), sorted([*COMMANDS, "help"]))
        self.assertEqual(self.bash_completes("render", "-o", ""), ["yaml", "json"])
        self.assertEqual(self.bash_completes("status", "--output", "w"), ["wide"])
        self.assertEqual(self.bash_completes("render", "-f", ""), ["FILES"])
        self.assertEqual(self.bash_completes("render", "--config", "x"), ["FILES"])
        self.assertEqual(self.bash_completes("completion", ""), ["--help", "bash", "zsh", "fish"])
        self.assertEqual(self.bash_completes("status", "-n", ""), [])
        self.assertEqual(self.bash_completes("lint", "-f", "x", "--"), ["--filename", "--ignore-other-kinds", "--help"])
        for command in COMMANDS:
            known = re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", self.run_program(command, "--help").out, re.MULTILINE)
            self.assertEqual(sorted(self.bash_completes(command, "--")), sorted(known), command)

    def test_completion_of_other_shells(self) -> None:
        rows = [
            ("zsh", "compdef() { :; }; source ./completion; print $+functions[_meshgateway]", "1\n"),
            ("fish", "source ./completion; complete -C 'meshgateway status -o w'", "wide\tthe form of the result; wide with messages in full (table)\n"),
            ("fish", "source ./completion; complete -C 'meshgateway rend'", "render\tprint the objects of MeshGateways\n"),
        ]
        for shell, script, want in rows:
            completion = self.run_program("completion", shell)
            self.assertEqual((completion.status, completion.err), (0, ""))
            for command in COMMANDS:
                self.assertIn(command, completion.out)
            if shutil.which(shell) is None:
                continue
            (self.dir / "completion").write_text(completion.out)
            done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=False,
                                  cwd=self.dir, env={**os.environ, "HOME": str(self.dir)})
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, want, ""), shell)
        for args in ([], ["tcsh"]):
            result = self.run_program("completion", *args)
            self.assertEqual((result.status, result.out), (2, ""))
            self.assertIn("name a shell: bash, zsh or fish\n", result.err)

    # ---- manual ----

    def test_manual_has_every_command_and_option(self) -> None:
        page = self.run_program("manual")
        self.assertEqual((page.status, page.err), (0, ""))
        parts = dict(re.findall(r"^\.S[HS] ([^\n]+)\n(.*?)(?=^\.S[HS] |\Z)", page.out, re.MULTILINE | re.DOTALL))
        for part in ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "CONFIGURATION", "EXIT STATUS", "ENVIRONMENT",
                     "FILES", "EXAMPLES", "SEE ALSO", *COMMANDS, "help"]:
            self.assertTrue(parts.get(part), part)
        for command in COMMANDS:
            self.assertIn(f"meshgateway {command}", parts["SYNOPSIS"])
            self.assertIn(f"  meshgateway {command}", parts["EXAMPLES"].replace("\\-", "-"))
            told = re.findall(r"^ +(?:-(\w), )?--([a-z-]+)", self.run_program(command, "--help").out, re.MULTILINE)
            written = re.findall(r"^\.TP\n(?:\\fB-(\w)\\fR, )?\\fB--([a-z-]+)\\fR",
                                 parts[command].replace("\\-", "-"), re.MULTILINE)
            self.assertEqual(written, told, command)
        # Its keys are what the reader of the file takes, and what operator/README.md tells.
        keys = re.findall(r"^\.B (\w+)$", parts["CONFIGURATION"], re.MULTILINE)
        readme = (ROOT / "operator" / "README.md").read_text().split("\n| key | default | |\n")[1].split("\n\n")[0]
        self.assertEqual(keys, [key for row in readme.splitlines()[1:] for key in re.findall(r"`(\w+)`", row.split("|")[1])])

    def test_manual_is_a_manual_page(self) -> None:
        (self.dir / "meshgateway.1").write_text(self.run_program("manual").out)
        for command, known in [
            (["groff", "-man", "-Tutf8", "-ww", "-z", "meshgateway.1"], ""),
            # It has no date, so that the same source gives the same bytes.
            (["mandoc", "-T", "lint", "-W", "warning", "meshgateway.1"],
             'mandoc: meshgateway.1:1:19: WARNING: missing date, using "": TH\n'),
        ]:
            if shutil.which(command[0]) is None:
                continue
            done = subprocess.run(command, capture_output=True, text=True, cwd=self.dir, check=False)
            self.assertEqual(done.stdout + done.stderr, known, command)

    # ---- usage ----

    def test_wrong_usage_is_one_line_and_status_2(self) -> None:
        rows = [
            (["frobnicate"], 'there is no command "frobnicate"'),
            (["help", "frobnicate"], 'there is no command "frobnicate"'),
            (["render"], "meshgateway render: option --filename is missing"),
            (["lint"], "meshgateway lint: option --filename is missing"),
            (["render", "-f"], "option requires an argument -- 'f'"),
            (["render", "--filename"], "option '--filename' requires an argument"),
            (["render", "-f", "-", "-x"], "invalid option -- 'x'"),
            (["render", "-f", "-", "--wrong"], "unrecognized option '--wrong'"),
            (["render", "-f", "-", "--ignore-other-kinds=1"], "doesn't allow an argument"),
            (["render", "-f", "-", "-o", "xml"], 'option --output: "xml" is none of yaml|json'),
            (["render", "-f", "-", "-o", "yam"], 'option --output: "yam" is none of yaml|json'),
            (["render", "-f", "-", "-o", ""], 'option --output: "" is none of yaml|json'),
            (["render", "gateway.yaml"], 'unexpected argument "gateway.yaml"'),
            (["render", "-f", "-", "--", "-n"], 'unexpected argument "-n"'),
            (["run", "--namespace", ""], "option --namespace: the value is empty"),
            (["run", "--log-level", "warn|info"], 'option --log-level: "warn|info" is none of error|warn|info|debug'),
            (["run", "--log-level", "loud"], 'option --log-level: "loud" is none of error|warn|info|debug'),
            (["run", "--max-inflight", "0"], 'option --max-inflight: "0" is not a number from 1 to 1000'),
            (["run", "--max-inflight=8x"], 'option --max-inflight: "8x" is not a number from 1 to 1000'),
            (["run", "--max-inflight=99999999999999999999"], "is not a number from 1 to 1000"),
            (["run", "now"], 'meshgateway run: unexpected argument "now"'),
            (["convert"], "meshgateway convert: option --filename is missing"),
            (["convert", "-f", "-", "--from", "x"], "is none of auto|istio-mesh-gateway|helm-values"),
            (["diff"], "meshgateway diff: option --filename is missing"),
            (["status", "a", "b"], 'meshgateway status: unexpected argument "b"'),
            (["status", "-A", "-n", "x"], "give --namespace or --all-namespaces, not both"),
            (["status", "-w", "-o", "json"], "--watch goes with --output table and wide only"),
            (["version", "--foo"], "meshgateway version: unrecognized option '--foo'"),
        ]
        for args, message in rows:
            with self.subTest(args=args):
                result = self.run_program(*args)
                self.assertEqual(result.status, 2, result)
                self.assertIn(message, result.err)
                self.assertEqual(result.err.count("\n"), 1, result)
                self.assertEqual(result.out, "")

    def test_no_command_shows_the_commands(self) -> None:
        result = self.run_program()
        self.assertEqual((result.status, result.out), (2, ""))
        self.assertIn("Commands:", result.err)

    def test_help(self) -> None:
        general = self.run_program("help")
        self.assertEqual((general.status, general.err), (0, ""))
        self.assertIn("Example:\n  meshgateway ", general.out)
        for args in (["--help"], ["-h"], ["help", "help"]):
            self.assertEqual(self.run_program(*args).out, general.out)
        for command in COMMANDS:
            with self.subTest(command=command):
                self.assertRegex(general.out, rf"(?m)^  {command} ")
                result = self.run_program(command, "--help")
                self.assertEqual((result.status, result.err), (0, ""))
                self.assertRegex(result.out, rf"^Usage: meshgateway {command}\b")
                self.assertRegex(result.out, rf"\nExample:\n  meshgateway {command}\b")
                self.assertLessEqual(max(map(len, result.out.splitlines())), 100)
                self.assertEqual(self.run_program("help", command).out, result.out)
                self.assertEqual(self.run_program(command, "-h").out, result.out)
                # Every option that the help names is one that the command knows.
                for option in re.findall(r"^ +(?:-\w, )?--([a-z-]+)", result.out, re.MULTILINE):
                    known = self.run_program(command, f"--{option}")
                    self.assertNotIn("unrecognized", known.err)

    def test_version(self) -> None:
        result = self.run_program("version")
        self.assertRegex(result.out, r"^meshgateway \d+\.\d+\.\d+\n$")
        self.assertEqual((result.status, result.err), (0, ""))
        self.assertEqual(self.run_program("--version").out, result.out)

    def test_options_as_getopt_takes_them(self) -> None:
        self.write("a.yaml", gateway("a"))
        want = self.run_program("render", "-f", "a.yaml", "-o", "json", "-n", "mesh").out
        self.assertTrue(want)
        for args in (
            ["-fa.yaml", "-ojson", "-nmesh"],
            ["--filename=a.yaml", "--output=json", "--namespace=mesh"],
            ["--file", "a.yaml", "--out", "json", "--name", "mesh", "--"],
            ["-o", "yaml", "-f", "a.yaml", "-o", "json", "-n", "x", "-n", "mesh"],
        ):
            self.assertEqual(self.run_program("render", *args).out, want, args)

    def test_run_says_in_one_line_what_keeps_it_from_starting(self) -> None:
        kubeconfig = self.write("kubeconfig", json.dumps({
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c"}}], "current-context": "x"}))
        self.write("config.yaml", "notAKey: 1\n")
        self.write("broken", "clusters: [")
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        rows = [
            (1, ["--kubeconfig", "absent"], "absent: No such file or directory"),
            (1, ["--kubeconfig", "broken"], "broken:"),
            (1, ["--kubeconfig", kubeconfig, "--context", "nowhere"], "nowhere"),
            (1, ["--kubeconfig", kubeconfig, "--config", "config.yaml"], "config.yaml:1: "),
            (2, ["--kubeconfig", kubeconfig, "--metrics-bind-address", "8080"],
             '--metrics-bind-address: bad address "8080": want HOST:PORT, :PORT, or 0 for none'),
            (1, ["--kubeconfig", kubeconfig, "--metrics-bind-address", "0", "--health-probe-bind-address", address],
             f'--health-probe-bind-address: cannot listen on "{address}": Address already in use'),
            (2, ["--kubeconfig", kubeconfig, "--leader-elect"],
             "--leader-elect outside a pod needs --leader-elect-namespace"),
            (2, ["--kubeconfig", kubeconfig, "--leader-elect", "--leader-elect-namespace", "a",
                 "--leader-elect-lease-duration", "10s"],
             "--leader-elect-lease-duration (10s) must be longer than --leader-elect-renew-deadline (10s)"),
            (2, ["--kubeconfig", kubeconfig, "--leader-elect", "--leader-elect-namespace", "a",
                 "--leader-elect-renew-deadline", "2400ms"],
             "--leader-elect-renew-deadline (2.4s) must be longer than 1.2 times --leader-elect-retry-period (2s)"),
            (2, ["--kubeconfig", kubeconfig, "--leader-elect", "--leader-elect-namespace", "a",
                 "--leader-elect-lease-duration", "1m0.5s"],
             "--leader-elect-lease-duration: must be whole seconds, like 15s"),
            *((2, ["--kubeconfig", kubeconfig, "--leader-elect-retry-period", text],
               f'option --leader-elect-retry-period: "{text}" is not a duration from 0.1s to 3600s, like 15s or 1m30s')
              for text in ("", "2", "s", "-2s", "2x", "2s ", " 2s", "1s2", "2sm", "1h1s", "99ms", "0x2s", "1e1s", "infs",
                           "1..2s", "9" * 400 + "h")),
            (2, ["--kubeconfig", kubeconfig, "--metrics-cert-path", "."], "--metrics-cert-path needs --metrics-secure"),
            (1, ["--kubeconfig", kubeconfig, "--metrics-secure", "--metrics-cert-path", "nowhere"],
             "--metrics-secure: nowhere/tls.crt: No such file or directory"),
            (1, ["--kubeconfig", kubeconfig, "--metrics-secure", "--metrics-cert-path", ".", "--metrics-cert-name", "broken"],
             "--metrics-secure: ./tls.key: No such file or directory"),
        ]
        for status, args, message in rows:
            with self.subTest(args=args):
                result = self.run_program("run", *args)
                self.assertEqual((result.status, result.out), (status, ""), result)
                self.assertRegex(result.err, r"^meshgateway run: .*\n$")
                self.assertIn(message, result.err)

    def test_run_waits_for_the_api_server_and_ends_when_told(self) -> None:
        kubeconfig = self.write("kubeconfig", json.dumps({
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c"}}], "current-context": "x"}))
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
            metrics, health = (f"127.0.0.1:{s.getsockname()[1]}" for s in (one, two))
        program = subprocess.Popen(
            [PROGRAM, "run", "--kubeconfig", kubeconfig, "--metrics-bind-address", metrics,
             "--health-probe-bind-address", health], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.dir)
        self.addCleanup(program.kill)
        log = [json.loads(program.stderr.readline())]
        while log[-1]["msg"] != "started":
            log.append(json.loads(program.stderr.readline()))
        self.assertEqual(self.get(f"http://{health}/healthz"), (200, "ok\n"))
        status, reason = self.get(f"http://{health}/readyz")
        self.assertEqual(status, 503)
        self.assertRegex(reason, r"\w")
        failed = re.compile(r'^rest_client_requests_total\{code="<error>",.*\} [1-9]', re.MULTILINE)
        while not failed.search(self.get(f"http://{metrics}/metrics")[1]):  # ctest has the time-out
            pass
        page = self.get(f"http://{metrics}/metrics")[1]
        for name in ("process_open_fds", "process_resident_memory_bytes", "process_cpu_seconds_total"):
            self.assertRegex(page, rf"(?m)^{name} [0-9.e+-]+$")
        self.assertEqual(self.get(f"http://{metrics}/healthz")[0], 404)
        program.terminate()
        out, err = program.communicate()
        self.assertEqual((program.returncode, out), (0, ""), err)
        log += [json.loads(line) for line in err.splitlines()]
        self.assertEqual(log[-1]["msg"], "stopped")
        for entry in log:
            self.assertEqual(list(entry)[:3], ["ts", "level", "msg"])

    def get(self, url: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()

    # ---- input ----

    def test_render_reads_files_folders_and_stdin(self) -> None:
        self.write("z.yaml", gateway("z"))
        self.write("many.yaml", "---\n".join([gateway("m2"), gateway("m1"), ""]))
        self.write("folder/b.yml", gateway("b"))
        self.write("folder/a/c.yaml", gateway("c"))
        self.write("folder/d.json", json.dumps({
            "apiVersion": "istio.banzaicloud.io/v1beta1", "kind": "MeshGateway", "metadata": {"name": "d"},
            "spec": {"type": "egress", "ports": []}}))
        self.write("folder/README.md", "# not a manifest")
        self.write("folder/..hidden/h.yaml", gateway("h"))
        self.write("folder/.hidden.yaml", gateway("h"))
        rows = [
            (["-f", "z.yaml"], "", ["z"]),
            (["-f", "many.yaml"], "", ["m2", "m1"]),
            (["-f", "z.yaml", "-f", "many.yaml"], "", ["z", "m2", "m1"]),
            (["-f", "folder"], "", ["c", "b", "d"]),
            (["-f", "folder/"], "", ["c", "b", "d"]),
            (["-f", "-"], gateway("s"), ["s"]),
            (["-f", "z.yaml", "-f", "-"], gateway("s"), ["z", "s"]),
        ]
        for args, stdin, names in rows:
            with self.subTest(args=args):
                result = self.run_program("render", *args, stdin=stdin)
                self.assertEqual((result.status, result.err), (0, ""), result)
                self.assertEqual(self.names(result.out), names)

    def test_lists_are_unpacked(self) -> None:
        items = "\n".join("- " + gateway(name).replace("\n", "\n  ").rstrip() for name in ("a", "b"))
        for head in ("apiVersion: v1\nkind: List\n",
                     "apiVersion: istio.banzaicloud.io/v1beta1\nkind: MeshGatewayList\n"):
            result = self.run_program("render", "-f", "-", stdin=f"{head}items:\n{items}\n")
            self.assertEqual((result.status, self.names(result.out)), (0, ["a", "b"]), result)
        result = self.run_program("lint", "-f", "-", stdin=f"apiVersion: v1\nkind: List\nitems:\n- 7\n{items}\n"
                                  .replace("port: 80", "port: none"))
        self.assertRegex(result.out, r"(?m)^<stdin>:4: items\[0\]: not a Kubernetes object$")
        self.assertRegex(result.out, r"(?m)^<stdin>:10: items\[1\]\.spec\.ports\[0\]\.port: ")
        self.assertEqual(result.status, 1)

    def test_what_cannot_be_read(self) -> None:
        (self.dir / "empty").mkdir()
        (self.dir / "dangling.yaml").symlink_to("nowhere")
        (self.dir / "loop").mkdir()
        (self.dir / "loop" / "again").symlink_to("../loop")
        self.write("good.yaml", gateway("good"))
        rows = [
            ("absent.yaml", "absent.yaml: No such file or directory"),
            ("empty", "empty: no *.yaml, *.yml or *.json file in it"),
            ("dangling.yaml", "dangling.yaml: No such file or directory"),
            ("loop", "the folder contains itself"),
            ("/dev/null", "there is no MeshGateway in the input"),
        ]
        for path, message in rows:
            for command in ("render", "lint"):
                with self.subTest(path=path, command=command):
                    result = self.run_program(command, "-f", path)
                    self.assertEqual((result.status, result.out), (1, ""), result)
                    self.assertIn(message, result.err)
        result = self.run_program("render", "-f", "absent.yaml", "-f", "good.yaml")
        self.assertEqual((result.status, result.out), (1, ""), result)

    # ---- documents ----

    def test_other_kinds(self) -> None:
        self.write("mixed.yaml", CONFIG_MAP + "---\n" + gateway("a"))
        result = self.run_program("render", "-f", "mixed.yaml")
        self.assertEqual((result.status, result.out), (1, ""))
        self.assertEqual(result.err, "mixed.yaml:2: kind: v1 ConfigMap is not a MeshGateway "
                                     "(--ignore-other-kinds passes over it)\n")
        result = self.run_program("render", "-f", "mixed.yaml", "--ignore-other-kinds")
        self.assertEqual((result.status, result.err, self.names(result.out)), (0, "", ["a"]))
        result = self.run_program("render", "--ignore-other-kinds", "-f", "-", stdin=CONFIG_MAP)
        self.assertEqual((result.status, result.err), (1, "meshgateway: there is no MeshGateway in the input\n"))
        # These are mistakes, not other kinds.
        for old, new, message in (
            ("v1beta1", "v1alpha1", '<stdin>:1: apiVersion: "istio.banzaicloud.io/v1alpha1" is not known, '
                                    "only istio.banzaicloud.io/v1beta1\n"),
            ("kind: MeshGateway\n", "", "<stdin>:1: kind: required\n"),
            ("apiVersion: istio.banzaicloud.io/v1beta1\n", "", "<stdin>:1: apiVersion: required\n"),
        ):
            result = self.run_program("render", "-f", "-", "--ignore-other-kinds", stdin=gateway("a").replace(old, new))
            self.assertEqual((result.status, result.out, result.err), (1, "", message))

    def test_broken_yaml_has_its_place(self) -> None:
        self.write("broken.yaml", gateway("a") + "---\nspec:\n  ports: [1, 2\n")
        self.write("twice.yaml", "a: 1\nb: 2\na: 3\n")
        result = self.run_program("lint", "-f", "broken.yaml", "-f", "twice.yaml")
        self.assertEqual(result.status, 1)
        self.assertRegex(result.out, r"(?m)^broken\.yaml:\d+:\d+: ")
        self.assertRegex(result.out, r"(?m)^twice\.yaml:3:\d+: ")
        result = self.run_program("render", "-f", "broken.yaml", "-f", "twice.yaml")
        self.assertEqual((result.status, result.out), (1, ""))
        self.assertRegex(result.err, r"(?m)^broken\.yaml:\d+:\d+: ")
        self.assertRegex(result.err, r"(?m)^twice\.yaml:3:\d+: ")

    def test_lint_tells_all_problems_of_all_documents(self) -> None:
        self.write("a.yaml", gateway("good") + "---\n" + gateway("bad").replace("port: 80", "port: 99999")
                   .replace("type: ingress", "type: sideways"))
        self.write("b.yaml", gateway("worse") + "  serviceType: LoadBalancer\n  service: {type: ClusterIP}\n")
        result = self.run_program("lint", "-f", "a.yaml", "-f", "b.yaml")
        self.assertEqual((result.status, result.err), (1, ""), result)
        self.assertRegex(result.out, r"(?m)^a\.yaml:12: spec\.type: ")
        self.assertRegex(result.out, r"(?m)^a\.yaml:13: spec\.ports\[0\]\.port: ")
        self.assertRegex(result.out, r"(?m)^b\.yaml:\d+: spec.*: set serviceType or service\.type, not both$")
        self.assertNotRegex(result.out, r"(?m)^a\.yaml:[1-7]:")
        # The same on stderr when it keeps render from its result.
        rendered = self.run_program("render", "-f", "a.yaml", "-f", "b.yaml")
        self.assertEqual((rendered.status, rendered.out, rendered.err), (1, "", result.out))
        result = self.run_program("lint", "-f", "-", stdin=gateway("good"))
        self.assertEqual((result.status, result.out, result.err), (0, "", ""))

    def test_a_field_without_effect_is_a_warning(self) -> None:
        for command in ("lint", "render"):
            result = self.run_program(command, "-f", "-", stdin=gateway("a") + "  sds: {enabled: true}\n")
            self.assertEqual((result.status, result.err), (0, "<stdin>:7: spec.sds: warning: has no effect\n"))

    # ---- results ----

    def test_every_sample_is_rendered(self) -> None:
        folder = Path(__file__).resolve().parents[2] / "manifests" / "samples"
        samples = [sample for sample in sorted(folder.rglob("*.yaml")) if sample.name != "kustomization.yaml"]
        self.assertGreater(len(samples), 8)
        for sample in samples:
            with self.subTest(sample.name):
                done = self.run_program("render", "--ignore-other-kinds", "-f", str(sample))
                self.assertEqual((done.status, done.err), (0, ""))
                self.assertNotEqual(self.names(done.out), [])

    def test_namespace(self) -> None:
        named = gateway("a").replace("{name: a}", "{name: a, namespace: own}")
        for args, stdin, want in (([], gateway("a"), "default"), (["-n", "mesh"], gateway("a"), "mesh"),
                                  (["-n", "mesh"], named, "own")):
            result = self.run_program("render", "-f", "-", *args, stdin=stdin)
            found = set(re.findall(r"^  namespace: (.*)$", result.out, re.MULTILINE))
            self.assertEqual(found, {want}, result)

    def test_output_is_deterministic_and_the_same_in_json(self) -> None:
        first = self.run_program("render", "-f", "-", stdin=gateway("a"))
        self.assertEqual(first.out, self.run_program("render", "-f", "-", stdin=gateway("a")).out)
        self.assertFalse(first.out.startswith("---"))
        data = self.run_program("render", "-f", "-", "-o", "json", stdin=gateway("a")).out
        objects = json.loads(data)["items"]
        self.assertEqual([o["kind"] for o in objects], re.findall(r"^kind: (.*)$", first.out, re.MULTILINE))
        # The result, read back, is JSON in YAML's clothes: kubectl gets the same either way.
        again = self.run_program("render", "-f", "-", "-o", "json", stdin=json.dumps(
            {"apiVersion": "istio.banzaicloud.io/v1beta1", "kind": "MeshGateway", "metadata": {"name": "a"},
             "spec": {"type": "ingress", "ports": [{"name": "http", "port": 80}]}}))
        self.assertEqual(again.out, data)

    def test_config(self) -> None:
        config = self.write("config.yaml", "proxyImage: registry.example/proxy:7\n")
        result = self.run_program("render", "-f", "-", "--config", config, stdin=gateway("a"))
        self.assertIn("registry.example/proxy:7", result.out)
        self.write("wrong.yaml", "proxyImage: a\nnotAKey: 1\n")
        for name in ("wrong.yaml", "absent.yaml"):
            result = self.run_program("render", "-f", "-", "--config", name, stdin=gateway("a"))
            self.assertEqual((result.status, result.out), (1, ""), result)
            self.assertRegex(result.err, rf"^meshgateway: {name}.*\n$")

    def test_a_result_that_cannot_be_written_is_a_failure(self) -> None:
        path = self.dir / self.write("a.yaml", gateway("a"))
        for args in (["render", "-f", str(path)], ["version"], ["render", "--help"], ["help"]):
            with self.subTest(args=args), open("/dev/full", "wb") as full:
                done = subprocess.run([PROGRAM, *args], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stderr, "meshgateway: cannot write the result: No space left on device\n")
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([PROGRAM, "render", "-f", str(path)], stdout=write, stderr=subprocess.PIPE, check=False)
        os.close(write)
        self.assertEqual((done.returncode, done.stderr), (1, b""))


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
