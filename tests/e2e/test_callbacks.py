"""callbackUrl: a job's end is told to a server of the test's own, which answers as the test says."""

import hashlib
import hmac
import http.server
import json
import threading
import time

import pytest

from client import check_error
from service import wait_until

SECRET = "a secret of the tests' own"
HELLO = {"language": "python", "code": "print('hello')"}


class Receiver(http.server.ThreadingHTTPServer):
    """answers: what to do with each request in turn, the last one for all that follow: a status, or a function of the
    request's handler that answers by itself."""

    daemon_threads = True

    def __init__(self, *answers, host="127.0.0.1"):
        super().__init__((host, 0), Handler)
        self.answers, self.got, self.lock = list(answers), [], threading.Lock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/told?token=7"

    def wait(self, count=1):
        wait_until(lambda: len(self.got) >= count, f"{count} requests came")
        return self.got

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body, time.monotonic()))
            answer = self.server.answers[min(len(self.server.got), len(self.server.answers)) - 1]
        if callable(answer):
            answer(self)
        else:
            self.send_response(answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    """receiver(answers…) → a Receiver."""
    made = []

    def make(*answers, **more):
        made.append(Receiver(*answers, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def calling(estate):
    """A service whose callbacks may reach 127.0.0.1."""
    service = estate.start(languages=("python",), **SETTINGS)
    yield service.client
    problems = service.close()
    assert not problems, "\n".join(problems)


SETTINGS = {"callback_secret": SECRET, "callback_allow": "127.0.0.1", "callback_pause_ms": 50, "callback_attempts": 4,
            "callback_timeout_ms": 2000, "redis_deadline_ms": 500}


def callback_of(client, job_id, status):
    """The job's callback once it has that status."""
    return wait_until(lambda: (c := client.job(job_id)["callback"])["status"] == status and c, f"{job_id} has {status}", 30)


def check_signed(headers, body):
    stamp = headers["x-sentinel-timestamp"]
    wanted = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["x-sentinel-signature"] == "sha256=" + wanted
    assert abs(time.time() - int(stamp)) < 300


def test_the_end_is_told(calling, receiver):
    server = receiver(200)
    job_id = calling.submit({**HELLO, "callbackUrl": server.url, "metadata": {"ticket": 7}})
    job = calling.finish(job_id)
    path, headers, body, _ = server.wait()[0]
    assert path == "/told?token=7"
    check_signed(headers, body)

    told = json.loads(body)
    assert {**told, "callback": None} == {**job, "callback": None}
    assert (told["output"], told["metadata"], told["status"]) == ("hello", {"ticket": 7}, "completed")
    assert headers["content-type"] == "application/json" and headers["x-sentinel-event"] == "job.completed"
    assert headers["x-sentinel-delivery"].startswith(job_id) and headers["x-sentinel-attempt"] == "1"
    callback = callback_of(calling, job_id, "delivered")
    assert (callback["url"], callback["attempts"], callback["httpStatus"], callback["error"]) == (server.url, 1, 200, None)
    assert len(server.got) == 1


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_not_now_is_tried_again(calling, receiver, status):
    server = receiver(status, status, 204)
    job_id = calling.submit({**HELLO, "callbackUrl": server.url})
    callback = callback_of(calling, job_id, "delivered")
    assert (callback["attempts"], callback["httpStatus"]) == (3, 204)
    got = server.got
    assert len({headers["x-sentinel-delivery"] for _, headers, _, _ in got}) == 1
    assert [headers["x-sentinel-attempt"] for _, headers, _, _ in got] == ["1", "2", "3"]
    assert got[1][3] - got[0][3] >= 0.05 and got[2][3] - got[1][3] >= 0.1, "after pauses"
    for _, headers, body, _ in got:
        check_signed(headers, body)


def test_attempts_are_bounded(calling, receiver):
    server = receiver(500)
    job_id = calling.submit({**HELLO, "callbackUrl": server.url})
    callback = callback_of(calling, job_id, "failed")
    assert (callback["attempts"], callback["httpStatus"], callback["error"]) == (4, 500, "it answered 500")
    assert len(server.got) == 4


@pytest.mark.parametrize("status", [301, 307, 400, 404, 410])
def test_other_answers_end_it(calling, receiver, status):
    target = receiver(200)

    def answer(handler):
        handler.send_response(status)
        handler.send_header("Location", target.url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server = receiver(answer)
    job_id = calling.submit({**HELLO, "callbackUrl": server.url})
    callback = callback_of(calling, job_id, "failed")
    assert (callback["attempts"], callback["httpStatus"]) == (1, status)
    assert (len(server.got), target.got) == (1, [])


def test_a_receiver_that_hangs_is_tried_again(make_service, receiver):
    go = threading.Event()
    server = receiver(lambda handler: go.wait(60), 200)
    client = make_service(languages=("python",), **{**SETTINGS, "callback_timeout_ms": 300}).client
    job_id = client.submit({**HELLO, "callbackUrl": server.url})
    assert callback_of(client, job_id, "delivered")["attempts"] == 2
    go.set()


@pytest.mark.security
def test_a_receiver_that_sends_without_end_is_cut_off(calling, receiver):
    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            pass

    server = receiver(answer)
    job_id = calling.submit({**HELLO, "callbackUrl": server.url})
    assert callback_of(calling, job_id, "delivered")["attempts"] == 1


def test_nobody_there(calling, receiver):
    server = receiver(200)
    url = server.url
    server.close()
    job_id = calling.submit({**HELLO, "callbackUrl": url})
    callback = callback_of(calling, job_id, "failed")
    assert (callback["attempts"], callback["httpStatus"]) == (4, None) and callback["error"]


def test_a_cancelled_job_is_told_too(make_service, receiver):
    server = receiver(200)
    client = make_service(languages=(), **SETTINGS).client
    job_id = client.submit({**HELLO, "callbackUrl": server.url})
    assert client.job(job_id)["callback"]["status"] == "waiting"
    client.delete(f"/job/{job_id}")
    assert server.wait()[0][1]["x-sentinel-event"] == "job.cancelled"
    callback_of(client, job_id, "delivered")


def test_of_a_batch(calling, receiver):
    server = receiver(200)
    answer = calling.post("/execute/batch", {"submissions": [{**HELLO, "callbackUrl": server.url}] * 5}).json()
    assert answer["accepted"] == 5
    for reply in answer["replies"]:
        callback_of(calling, reply["id"], "delivered")
    assert len({headers["x-sentinel-delivery"] for _, headers, _, _ in server.wait(5)}) == 5


ADDRESSES = ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0.0.0.0", "10.255.255.1",
             "169.254.169.254", "192.168.255.254", "[fd00:ec2::254]", "[64:ff9b::7f00:1]"]


@pytest.mark.security
def test_closed_addresses_are_refused(make_service, receiver):
    """By the address that a name came to, whatever way it is written; and at once, for no time makes it public."""
    server = receiver(200, host="")
    client = make_service(languages=("python",), **{**SETTINGS, "callback_allow": ""}).client
    jobs = [client.submit({**HELLO, "callbackUrl": f"http://{address}:{server.server_port}/"}) for address in ADDRESSES]
    for job_id in jobs:
        callback = callback_of(client, job_id, "failed")
        assert (callback["attempts"], callback["httpStatus"]) == (1, None), callback
        assert callback["error"] == "its address is not a public one"
    assert server.got == []


@pytest.mark.security
def test_the_environments_proxy_is_not_used(make_service, receiver):
    server, proxy = receiver(200), receiver(200)
    service = make_service(languages=("python",), **SETTINGS)
    service.master.stop()
    service.master.env = {**service.master.env, "http_proxy": proxy.url, "ALL_PROXY": proxy.url}
    service.master.start()
    wait_until(service.ready, "the master is back")
    job_id = service.client.submit({**HELLO, "callbackUrl": server.url})
    callback_of(service.client, job_id, "delivered")
    assert (len(server.got), proxy.got) == (1, [])


def test_a_master_that_is_killed_loses_none(make_service, receiver):
    go = threading.Event()
    server = receiver(lambda handler: go.wait(60), 200)
    service = make_service(languages=("python",), **{**SETTINGS, "callback_timeout_ms": 1000})
    job_id = service.client.submit({**HELLO, "callbackUrl": server.url})
    server.wait()
    service.master.signal(9)
    service.master.wait()
    service.start_master()
    callback = callback_of(service.client, job_id, "delivered")
    assert callback["attempts"] == 2
    assert len({headers["x-sentinel-delivery"] for _, headers, _, _ in server.got}) == 1
    go.set()


def test_a_job_outlives_its_result_for_its_callback(make_service, receiver):
    server = receiver(500, 500, 500, 200)
    service = make_service(languages=("python",), result_ttl_s=1, **{**SETTINGS, "callback_pause_ms": 500})
    service.client.submit({**HELLO, "callbackUrl": server.url})
    server.wait(4)
    wait_until(lambda: service.redis_command("ZCARD", "sentinel:{python}:callbacks") == ":0", "none is due any more")
    wait_until(lambda: service.redis_command("EXISTS", "sentinel:{python}:callbacks") == ":0", "nothing is left of them")


def test_redis_keeps_what_is_due(make_service, receiver):
    server = receiver(500, 200)
    service = make_service(languages=("python",), **{**SETTINGS, "callback_pause_ms": 1500})
    job_id = service.client.submit({**HELLO, "callbackUrl": server.url})
    server.wait()
    wait_until(lambda: service.client.job(job_id)["callback"]["httpStatus"] == 500, "the first attempt is stored")
    service.redis.signal(9)
    service.redis.wait()
    service.redis.start()
    wait_until(service.ready, "Redis is back")
    assert callback_of(service.client, job_id, "delivered")["attempts"] == 2


@pytest.mark.security
@pytest.mark.parametrize("url", ["", "ftp://example.org/", "example.org", "http://", "https:///x", "http://a b/", "http://ü/",
                                 "http://user:secret@example.org/", "http://example.org/" + "x" * 2048, 7, None,
                                 "javascript:alert(1)", "http://a\nb/"])
def test_urls_are_checked(calling, url):
    check_error(calling.post("/execute", {**HELLO, "callbackUrl": url}), 422, "invalid_request", "callbackUrl")


def test_off_without_a_secret(client):
    error = check_error(client.post("/execute", {**HELLO, "callbackUrl": "https://example.org/"}), 422, "invalid_request",
                        "callbackUrl")
    assert "callback-secret" in error["message"]


@pytest.mark.parametrize("setting", [{"callback_secret": "short"}, {"callback_secret": SECRET, "callback_allow": "localhost"}])
def test_settings_are_checked(make_service, setting):
    service = make_service()
    service.master.stop()
    service.settings.update(setting)
    with pytest.raises(AssertionError, match="callback-secret must|localhost"):
        service.start_master()
    service.master.may_die = True
