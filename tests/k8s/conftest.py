import json
import os
import subprocess
import sys

import pytest

import manifests

sys.path.insert(0, str(manifests.ROOT / "tools/dev"))


@pytest.fixture(params=manifests.OVERLAYS)
def objects(request):
    """The objects of each overlay in its turn."""
    return manifests.overlay(request.param)


@pytest.fixture(params=manifests.VARIANTS)
def variant(request):
    """(name, objects) of prod with each set of components."""
    return request.param, manifests.variant(*manifests.VARIANTS[request.param])


@pytest.fixture(scope="session")
def problems():
    """A function: what the schemas of Kubernetes and KEDA find wrong with objects."""
    def ask(objects):
        done = subprocess.run(["/usr/bin/node", manifests.ROOT / "tests/k8s/validate.mjs", os.environ["SENTINEL_TEST_SCHEMAS"]],
                              input=json.dumps(objects), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return ask


@pytest.fixture(scope="session")
def settings():
    """name → (of which program, what is allowed, default), as the program itself says; aliases too."""
    table = subprocess.run([os.environ["SENTINEL_TEST_MASTER"], "--settings"], check=True, capture_output=True,
                           text=True).stdout
    known = {}
    for row in table.splitlines():
        cells = [cell.strip() for cell in row.split(" | ")]
        if not cells[0].startswith("| `SENTINEL_"):
            continue
        for name in cells[0].split("`")[1::2]:
            known[name] = (cells[1], cells[3], cells[2])
    assert len(known) > 30
    return known
