"""`./dev test`: suites, each a function that runs its tests and returns what was counted, or None when
this machine cannot run them."""

import concurrent.futures
import json
import os
import subprocess
import time

import debian13
import kubernetes
import modules
import packages
import toolchains
import versions
from build import build
from counts import Count, count_junit, count_tap
from images import build_all
from paths import ASAN, BOX, EXECUTOR, MASTER, PROBE, RELEASE, TOP
from progress import Failure, from_first, run, say

PYTEST = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", "-v"]
WARM_PROBE = "executor/selftest/sentinel-probe-dynamic"


def meson_suite(suite, extra, directory=ASAN):
    build(directory)
    count = Count()
    log = directory / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    status, output = run(suite, ["/usr/bin/meson", "test", "-C", directory, "--no-rebuild", "--print-errorlogs", "--suite",
                                 suite, *extra], check=False)
    for line in log.read_text().splitlines() if log.exists() else []:
        count_tap(count, json.loads(line))
    if status and not count.failed:
        count.fail(f"meson test ended with status {status}")
    if count.failed:
        say(output.rstrip())
    return count


def selection(extra, folder):
    """What pytest is to run: the arguments, and the suite's folder unless they name what is in it."""
    return extra if any(str(folder) in argument for argument in extra) else [*extra, folder]


def pytest_suite(suite, environment, extra, folder=None):
    report = TOP / "build/reports" / f"{suite}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    status, output = run(suite, [*PYTEST, f"--junitxml={report}", *selection(extra, f"tests/{folder or suite}")], check=False,
                         cwd=TOP, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment})
    count = Count()
    count_junit(count, report)
    if status and not count.failed:
        count.fail(f"pytest ended with status {status}")
    if count.failed:
        say(from_first(output, "^=+ (FAILURES|ERRORS) "))
    return count


def sandbox(extra):
    build(RELEASE)
    toolchains.install()
    return pytest_suite("sandbox", {"SENTINEL_BOX": str(RELEASE / BOX), "SENTINEL_PROBE": str(RELEASE / PROBE)}, extra)


def warm(extra):
    """The catalogue of programs that must run the same warm, cold and bare."""
    build(RELEASE)
    toolchains.install()
    return pytest_suite("warm", {"SENTINEL_BOX": str(RELEASE / BOX)}, extra)


def e2e(extra, suite="e2e", requests=2000, directory=ASAN):
    build(directory)
    if packages.missing(packages.MASTER):
        return None  # Debian 13
    toolchains.install()
    packages.install(packages.BROWSER, "testing the pages")
    modules.install(TOP / "clients/typescript", "the TypeScript client's tools")
    # A sanitized build is slower: fewer jobs at once.
    return pytest_suite(suite, {"SENTINEL_BUILD": str(directory), "SENTINEL_TEST_JOBS": "150",
                                "SENTINEL_TEST_REQUESTS": str(requests)}, extra, folder="e2e")


def security(extra):
    """The box's suite, which holds the abuse catalogue, and of unit, fuzz and e2e what is marked: as a suite in meson.build, by
    pytest's marker."""
    if extra:
        raise Failure("security is of several suites and takes no arguments: give them to unit, fuzz, sandbox or e2e")
    parts = {"unit or fuzz": meson_suite("security", []), "sandbox": sandbox([]), "e2e": e2e(["-m", "security"], "security")}
    total = Count()
    for name, part in parts.items():
        if part is None:
            say(f"  of {name} nothing: what it needs is not here (libh2o)")
            continue
        if not part.passed and not part.failed:
            part.fail(f"security: no test of {name} is marked")
        total.add(part)
    return total


def load(extra):
    """The whole of what e2e has a short form of: every language's matrix, three times, on a busy machine."""
    build(RELEASE)
    if packages.missing(packages.MASTER):
        return None  # Debian 13
    toolchains.install()
    settings = {"SENTINEL_BUILD": str(RELEASE), "SENTINEL_LOAD_ROUNDS": "3", "SENTINEL_LOAD_LANGUAGES": "all"}
    return pytest_suite("load", settings, [*extra, "tests/e2e/test_load.py"], folder="e2e")


def on_debian13(extra):
    """Every language's matrix, behaviour and examples with Debian 13's toolchains; and TLS to Redis, which its hiredis has."""
    build(RELEASE)
    if packages.missing(packages.MASTER):
        return None  # this is Debian 13
    tests = extra or [f"tests/e2e/test_{name}.py" for name in ("programs", "languages", "examples", "redis_tls")]
    return pytest_suite("debian13", {"SENTINEL_BUILD": str(RELEASE), **debian13.prepare()}, tests, folder="e2e")


def chaos(extra, suite="chaos", **settings):
    build(RELEASE)
    if packages.missing(packages.MASTER):
        return None  # Debian 13
    toolchains.install()
    settings = {f"SENTINEL_CHAOS_{name.upper()}": str(value) for name, value in settings.items()}
    return pytest_suite(suite, {"SENTINEL_BUILD": str(RELEASE), **settings}, extra, folder="chaos")


def waiters(extra, suite, count):
    build(RELEASE)
    if packages.missing(packages.MASTER):
        return None  # Debian 13
    return pytest_suite(suite, {"SENTINEL_BUILD": str(RELEASE), "SENTINEL_WAITERS": str(count)}, extra, folder="waiters")


def versions_suite(extra):
    build(RELEASE)
    if packages.missing(packages.MASTER):
        return None  # Debian 13
    packages.install(packages.MODEL, "the model")
    toolchains.install("python,c")
    previous = versions.build_previous()
    if not previous:
        return None
    return pytest_suite("versions", {"SENTINEL_BUILD": str(RELEASE), "SENTINEL_PREVIOUS": str(previous)}, extra)


def soak(extra, suite="soak", seconds=1200, report=None):
    build(RELEASE)
    if packages.missing(packages.MASTER):
        return None  # Debian 13
    toolchains.install()
    settings = {"SENTINEL_BUILD": str(RELEASE), "SENTINEL_SOAK_S": str(seconds)}
    if report:
        settings["SENTINEL_SOAK_REPORT"] = str(report)
    return pytest_suite(suite, settings, extra, folder="soak")


def model(extra):
    packages.install(packages.MODEL, "the model")
    return pytest_suite("model", {}, extra)


def machine(name, show, options, arguments):
    """pytest in a machine of its own; (report, status, output)."""
    report = TOP / f"build/reports/{name}.xml"
    report.unlink(missing_ok=True)
    status, output = run(name, [TOP / "tests/vm/run", "--junit", report, *vm_packages(), *options, "--", "-v", *arguments],
                         check=False, show=show)
    return report, status, output


def put(*paths):
    """Files of the working copy, at the same place in the machine."""
    return [f"--put={TOP / path}={path}" for path in paths]


def sandbox_options():
    programs = [f"--put={RELEASE / path}=bin/{path.rpartition('/')[2]}" for path in (EXECUTOR, BOX, PROBE, WARM_PROBE)]
    return [*put("tests/sandbox", *languages_files(VM_TOOLCHAINS)), *programs,
            "--env=SENTINEL_BOX=/sentinel/bin/sentinel-box", "--env=SENTINEL_PROBE=/sentinel/bin/sentinel-probe",
            "--env=SENTINEL_MUST_SANDBOX=1"]


VM_LANGUAGES = ["c", "java", "python"]
VM_TOOLCHAINS = [*VM_LANGUAGES, "cpp"]  # the self-test attacks by C++ too
# A Java test takes 20 s of the emulated machine's time: vm has a few, vm-languages all.
VM_JAVA = ["accepted", "compile_error", "cpu_limit", "memory_limit", "two_sources", "wall_limit"]
VM_PROGRAMS = ["tests/e2e/test_programs.py", "-k"]


def vm_packages():
    """One image for all: what the languages want is no harm to the others."""
    known = toolchains.known()
    libraries = subprocess.run([TOP / "docker/packages.py", "libraries", *(RELEASE / path for path in (MASTER, EXECUTOR, BOX))],
                               check=True, capture_output=True, text=True).stdout.split()
    wanted = {*packages.VM_SERVICE, *libraries, *(p for name in VM_TOOLCHAINS for p in known[name]["packages"])}
    return [f"--package={package}" for package in sorted(wanted)]


def languages_files(names):
    return ["languages/java", "languages/schema.json", *(f"languages/{name}.json" for name in names)]


def language_options():
    programs = [(RELEASE / path).relative_to(TOP) for path in (MASTER, EXECUTOR, BOX)]
    return [*put("tests/e2e", "docs/openapi.yaml", *languages_files(VM_LANGUAGES), *programs),
            f"--env=SENTINEL_BUILD={RELEASE.relative_to(TOP)}", f"--env=SENTINEL_TEST_LANGUAGES={','.join(VM_LANGUAGES)}"]


NEWER = ["--machine", "backports"]  # Linux 6.12: the first with what tier B wants


def prepare_machines(*kinds):
    packages.install(packages.VM, "the test machine")
    build(RELEASE)
    toolchains.install(",".join(VM_TOOLCHAINS))
    for kind in kinds or [[]]:
        run("vm-image", [TOP / "tests/vm/run", "--prepare", *kind, *vm_packages()])


def vm(extra):
    """On the kernel that Debian ships, with a whole cgroup v2: the sandbox suite again, and the matrix of three languages
    through master, Redis and executor. An emulated machine is slow and has one thread, so several share the tests: those
    of tier A-, the sandbox's others, and the languages. Of warm runs, those of an ordinary user differ from A- in nothing that
    the kernel's version changes."""
    prepare_machines()
    tests = selection(extra, "tests/sandbox")
    without_a_minus = "not [A-] and not [A-- and not ((test_warm or test_ahead) and (user or thousand))"
    few = " or ".join(["test_program and (c- or python-", *(f"java-{row}" for row in VM_JAVA)]) + ")"
    shares = [("vm-languages", language_options(), [*VM_PROGRAMS, few]),
              ("vm", sandbox_options(), [*tests, "-k", without_a_minus]),
              ("vm-without-cgroup", sandbox_options(), [*tests, "-k", "[A-] or [A--"])]
    return machines([("vm", sandbox_options(), tests)] if extra else shares)


def vm_backports(extra):
    """The kernel of backports: the self-test in tiers A and B, and the matrix of C and Python through master, Redis and
    executor."""
    prepare_machines(NEWER)
    tests = ["tests/sandbox/test_selftest.py", "-k", "([A- or [B- or [A] or [B]) and not ([A-] or [A--)"]
    shares = [("vm-backports", [*sandbox_options(), *NEWER], extra or tests),
              ("vm-backports-languages", [*language_options(), *NEWER], [*VM_PROGRAMS, "test_program and (c- or python-)"])]
    return machines(shares[:1] if extra else shares)


def vm_languages(extra):
    """The matrix alone, and all of it."""
    prepare_machines()
    return machines([("vm-languages", language_options(), extra or [*VM_PROGRAMS, "test_program"])])


def machines(shares):
    """Each of (name, options, arguments) in a machine of its own, at once; the first is shown."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = [pool.submit(machine, name, position == 0, *share) for position, (name, *share) in enumerate(shares)]
    count = Count()
    for report, status, output in (share.result() for share in runs):
        before = count.failed
        count_junit(count, report)
        if status and count.failed == before:
            count.fail(f"the machine ended with status {status}")
        if count.failed > before:
            say(from_first(output, "^=+ (FAILURES|ERRORS) "))
    return count


def k8s(extra):
    """The manifests, built and held against schemas, our own rules, and the programs' settings."""
    build(ASAN, MASTER, EXECUTOR)
    if packages.missing(packages.MASTER):
        return None  # Debian 13
    return pytest_suite("k8s", {"SENTINEL_TEST_KUBECTL": kubernetes.kubectl(), "SENTINEL_TEST_MASTER": str(ASAN / MASTER),
                                "SENTINEL_TEST_EXECUTOR": str(ASAN / EXECUTOR),
                                "SENTINEL_TEST_SCHEMAS": str(kubernetes.schemas())}, extra)


# SENTINEL_IMAGE_LANGUAGES names fewer, for a machine without time to build them all.
IMAGE_LANGUAGES = os.environ.get("SENTINEL_IMAGE_LANGUAGES", ",".join(sorted(toolchains.known())))


def images(extra):
    """The images, built, and run as the pods of the manifests."""
    packages.install([*packages.ENGINE, *packages.RUN], "testing images")
    container, _, tag = build_all(IMAGE_LANGUAGES.split(","), tags=["test"])
    if container.name == "docker":
        raise Failure("the images suite runs containers with podman; docker was found, and podman would not see its images")
    return pytest_suite("images", {"SENTINEL_TEST_KUBECTL": kubernetes.kubectl(), "SENTINEL_TEST_TAG": tag,
                                   "SENTINEL_TEST_LANGUAGES": IMAGE_LANGUAGES}, extra)


def container(extra):
    """The self-test in the image of C's executor, under the settings of a restricted pod."""
    packages.install([*packages.ENGINE, *packages.RUN], "testing the container")
    engine, names, tag = build_all(["c"], tags=["container"], executors_alone=True)
    if engine.name == "docker":
        raise Failure("the container suite runs podman; docker was found, and podman would not see its images")
    return pytest_suite("container", {"SENTINEL_TEST_IMAGE": engine.local(f"{names[-1]}:{tag}")}, extra)


def deliver(extra):
    """push, promote, deploy and rollback, with a registry and a kubectl of our own."""
    packages.install(["skopeo"], "testing the delivery")
    return pytest_suite("deliver", {"SENTINEL_TEST_KUBECTL": kubernetes.kubectl()}, extra)


def autoscale(extra):
    """KEDA and the HPA, played over real processes."""
    build(RELEASE)
    if packages.missing(packages.MASTER):
        return None  # Debian 13
    toolchains.install("python")
    return pytest_suite("autoscale", {"SENTINEL_BUILD": str(RELEASE), "SENTINEL_TEST_KUBECTL": kubernetes.kubectl()}, extra)


SUITES = {
    "unit": lambda extra: meson_suite("unit", extra),
    "integration": lambda extra: meson_suite("integration", extra),
    "k8s": k8s,
    "fuzz": lambda extra: meson_suite("fuzz", extra),
    "model": model,
    "sandbox": sandbox,
    "warm": warm,
    "e2e": e2e,
    "security": security,
    "chaos-short": lambda extra: chaos(extra, "chaos-short", jobs=300, seeds=1),
    "chaos": chaos,
    "waiters-short": lambda extra: waiters(extra, "waiters-short", 1000),
    "waiters": lambda extra: waiters(extra, "waiters", 10_000),
    "debian13": on_debian13,
    "fuzz-http": lambda extra: e2e([*extra, "tests/e2e/test_fuzz.py"], "fuzz-http", 20_000),
    "load": load,
    "soak": lambda extra: soak(extra, report=TOP / "docs"),
    "soak-short": lambda extra: soak(extra, "soak-short", 60),
    "versions": versions_suite,
    "vm": vm,
    "vm-backports": vm_backports,
    "vm-languages": vm_languages,
    "images": images,
    "container": container,
    "autoscale": autoscale,
    "deliver": deliver,
}
DEFAULT = ["unit", "integration", "k8s", "fuzz", "model", "sandbox", "warm", "e2e", "chaos-short", "soak-short", "waiters-short"]


def check_names(chosen, known, default):
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise Failure(f"unknown suite {', '.join(unknown)}: there are {', '.join(known)} (without a name: {', '.join(default)})")


def test(arguments):
    split = arguments.index("--") if "--" in arguments else len(arguments)
    chosen, extra = arguments[:split] or DEFAULT, arguments[split + 1:]
    check_names(chosen, SUITES, DEFAULT)
    return run_suites({name: lambda suite=SUITES[name]: suite(extra) for name in chosen})


def run_suites(suites):
    """Exit status 0 only when none failed and at least one passed."""
    os.environ.setdefault("SENTINEL_MUST_SANDBOX", "1")
    packages.install(packages.TEST, "testing")
    total = Count()
    for name, suite in suites.items():
        started = time.monotonic()
        try:
            count = suite()
        except Failure as failure:
            count = Count()
            count.fail(str(failure))
        if count is None:
            say(f"{name:<12} left out: what it needs is not here (libh2o, or the history of an earlier release)")
            continue
        if not count.passed and not count.failed:
            count.fail(f"{name}: there was no test to run")
        for complaint in count.complaints:
            say(f"  FAILED {complaint}")
        say(f"{name:<12} {count.passed:5} passed {count.failed:4} failed  {time.monotonic() - started:6.1f} s")
        total.add(count)
    say(f"{total.passed} passed, {total.failed} failed")
    return 0 if total.passed and not total.failed else 1
