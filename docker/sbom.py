#!/usr/bin/python3
"""Writes what an image holds as an SPDX 2.3 JSON document on standard output.

    sbom.py NAME VERSION CREATED ROOT

NAME and VERSION are the image's, CREATED its time (RFC 3339), ROOT the root file system, of which dpkg's list is read: one
package an entry, with its source package, version, architecture and the identifiers that scanners look up (purl)."""

import hashlib
import json
import pathlib
import re
import sys
import urllib.parse


def paragraphs(text):
    """dpkg's status file and the fields of each package in it; continuation lines are of no use here."""
    for paragraph in text.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            yield fields


def entry(fields, distribution, release):
    name, version, architecture = fields["Package"], fields["Version"], fields["Architecture"]
    source = fields.get("Source", name).split()[0]
    quoted = urllib.parse.quote(version, safe="")
    return {
        "SPDXID": f"SPDXRef-Package-{re.sub('[^A-Za-z0-9.-]', '-', name)}-{architecture}",
        "name": name,
        "versionInfo": version,
        "supplier": f"Organization: {distribution}",
        "sourceInfo": f"built from {source}",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:deb/{distribution.lower()}/{name}@{quoted}"
                                f"?arch={architecture}&distro={distribution.lower()}-{release}",
        }],
    }


def document(name, version, created, root):
    system = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', (root / "etc/os-release").read_text(), re.MULTILINE))
    status = (root / "var/lib/dpkg/status").read_text()
    packages = [entry(fields, "Debian", system["VERSION_ID"]) for fields in paragraphs(status)]
    product = {
        "SPDXID": "SPDXRef-Image",
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "MIT",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "CONTAINER",
    }
    digest = hashlib.sha256(json.dumps([name, version, packages]).encode()).hexdigest()
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"urn:sentinel:sbom:{name}:{digest}",
        "creationInfo": {"created": created, "creators": ["Tool: sentinel-docker-sbom"]},
        "packages": [product, *packages],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-Image"},
            *({"spdxElementId": "SPDXRef-Image", "relationshipType": "CONTAINS", "relatedSpdxElement": package["SPDXID"]}
              for package in packages),
        ],
    }


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    print(json.dumps(document(*sys.argv[1:4], pathlib.Path(sys.argv[4])), indent=1))
