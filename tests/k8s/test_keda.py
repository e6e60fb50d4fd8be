"""Each language has its executor, and what scales it counts all of its jobs."""

import json
import re

import pytest

import manifests
from manifests import environment, named, of_kind, pods, quantity

LANGUAGES = sorted(path.stem for path in (manifests.ROOT / "languages").glob("*.json") if path.stem != "schema")
EXECUTOR_MB = 96  # the executor, its boxes, and the pages of the toolchain that a run has in use


def keys(language):
    """Trigger's name → key, as PROTOCOL.md has them."""
    table = (manifests.ROOT / "docs/PROTOCOL.md").read_text()
    found = {}
    for trigger, suffix in (("waiting", "queue"), ("urgent", "queue:high"), ("inflight", "lease")):
        key = f"sentinel:{{L}}:{suffix}"
        assert f"| `{key}` |" in table, key
        found[trigger] = key.replace("{L}", f"{{{language}}}")
    return found


@pytest.fixture(params=["dev", "prod"])
def deployed(request):
    return manifests.overlay(request.param)


def test_each_language_has_an_executor(deployed):
    executors = [thing for thing in of_kind(deployed, "Deployment") if "executor" in thing["metadata"]["name"]]
    assert sorted(thing["metadata"]["name"] for thing in executors) == [f"sentinel-executor-{name}" for name in LANGUAGES]
    for executor in executors:
        language = executor["metadata"]["name"].removeprefix("sentinel-executor-")
        template = executor["spec"]["template"]
        assert executor["spec"]["selector"]["matchLabels"]["sentinel/language"] == language
        assert template["metadata"]["labels"]["sentinel/language"] == language
        assert f"sentinel-executor-{language}" in template["spec"]["containers"][0]["image"]
        assert "replicas" not in executor["spec"], "KEDA sets them"
        source = [e for e in template["spec"]["containers"][0]["env"] if e["name"] == "SENTINEL_LANGUAGES"]
        assert source[0]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['sentinel/language']"


@pytest.mark.parametrize("language", LANGUAGES)
def test_scaled_object(deployed, language):
    name = f"sentinel-executor-{language}"
    spec = named(deployed, "ScaledObject", name)["spec"]
    pod = pods(deployed)[f"Deployment/{name}"]
    triggers = {trigger["name"]: trigger for trigger in spec["triggers"]}
    assert spec["scaleTargetRef"] == {"name": name}
    assert {key: trigger["metadata"]["listName"] for key, trigger in triggers.items()} == keys(language)
    modifiers = spec["advanced"]["scalingModifiers"]
    assert sorted(re.findall(r"\w+", modifiers["formula"])) == sorted(triggers), "the variables are the triggers' names"
    assert modifiers["target"] == environment(pod, deployed)["SENTINEL_SLOTS"]
    assert spec["minReplicaCount"] == 0 and spec["fallback"]["replicas"] > 0, "a fallback to 0 falls through to zero"
    assert all(named(deployed, "TriggerAuthentication", t["authenticationRef"]["name"]) for t in spec["triggers"])
    quota = int(named(deployed, "ResourceQuota", "executors")["spec"]["hard"]["pods"])
    assert spec["maxReplicaCount"] <= quota


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_job_that_runs_may_finish(deployed, language):
    """Job's bound ≤ drain, and the grace period leaves half a minute to give back what did not."""
    pod = pods(deployed)[f"Deployment/sentinel-executor-{language}"]
    values = environment(pod, deployed)
    assert int(values["SENTINEL_JOB_TIMEOUT_S"]) <= int(values["SENTINEL_DRAIN_S"])
    assert pod["spec"]["terminationGracePeriodSeconds"] == int(values["SENTINEL_DRAIN_S"]) + 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_memory_holds_the_biggest_run(deployed, settings, language):
    pod = pods(deployed)[f"Deployment/sentinel-executor-{language}"]
    values = environment(pod, deployed)
    file = json.loads((manifests.ROOT / f"languages/{language}.json").read_text())
    overhead = max(file.get(step, {}).get("memoryOverheadMb", 0) for step in ("compile", "run"))
    most = int(values.get("SENTINEL_MAX_MEMORY_MB", settings["SENTINEL_MAX_MEMORY_MB"][2].strip("`")))
    need = int(values["SENTINEL_SLOTS"]) * (most + overhead) + EXECUTOR_MB
    assert need * 2**20 <= quantity(pod["spec"]["containers"][0]["resources"]["limits"]["memory"])


@pytest.mark.parametrize("overlay", manifests.OVERLAYS)
def test_masters_take_what_somebody_runs(overlay):
    """A job of a language without an executor would wait until it expires."""
    objects = manifests.overlay(overlay)
    taken = environment(pods(objects)["Deployment/sentinel-master"], objects).get("SENTINEL_LANGUAGES", "all")
    served = sorted(name.rpartition("-")[2] for name in pods(objects) if "/sentinel-executor-" in name)
    assert (LANGUAGES if taken == "all" else sorted(taken.split(","))) == served


def test_jobs_are_the_deployments_pods():
    """A submission's own Kubernetes Job (000) differs from an executor that stays by its end alone."""
    jobs = pods(manifests.overlay("dev-jobs"))
    stays = pods(manifests.overlay("dev"))
    scaled = {name: pod for name, pod in jobs.items() if name.startswith("ScaledJob/")}
    assert sorted(scaled) == [f"ScaledJob/sentinel-executor-{name}" for name in ("cpp", "java", "javascript", "python")]
    assert not any(name.startswith("Deployment/sentinel-executor") for name in jobs)
    for name, pod in scaled.items():
        spec = json.loads(json.dumps(pod["spec"]))
        assert spec.pop("restartPolicy") == "Never"
        assert spec["containers"][0].pop("args")[:2] == ["--max-jobs", "1"]
        other = json.loads(json.dumps(stays[name.replace("ScaledJob", "Deployment")]["spec"]))
        other["containers"][0].pop("imagePullPolicy")
        assert spec == other


def test_scaled_jobs_count_what_waits():
    """In flight is no trigger there: a running Job is subtracted by the strategy."""
    for job in of_kind(manifests.overlay("dev-jobs"), "ScaledJob"):
        language = job["metadata"]["name"].removeprefix("sentinel-executor-")
        names = {t["name"]: t["metadata"]["listName"] for t in job["spec"]["triggers"]}
        assert names == {key: name for key, name in keys(language).items() if key != "inflight"}
        assert job["spec"]["scalingStrategy"] == {"strategy": "accurate", "multipleScalersCalculation": "sum"}


CEILINGS = {"cpuTimeMs": ("MAX_CPU_MS", 1), "memoryMb": ("MAX_MEMORY_MB", 1), "processes": ("MAX_PROCESSES", 1),
            "outputKb": ("MAX_OUTPUT_KB", 1), "fileKb": ("MAX_FILE_KB", 1), "cpus": ("MAX_CPUS_MILLI", 1000)}


@pytest.mark.parametrize("workload", ["sentinel-master", "sentinel-executor-go"])
def test_no_language_asks_for_more_than_the_ceilings(deployed, settings, workload):
    """A program that finds a language file above its ceilings does not start."""
    values = environment(pods(deployed)[f"Deployment/{workload}"], deployed)
    for language in LANGUAGES:
        file = json.loads((manifests.ROOT / f"languages/{language}.json").read_text())
        for step in ("compile", "run"):
            for name, value in file.get(step, {}).get("limits", {}).items():
                if name in CEILINGS:
                    setting, factor = f"SENTINEL_{CEILINGS[name][0]}", CEILINGS[name][1]
                    most = int(values.get(setting) or settings[setting][2].strip("`"))
                    assert value * factor <= most, (language, step, name)
