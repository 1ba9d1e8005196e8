#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sbom.py ROOT VERSION: prints the SBOM of the image whose root folder is ROOT, as SPDX 2.3 in JSON.

What is in it is read from the folder itself: the entries of dpkg's status and the copyright files that root.sh put
there.  The same folder and SOURCE_DATE_EPOCH give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

# Debian's short names that are not SPDX's, or not in the same letters.
LICENCES = {
    "apache-2": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "curl": "curl",
    "expat": "MIT",
    "isc": "ISC",
    "mit": "MIT",
    "openldap-2.8": "OLDAP-2.8",
    "zlib": "Zlib",
}
GNU = re.compile(r"(l?gpl)-([123](?:\.\d)?)(\+?)")


def spdx_licence(text: str) -> str | None:
    """Debian's "LGPL-3+ or GPL-2+" as "LGPL-3.0-or-later OR GPL-2.0-or-later"; None for what SPDX has no name for."""
    names = []
    for name in text.lower().split(" or "):
        gnu = GNU.fullmatch(name.strip())
        if gnu:
            number = gnu[2] if "." in gnu[2] else gnu[2] + ".0"
            names.append(f"{gnu[1].upper()}-{number}-{'or-later' if gnu[3] else 'only'}")
        elif name.strip() in LICENCES:
            names.append(LICENCES[name.strip()])
        else:
            return None
    return " OR ".join(names)


def stanzas(path: Path) -> list[dict[str, str]]:
    """Those of a file of "Field: value" lines, without the lines that continue a value."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return [
        {k.lower(): v.strip() for k, v in re.findall(r"^([A-Za-z-]+):(.*)$", stanza, re.M)}
        for stanza in re.split(r"\n\s*\n", text)
    ]


def declared(copyright_file: Path) -> str:
    """The licence of `Files: *` of the source package, where the file is for machines (DEP-5)."""
    parts = stanzas(copyright_file)
    if "copyright-format" not in parts[0].get("format", ""):
        return "NOASSERTION"
    whole = next((s["license"] for s in parts if s.get("files") == "*" and "license" in s), "")
    return spdx_licence(whole) or "NOASSERTION"


def identifier(name: str) -> str:
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def package(name: str, version: str, **more: Any) -> dict[str, Any]:
    return {
        "SPDXID": identifier(f"Package-{name}"),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        **more,
    }


def debian_package(root: Path, entry: dict[str, str], system: dict[str, str]) -> dict[str, Any]:
    name, version, arch = entry["package"], entry["version"], entry["architecture"]
    # "Source: curl (7.88.1-10)": the version is there only when it is another one.
    source = re.fullmatch(r"(\S+)(?: \((\S+)\))?", entry.get("source", name))
    assert source, entry
    document = Path("usr/share/doc") / name / "copyright"
    upstream = quote(f"{source[1]}@{source[2] or version}")
    distro = f"{system['id']}-{system['version_id']}"
    purl = f"pkg:deb/{system['id']}/{quote(name)}@{quote(version)}?arch={arch}&distro={distro}&upstream={upstream}"
    return package(
        name,
        version,
        supplier=f"Organization: {system['id'].capitalize()}",
        sourceInfo=f"built from the source package {source[1]} {source[2] or version}",
        licenseDeclared=declared(root / document),
        licenseComments=f"Of most files of the source package; all licences are in /{document} of the image.",
        externalRefs=[
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": purl,
            }
        ],
        primaryPackagePurpose="LIBRARY" if entry.get("section") == "libs" else "OTHER",
    )


def document(root: Path, version: str) -> dict[str, Any]:
    os_release = (root / "usr/lib/os-release").read_text()
    system = {k.lower(): v for k, v in re.findall(r'^([A-Z_]+)="?([^"\n]*)', os_release, re.M)}
    program = root / "usr/bin/meshgateway"
    own = package(
        "meshgateway",
        version,
        licenseDeclared="Apache-2.0",
        checksums=[
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(program.read_bytes()).hexdigest()}
        ],
        primaryPackagePurpose="APPLICATION",
    )
    own["comment"] = "The checksum is that of /usr/bin/meshgateway of the image."
    entries = sorted((root / "var/lib/dpkg/status.d").iterdir())
    packages = [debian_package(root, stanzas(entry)[0], system) for entry in entries]
    image = package(
        "meshgateway-image", version, licenseDeclared="NOASSERTION", primaryPackagePurpose="CONTAINER"
    )
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", image["SPDXID"])]
    relations += [(image["SPDXID"], "CONTAINS", p["SPDXID"]) for p in [own, *packages]]
    content = {
        "packages": [image, own, *packages],
        "relationships": [
            {"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
            for a, kind, b in relations
        ],
    }
    created = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    # A name of its own for what is in it: another content, another namespace.
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"meshgateway-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/meshgateway-{version}-{digest[:32]}",
        "creationInfo": {
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", created),
            "creators": ["Tool: meshgateway-sbom"],
        },
        **content,
    }


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: sbom.py ROOT VERSION", file=sys.stderr)
        return 2
    print(json.dumps(document(Path(sys.argv[1]), sys.argv[2]), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
