"""The images themselves, and the pods that are made of them."""

import json
import threading

import pytest

import pods
from conftest import LANGUAGES
from pods import manifests, podman
from service import wait_until

NAMES = ["sentinel-master", *(f"sentinel-executor-{language}" for language in LANGUAGES)]
BINARIES = {"sentinel-master": ["/usr/bin/sentinel-master"],
            "sentinel-executor": ["/usr/bin/sentinel-executor", "/usr/bin/sentinel-box"]}


@pytest.fixture(scope="module", params=NAMES)
def image(request):
    """(name, what the engine says of it, its SBOM)."""
    inspected = json.loads(podman("image", "inspect", pods.image(request.param)))[0]
    made = podman("create", pods.image(request.param)).strip()
    try:
        copied = podman("cp", f"{made}:/usr/share/sentinel/sbom.spdx.json", "-")
    finally:
        podman("rm", made)
    return request.param, inspected, json.loads(copied[copied.index("{"):copied.rindex("}") + 1])


def test_image_says_what_it_is(image):
    name, inspected, _ = image
    labels = inspected["Labels"]
    title = "sentinel-master" if name == "sentinel-master" else "sentinel-executor"
    assert labels["org.opencontainers.image.title"] == title
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert labels["org.opencontainers.image.version"] and labels["org.opencontainers.image.created"]
    assert labels["org.opencontainers.image.revision"] != "unknown"
    config = inspected["Config"]
    assert config["User"] == "1000:1000"
    assert config["Entrypoint"] == [BINARIES[title][0]], "no shell between"
    assert inspected["HealthCheck" if "HealthCheck" in inspected else "Healthcheck"]["Test"][:2] == [
        "CMD", "/usr/bin/sentinel-healthcheck"]


def test_bill_of_materials(image):
    """Each package that the programs are linked with is in the list, with its identifier."""
    name, _, sbom = image
    assert sbom["spdxVersion"] == "SPDX-2.3"
    packages = {package["name"]: package for package in sbom["packages"]}
    assert {"libc6", "libcjson1"} <= set(packages)
    if name == "sentinel-master":
        assert any(package.startswith("libh2o") for package in packages)
        assert len(packages) < 60, "the programs' libraries and nothing else"
    else:
        language = json.loads((pods.ROOT / f"languages/{name.removeprefix('sentinel-executor-')}.json").read_text())
        assert set(language["packages"]) <= set(packages)
    purl = packages["libc6"]["externalRefs"][0]["referenceLocator"]
    assert purl.startswith("pkg:deb/debian/libc6@")


def test_master_has_no_shell(tmp_path):
    made = podman("create", pods.image("sentinel-master")).strip()
    try:
        podman("cp", f"{made}:/usr/bin/sentinel-master", tmp_path)
        for shell in ("/bin/sh", "/bin/bash", "/bin/dash"):
            with pytest.raises(AssertionError):
                podman("cp", f"{made}:{shell}", tmp_path)
    finally:
        podman("rm", made)


def test_isolation_is_what_the_manifest_asks_for(cluster, executors):
    least = manifests.environment(manifests.pods(manifests.overlay("dev"))["Deployment/sentinel-executor-python"],
                                  manifests.overlay("dev"))["SENTINEL_MIN_TIER"]
    job = cluster.client.run({"language": "python", "code": "print(1)"})
    order = ["B", "A-", "A"]
    assert order.index(job["isolation"]) >= order.index(least)


def test_a_minus_with_its_seccomp_profile(cluster, executors):
    """The component's pod gives every run namespaces of its own, as uid 1000 and without a capability."""
    usual = executors["python"]
    usual.terminate()
    assert usual.wait() == 0
    cluster.end(usual)
    pod = cluster.start_executor("python", manifests.variant("tier-a-minus", overlay="dev"))
    try:
        job = cluster.client.run({"language": "python", "code": "import os\nprint(os.getpid() < 10, os.path.exists('/home'))"})
        assert (job["isolation"], job["output"]) == ("A-", "True False")
    finally:
        cluster.end(pod)
        executors["python"] = cluster.start_executor("python")


def slow(number):
    """Long enough that SIGTERM finds it running."""
    return {"language": "python", "code": f"import time\ntime.sleep(1)\nprint({number})", "limits": {"wallTimeMs": 20000}}


def test_sigterm_in_the_middle_loses_nothing(cluster, executors):
    """A scale-in: every pod that works is told to end and replaced; each ends by itself, with its job done."""
    jobs = [cluster.client.submit(slow(number)) for number in range(8)]
    pod = executors["python"]
    for _ in range(3):
        wait_until(lambda: cluster.alive()[pod.name]["active"] > 0, "it runs a job")
        pod.terminate()
        replacement = cluster.start_executor("python")
        assert pod.wait() == 0
        cluster.end(pod)
        pod = executors["python"] = replacement
    done = [cluster.client.finish(job) for job in jobs]
    assert [(job["status"], job["output"]) for job in done] == [("completed", str(n)) for n in range(8)]
    assert cluster.client.get("/load").json()["totalActive"] == 0


def test_keda_may_read_lengths_and_nothing_else(cluster):
    """KEDA's user of the same ACL file: its scaler's script works, anything else is refused."""
    import redis
    from keda import SCRIPT
    data = cluster.secrets["sentinel-keda"]
    host, port = data["address"].split(":")
    with redis.Redis(host=host, port=int(port), username=data["username"], password=data["password"]) as keda:
        for key in ("queue", "queue:high", "lease"):
            assert keda.eval(SCRIPT, 1, f"sentinel:{{python}}:{key}") == 0
        for command in (("GET", "sentinel:x"), ("HGETALL", "sentinel:executors"), ("DEL", "sentinel:{python}:queue"),
                        ("FLUSHALL",), ("CONFIG", "GET", "*"), ("EVAL", SCRIPT, "1", "other:queue"),
                        ("EVAL", "return redis.call('del', KEYS[1])", "1", "sentinel:{python}:queue")):
            with pytest.raises(redis.exceptions.ResponseError):
                keda.execute_command(*command)
    with redis.Redis(host=host, port=int(port)) as stranger, pytest.raises(redis.exceptions.AuthenticationError):
        stranger.ping()


def test_master_ends_within_its_grace_period(cluster, executors):
    """It answers who waits; the same job is asked for again at another master."""
    job = cluster.client.submit(slow(1))
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(cluster.client.another().get(f"/job/{job}?wait=30").json()))
    waiting.start()
    master = next(pod for pod in cluster.pods if pod.name.startswith("sentinel-master"))
    master.terminate()
    assert master.wait() == 0
    waiting.join(30)
    cluster.end(master)
    cluster.start_master()
    assert cluster.client.finish(job)["output"] == "1"
