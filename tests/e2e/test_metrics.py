"""GET /metrics of master and executor: what Prometheus' own tool thinks of it, what is counted, and that nobody's words
make it grow."""

import re
import signal
import subprocess

import pytest
import requests

import service as harness
from client import Client, Raw, check_error
from keys import Keys

LINE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')


def parse(text):
    """{(name, frozenset of label pairs): value} of each sample."""
    samples = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = LINE.match(line).groups()
            samples[name, frozenset(re.findall(r'(\w+)="([^"]*)"', labels or ""))] = float(value)
    return samples


def value(samples, name, **labels):
    return samples.get((name, frozenset(labels.items())), 0)


def promtool(text):
    """Prometheus' own complaints."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr if done.returncode or done.stderr else ""


def scrape(url):
    answer = requests.get(url + "/metrics", timeout=30)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return answer.text


@pytest.fixture
def watched(make_service):
    port = harness.free_port()
    service = make_service(languages=("python", "c"), metrics_port=0, slots=1)
    for name in list(service.executors):
        problems = service.executors.pop(name).stop()
        assert not problems
    service.start_executor("python", number=2, metrics_port=port)
    service.start_executor("c", number=2)
    service.wait_for_executors()
    service.executor_url = f"http://127.0.0.1:{port}"
    return service


def test_master_and_executor_count_what_happens(watched):
    client = watched.client
    client.python("print(1)", testCases=[{"input": "", "expected": "1"}] * 3)
    client.python("print(2)", testCases=[{"input": "", "expected": "1"}])
    client.run({"language": "c", "code": "int main(void) { return 0; }"})
    check_error(client.post("/execute", {"language": "cobol", "code": ""}), 422, field="language")
    master, executor = scrape(client.url), scrape(watched.executor_url)
    assert not promtool(master) and not promtool(executor)

    of = parse(master)
    assert value(of, "sentinel_jobs_verdicts_total", language="python", verdict="accepted") == 1
    assert value(of, "sentinel_jobs_verdicts_total", language="python", verdict="wrong_answer") == 1
    assert value(of, "sentinel_jobs_finished_total", language="c", state="completed") == 1
    assert value(of, "sentinel_jobs_enqueued_total", language="python") == 2
    assert value(of, "sentinel_queue_waiting_jobs", language="python") == 0
    assert value(of, "sentinel_executors", language="c") == 1 and value(of, "sentinel_slots", state="all") >= 2
    assert value(of, "sentinel_http_requests_total", route="/execute", method="POST", status="202") == 3
    assert value(of, "sentinel_http_requests_total", route="/execute", method="POST", status="422") == 1
    assert value(of, "sentinel_http_refusals_total", reason="invalid_request") == 1
    assert value(of, "sentinel_redis_up") == 1 and value(of, "sentinel_redis_connects_total") == 1

    of = parse(executor)
    assert value(of, "sentinel_executor_jobs_total", language="python", outcome="accepted") == 1
    assert value(of, "sentinel_executor_jobs_total", language="python", outcome="wrong_answer") == 1
    assert value(of, "sentinel_executor_run_duration_seconds_count", language="python") == 4
    assert value(of, "sentinel_executor_run_memory_bytes_count", language="python") == 4
    assert value(of, "sentinel_executor_queue_wait_seconds_count", language="python") == 2
    assert value(of, "sentinel_executor_run_setup_duration_seconds_count") == 4
    assert value(of, "sentinel_executor_run_cleanup_duration_seconds_count") == 4
    assert value(of, "sentinel_executor_box_starts_total") >= 1
    assert value(of, "sentinel_warm_runs_total", language="python", how="warm") == 4
    assert 1 <= value(of, "sentinel_warm_starts_total", language="python") <= 2  # one a slot
    assert value(of, "sentinel_executor_slots", state="idle") == 2


def test_runs_that_a_box_fails_are_counted(make_service):
    """By what alerts look at, and from 0 on: of a counter that is not there before, Prometheus sees no increase."""
    port = harness.free_port()
    service = make_service(languages=("bash",), slots=1, metrics_port=port, scratch_mb=1, max_code_bytes=2_000_000)

    def counted():
        """Jobs that the executor gave back, that went back, and that were given up on; runs that failed."""
        own, all_of = parse(scrape(f"http://127.0.0.1:{port}")), parse(scrape(service.client.url))
        return (own["sentinel_executor_jobs_total", frozenset({("language", "bash"), ("outcome", "given_back")})],
                all_of["sentinel_jobs_requeued_total", frozenset({("language", "bash")})],
                all_of["sentinel_jobs_finished_total", frozenset({("language", "bash"), ("state", "failed")})],
                value(own, "sentinel_executor_run_failures_total"))

    assert counted() == (0, 0, 0, 0)
    submission = {"language": "bash", "code": "#" * 1_500_000}  # which the box has no room for
    job = service.client.finish(service.client.submit(submission))
    assert job["status"] == "failed" and "given up after 3 attempts" in job["reason"], job
    harness.wait_until(lambda: counted() == (3, 2, 1, 6), "each attempt of two runs is counted")


@pytest.mark.security
def test_hostile_words_do_not_make_it_grow(make_service):
    service = make_service()
    long = "x" * 2000
    for i in range(300):
        service.client.get(f"/job/{i}-{long}")
        service.client.get(f"/unknown/{i}/{long}")
        service.client.post("/execute", {"language": f"{i}-{long}", "code": "", "userId": f"{i}-{long}"})
        service.client.post("/execute", {"language": "python", "code": "", "userId": f"{i}-{long[:200]}"})
        service.client.post("/execute", {f"{i}-{long}": 1})
    for i in range(100):
        with Raw(service.client) as raw:
            raw.send(f"M{i}ETHOD /execute?{i} HTTP/1.1\r\nHost: {raw.host}\r\n\r\n")
            assert raw.response()
    text = scrape(service.client.url)
    assert len(text) < 50_000 and "xxxx" not in text and "ETHOD" not in text
    assert not promtool(text)


@pytest.mark.security
def test_who_may_read_it(make_service, tmp_path):
    keys = Keys(tmp_path / "keys")
    user, monitor, root = keys.add("alice"), keys.add("watch", "monitor"), keys.add("root", "admin")
    service = make_service(keys_file=keys.path)
    check_error(service.client.get("/metrics"), 401, "key_required", "Authorization")
    check_error(Client(service.client.url, user).get("/metrics"), 403, "key_not_allowed", "Authorization")
    for token in (monitor, root):
        assert Client(service.client.url, token).get("/metrics").status_code == 200
    assert make_service(keys_file=keys.path, open_routes="metrics").client.get("/metrics").status_code == 200


def test_it_can_be_turned_off(make_service):
    check_error(make_service(metrics="false").client.get("/metrics"), 404)


def test_it_is_there_without_redis(make_service):
    service = make_service(redis_deadline_ms=500)
    service.redis.stop()
    harness.wait_until(lambda: value(parse(scrape(service.client.url)), "sentinel_redis_up") == 0, "Redis is told away")
    text = scrape(service.client.url)
    assert "sentinel_queue_waiting_jobs" not in text and not promtool(text)


@pytest.mark.security
def test_the_executors_port_is_hard_to_hurt(watched):
    class Port:
        url = watched.executor_url

    idle = [Raw(Port) for _ in range(40)]  # more than it keeps
    for raw in idle:
        raw.close()
    answers = Client(Port.url).answers  # None while it is full
    harness.wait_until(lambda: answers("/metrics") == 200, "it answers again")
    for text in ("GET / HTTP/1.1\r\n\r\n", "POST /metrics HTTP/1.1\r\n\r\n", "\r\n\r\n", "x" * 20000):
        with Raw(Port) as raw:
            raw.send(text)
            try:
                answer = raw.reader.readline()
            except ConnectionResetError:
                answer = b""  # it does not read what it does not answer
            assert answer in (b"", b"HTTP/1.1 404 Not Found\r\n"), answer
    harness.wait_until(lambda: answers("/metrics") == 200, "it answers after all that")


def test_executor_answers_probes(watched):
    """Alive as long as it turns its loop; ready while it has a box and Redis."""
    def status(path):
        return requests.get(watched.executor_url + path, timeout=5).status_code

    assert [status(path) for path in ("/livez", "/readyz", "/readyz?verbose", "/readyzz", "/")] == [200, 200, 200, 404, 404]
    watched.redis.signal(signal.SIGKILL)
    harness.wait_until(lambda: status("/readyz") == 503, "it is not ready without Redis")
    assert status("/livez") == 200
    watched.start_redis()
    harness.wait_until(lambda: status("/readyz") == 200, "it is ready again")
