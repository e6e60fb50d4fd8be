"""`./dev bench`: what a run, a job and a request cost, as ratios to what the machine does without us, measured in turns in
one run. Prints a table, writes build/bench/bench.json and bench.svg."""

import ast
import contextlib
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import chart
import packages
import toolchains
from build import build
from paths import BOX, RELEASE, TOP
from progress import Failure, Step, say

sys.path.insert(0, str(TOP / "tests/e2e"))

OUT = TOP / "build/bench"
PROGRAMS = TOP / "bench/programs"
ROUNDS = 5
SLOTS = 2
SECONDS = 3  # of load in a round
CLIENTS = 64

# name: source, runs of a round, what the box must reach on all slots (times the bare rate), and why
LANGUAGES = {
    "c": ("hello.c", 200, 0.65),
    "python": ("hello.py", 40, 6),
    "ruby": ("hello.rb", 12, 7),
    "php": ("hello.php", 40, 7),
    "javascript": ("hello.js", 8, 0.95),
    "java": ("Main.java", 8, 0.95),
}
AHEAD = "javascript", "java"  # whose process is started before its run is asked for
# Other sandboxes, where they are installed: the argv that comes before the program's.
PEERS = {
    "bubblewrap": ["/usr/bin/bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev",
                   "--proc", "/proc", "--tmpfs", "/dev/shm"],
    "nsjail": ["/usr/bin/nsjail", "-Mo", "-Q", "--chroot", "/", "--"],
}


class Figures:
    """Rows of the table: a figure's value of each round, and what it is held against."""

    def __init__(self):
        self.rows = []

    def add(self, name, values, unit, least=None, most=None):
        self.rows.append({"name": name, "unit": unit, "median": statistics.median(values), "least": min(values),
                          "most": max(values), "wanted": {"least": least, "most": most},
                          "met": None if least is None and most is None else
                          (least is None or statistics.median(values) >= least)
                          and (most is None or statistics.median(values) <= most)})

    @staticmethod
    def text(row):
        wanted = row["wanted"]
        bound = f"≥ {wanted['least']:g}" if wanted["least"] is not None else \
            f"≤ {wanted['most']:g}" if wanted["most"] is not None else ""
        mark = {True: "met", False: "not met", None: ""}[row["met"]]
        return (f"{row['name']:<62} {row['median']:>10.4g} {row['unit']:<7} {row['least']:>9.4g}…{row['most']:<9.4g} "
                f"{bound:>7} {mark}").rstrip()


# ---- boxes ---------------------------------------------------------------------------------------------------------


def time_runs(language, streams, runs, *options):
    """[{bareUs, boxUs, peerUs}] of the rounds, each of `runs` runs in each of `streams` streams."""
    argv = [RELEASE / "bench/bench-box", TOP / "languages", language, PROGRAMS / LANGUAGES[language][0], str(streams),
            str(ROUNDS), str(runs), *options]
    answer = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "SENTINEL_BOX_PATH": str(RELEASE / BOX)})
    if answer.returncode:
        raise Failure(f"bench-box {language}: {answer.stderr.strip()}")
    return [json.loads(line) for line in answer.stdout.splitlines()]


def rates(rounds, runs, streams, who):
    return [runs * streams / one[who] * 1e6 for one in rounds]


def boxes(figures, languages, step):
    for language in languages:
        step.detail = language
        _, runs, least = LANGUAGES[language]
        one, all_slots = time_runs(language, 1, runs), time_runs(language, SLOTS, runs)
        figures.add(f"{language}: bare, one stream", [r["bareUs"] / runs for r in one], "µs")
        figures.add(f"{language}: box run over bare, one stream", [(r["boxUs"] - r["bareUs"]) / runs for r in one], "µs",
                    most=250 if language == "c" else None)
        figures.add(f"{language}: box runs, {SLOTS} slots", rates(all_slots, runs, SLOTS, "boxUs"), "/s")
        figures.add(f"{language}: box runs/s over bare, {SLOTS} streams", [r["bareUs"] / r["boxUs"] for r in all_slots], "×",
                    least=least)
        if language in AHEAD:
            figures.add(f"{language}: latency at half of the bare rate, over bare",
                        [r["boxUs"] / r["bareUs"] for r in time_runs(language, 1, runs, "--arrivals")], "×", most=0.35)


def peers(figures, step):
    for name, argv in PEERS.items():
        if not Path(argv[0]).exists():
            continue
        step.detail = name
        rounds = time_runs("c", 1, 40, "--", *argv)
        figures.add(f"c: {name} over a box run", [r["peerUs"] / r["boxUs"] for r in rounds], "×", least=4)


# ---- the service ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def service(*languages, **settings):
    """The release build as the end-to-end tests start it, but with a Redis that writes nothing to disk."""
    os.environ["SENTINEL_BUILD"] = str(RELEASE)
    import service as harness
    harness.adopt_orphans()
    cgroups = harness.Cgroups()
    one = harness.Service(cgroups, redis_options=["--appendonly", "no"], queue_cap=0, log_level="warn", **settings)
    try:
        one.start(languages, SLOTS)
        yield one
    finally:
        one.close()
        one.remove()
        cgroups.remove()


def submission(tests):
    return {"language": "python", "code": "print(input())",
            "testCases": [{"input": f"{n}\n", "expected": f"{n}"} for n in range(tests)]}


def load(one, path, body, clients, status):
    """wrk's figures: {answers, us, p50, p95, p99 (µs), errors}."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(body, file)
        file.flush()
        answer = subprocess.run(["/usr/bin/wrk", "-t1", f"-c{clients}", f"-d{SECONDS}s", "--timeout", "60s", "-s",
                                 TOP / "bench/post.lua", f"http://127.0.0.1:{one.port}{path}"], capture_output=True,
                                text=True, env={**os.environ, "BENCH_BODY": file.name, "BENCH_STATUS": str(status)})
    result = re.search(r"^RESULT (.*)$", answer.stdout, re.MULTILINE)
    if answer.returncode or not result:
        raise Failure(f"wrk: {answer.stderr.strip() or answer.stdout.strip()}")
    result = json.loads(result[1])
    if result["errors"]:
        raise Failure(f"{result['errors']} of {result['answers']} requests to {path} were not answered with {status}")
    return result


def jobs(figures, step):
    """Jobs through HTTP and Redis, everything on the same processors, beside box runs."""
    ratios = []
    with service("python") as one:
        for tests in (1, 10):
            step.detail = f"jobs of {tests} tests"
            rounds = []
            for _ in range(ROUNDS):
                rounds.append(load(one, "/execute?wait=60", submission(tests), 8, 200))
                if tests == 10:
                    (runs,) = [statistics.median(rates(time_runs("python", SLOTS, 40), 40, SLOTS, "boxUs"))]
                    ratios.append(rounds[-1]["answers"] / rounds[-1]["us"] * 1e6 * 10 / runs)
            named = f"python: jobs of {tests} test{'s' * (tests > 1)} through HTTP"
            figures.add(named, [r["answers"] / r["us"] * 1e6 for r in rounds], "/s")
            for percentile in ("p50", "p95", "p99"):
                figures.add(f"{named}, 8 clients, {percentile}", [r[percentile] / 1000 for r in rounds], "ms")
        figures.add("python: jobs/s × 10 over box runs/s", ratios, "×", least=0.8)
        latency(figures, one, step)


def latency(figures, one, step):
    """Jobs that come at half of the peak's rate, whether or not the ones before are answered."""
    step.detail = "latency at half of the peak"
    peak = load(one, "/execute?wait=60", submission(1), 8, 200)
    pause = 2 * peak["us"] / 1e6 / peak["answers"]
    body = json.dumps(submission(1)).encode()
    ratios = []
    for _ in range(ROUNDS):
        taken = []

        def post(taken=taken):
            request = urllib.request.Request(f"http://127.0.0.1:{one.port}/execute?wait=60", body,
                                             {"Content-Type": "application/json"})
            started = time.monotonic()
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
            taken.append(time.monotonic() - started)

        threads, begun = [], time.monotonic()
        for number in range(int(SECONDS / pause)):
            time.sleep(max(0, begun + number * pause - time.monotonic()))
            threads.append(threading.Thread(target=post))
            threads[-1].start()
        for thread in threads:
            thread.join()
        cuts = statistics.quantiles(taken, n=100)
        ratios.append(cuts[98] / cuts[49])
    figures.add("python: p99 over p50 of a job at half of the peak", ratios, "×", most=4)


def enqueue_command(one):
    """The words of the EVALSHA that a POST makes, as MONITOR shows them, for ids of redis-benchmark's."""
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(10)
        monitor.connect(str(one.redis_socket))
        monitor.sendall(b"MONITOR\r\n")
        one.client.submit(submission(1))
        for line in monitor.makefile("r", encoding="latin-1"):
            words = [ast.literal_eval(f'"{word}"') for word in re.findall(r'"((?:[^"\\]|\\.)*)"', line)]
            if words and words[0].upper() == "EVALSHA" and any(word.startswith("python-") for word in words):
                return [re.sub(r"^python-.*", "python-__rand_int__", word) for word in words]
    raise Failure("the master enqueued nothing")


def redis_rate(one, words):
    """Commands a second by redis-benchmark with as many clients as the master's load has."""
    answer = subprocess.run(["/usr/bin/redis-benchmark", "-s", one.redis_socket, "-c", str(CLIENTS), "-n", "60000", "-r",
                             "1000000000", "--csv", *words], capture_output=True, text=True)
    figures = re.findall(r'"([\d.]+)"', answer.stdout.splitlines()[-1]) if answer.stdout else []  # rps and six latencies
    if answer.returncode or len(figures) < 7:
        raise Failure(f"redis-benchmark: {answer.stderr.strip()} {answer.stdout.strip()}")
    return float(figures[-7])


def master(figures, step):
    """The master without executors, beside Redis alone."""
    posts, scripts, pushes = [], [], []
    with service() as one:
        words = enqueue_command(one)
        for number in range(ROUNDS):
            step.detail = f"master, round {number + 1}"
            answer = load(one, "/execute", submission(1), CLIENTS, 202)
            posts.append(answer["answers"] / answer["us"] * 1e6)
            one.redis_command("FLUSHALL")
            scripts.append(redis_rate(one, words))
            one.redis_command("FLUSHALL")
            pushes.append(redis_rate(one, ["LPUSH", "list", "x" * 200]))
            one.redis_command("FLUSHALL")
    figures.add(f"POST /execute, no executor, {CLIENTS} clients", posts, "/s")
    figures.add(f"redis-benchmark EVALSHA enqueue, {CLIENTS} clients", scripts, "/s")
    figures.add(f"redis-benchmark LPUSH, {CLIENTS} clients", pushes, "/s")
    figures.add("POST /execute over EVALSHA", [a / b for a, b in zip(posts, scripts)], "×", least=0.5)


# ---- compilers -----------------------------------------------------------------------------------------------------


def bare_ms(argv):
    started = time.monotonic()
    subprocess.run(argv, check=True, cwd=OUT)
    return (time.monotonic() - started) * 1000


def compilations(client, language, source):
    """Each as a job's result tells it; where a compiler stays, those that come before it is there are not told."""
    submission = {"language": language, "code": source.read_text(), "input": ""}
    stays = json.loads((TOP / f"languages/{language}.json").read_text())["compile"].get("warm")
    while True:
        job = client.post("/execute?wait=60&explain=1", submission).json()
        if job["verdict"] != "accepted":
            raise Failure(f"{source.name}: {job['verdict']}: {job['error']}")
        if not stays or job["explain"]["compile"]["warm"]:
            yield job["compile"]


def compilers(figures, step):
    """A compilation as a job's result tells it, beside the compiler bare."""
    cases = [("cpp", PROGRAMS / "words.cpp", ["/usr/bin/g++", "-O2", "-o", "words"], 0.4, "g++ of <bits/stdc++.h>"),
             ("java", PROGRAMS / "Main.java", ["/usr/bin/javac", "-d", "classes"], 0.1, "javac of a small program")]
    cases = [case for case in cases if Path(case[2][0]).exists()]
    with service(*(case[0] for case in cases), program_cache_mb=0) as one:
        for language, source, argv, most, name in cases:
            ratios, compiled = [], compilations(one.client, language, source)
            for _ in range(ROUNDS):
                step.detail = name
                ratios.append(next(compiled)["wallTimeMs"] / bare_ms([*argv, source]))
            figures.add(f"{name}, over the compiler bare", ratios, "×", most=most)


# ---- the report ----------------------------------------------------------------------------------------------------


def mitigations():
    folder = Path("/sys/devices/system/cpu/vulnerabilities")
    texts = {path.name: path.read_text().strip() for path in sorted(folder.glob("*"))} if folder.is_dir() else {}
    return {name: text for name, text in texts.items() if text.startswith("Mitigation")}


def machine():
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {"kernel": platform.release(), "processors": len(os.sched_getaffinity(0)), "model": model[1] if model else "",
            "mitigations": mitigations(), "load": os.getloadavg()}


def bench():
    packages.install([*packages.TEST, *packages.BENCH], "the benchmark")
    build(RELEASE)
    languages = toolchains.install("present")
    OUT.mkdir(parents=True, exist_ok=True)
    here = [language for language in LANGUAGES if language in languages]
    figures, about = Figures(), machine()
    with Step("measuring") as step:
        boxes(figures, here, step)
        peers(figures, step)
        master(figures, step)
        jobs(figures, step)
        compilers(figures, step)
        seconds = step.seconds()
    for row in figures.rows:
        say(Figures.text(row))
    say(f"medians of {ROUNDS} rounds, with the least and the most; {about['processors']} processors, Linux {about['kernel']}, "
        f"load {about['load'][0]:.1f} before; mitigations: {', '.join(about['mitigations']) or 'none'}; {seconds:.0f} s")
    (OUT / "bench.json").write_text(json.dumps({"machine": about, "seconds": round(seconds), "figures": figures.rows}, indent=1))
    chart.bars(OUT / "bench.svg", [row for row in figures.rows if row["met"] is not None])
    shutil.rmtree(OUT / "classes", ignore_errors=True)
    return 0
