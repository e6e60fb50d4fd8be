"""Rate limits: per address and per key, one limit over all masters, and no way around it by headers. Buckets refill so
slowly here (one request a minute) that no test depends on how long it takes."""

import signal
import time

import pytest
import redis
import requests

import service as harness
from client import Client, Raw, check_error
from keys import Keys
from service import wait_until

pytestmark = pytest.mark.security

PATH = "/job/python-00000000-0000-4000-8000-000000000000"  # a cheap call that is limited


def count(client, tries, path=PATH, **more):
    """How many of `tries` calls came through."""
    return sum(client.get(path, **more).status_code != 429 for _ in range(tries))


def forwarded(*addresses):
    return {"X-Forwarded-For": ", ".join(addresses)}


@pytest.fixture
def limited(make_service):
    """make(burst, **settings): a service whose addresses have `burst` requests."""
    return lambda burst, **more: make_service(**{"rate_ip": 1, "rate_ip_burst": burst, **more})


def test_an_address_has_its_requests_and_no_more(limited):
    service = limited(5)
    last = None
    for left in (4, 3, 2, 1, 0):
        last = service.client.get(PATH)
        assert last.status_code == 404
        assert last.headers["RateLimit-Limit"] == "5" and last.headers["RateLimit-Remaining"] == str(left)
        assert 0 < int(last.headers["RateLimit-Reset"]) <= 60 * (5 - left)
    for _ in range(3):
        refused = service.client.get(PATH)
        check_error(refused, 429, "rate_limited")
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert refused.headers["RateLimit-Remaining"] == "0" and int(refused.headers["RateLimit-Reset"]) <= 300
    for path in ("/livez", "/readyz"):
        assert service.client.get(path).status_code == 200, "probes are not limited"


def test_two_masters_enforce_one_limit(limited):
    service = limited(10)
    first = service.client
    service.port = harness.free_port()
    service.client = Client(f"http://127.0.0.1:{service.port}")
    service.start_master()
    assert count(first, 6) + count(service.client, 8) == 10
    assert count(first, 3) + count(service.client, 3) == 0


def test_requests_come_back(make_service):
    service = make_service(rate_ip=60000, rate_ip_burst=1)  # one a millisecond
    assert wait_until(lambda: count(service.client, 2) and count(service.client, 1), "there is another request")


def test_the_header_of_a_stranger_changes_nothing(limited):
    service = limited(4)
    assert sum(count(service.client, 1, headers=forwarded(f"198.51.100.{i}")) for i in range(12)) == 4


def test_behind_a_trusted_proxy_each_client_has_its_own(limited):
    service = limited(3, trusted_proxies="127.0.0.0/8, 10.0.0.0/8")
    for client in ("198.51.100.1", "198.51.100.2", "2001:db8:1::1"):
        assert count(service.client, 6, headers=forwarded(client)) == 3, client
    assert count(service.client, 6, headers=forwarded("2001:db8:1::2")) == 0, "one network of 64 bits is one client"
    assert sum(count(service.client, 1, headers=forwarded(f"203.0.113.{i}", "198.51.100.9")) for i in range(6)) == 3, \
        "what stands left of the proxy's word does not count"
    headers = [("X-Forwarded-For", "203.0.113.77"), ("X-Forwarded-For", "198.51.100.9, 10.0.0.7")]
    assert raw_status(service, headers) == 429, "nor what stands in a header before"


def raw_status(service, headers):
    with Raw(service.client) as raw:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        raw.send(f"GET {PATH} HTTP/1.1\r\nHost: {raw.host}\r\n{lines}\r\n")
        return raw.response()[0]


def test_a_batch_counts_as_what_is_in_it(limited):
    service = limited(10, rate_ip=60)
    submission = {"language": "python", "code": "print(1)"}
    answer = service.client.post("/execute/batch", {"submissions": [submission] * 100})
    assert answer.status_code == 202 and answer.json()["accepted"] == 100, "one is left, so all may go"
    refused = service.client.get(PATH)
    check_error(refused, 429, "rate_limited")
    assert 60 < int(refused.headers["Retry-After"]) <= 91, "and the other ninety must be waited for"


def test_a_thousand_addresses_with_one_key_share_its_limit(make_service, tmp_path):
    keys = Keys(tmp_path / "keys")
    alice, bob = keys.add("alice"), keys.add("bob")
    service = make_service(keys_file=keys.path, rate_key=1, rate_key_burst=50, trusted_proxies="127.0.0.1", token=alice)
    started = time.monotonic()
    passed = sum(count(service.client, 1, headers=forwarded(f"10.{i // 250}.0.{i % 250 + 1}")) for i in range(1000))
    assert 50 <= passed <= 50 + (time.monotonic() - started) / 60 + 1, "one comes back each minute"
    assert Client(service.client.url, bob).get(PATH).status_code == 404, "another key has its own"


def test_who_tries_keys_is_slowed_down(limited, tmp_path):
    keys = Keys(tmp_path / "keys")
    alice = keys.add("alice")
    service = limited(5, keys_file=keys.path)
    answers = [service.client.get(PATH, headers={"X-Auth-Token": f"guess-{i}"}).status_code for i in range(8)]
    assert answers == [401] * 5 + [429] * 3
    assert service.client.get(PATH, headers={"X-Auth-Token": alice}).status_code == 429, "it is the address's limit"


def looks_at_buckets(service):
    """How often Redis has looked at a bucket: nothing else that runs here uses GET."""
    with redis.Redis(unix_socket_path=str(service.redis_socket)) as connection:
        return connection.info("commandstats")["cmdstat_get"]["calls"]


def test_a_flood_does_not_reach_redis(limited):
    service = limited(2)
    assert count(service.client, 3) == 2
    before = looks_at_buckets(service)
    assert count(service.client, 200) == 0
    assert looks_at_buckets(service) == before


def test_without_redis_nobody_is_limited(limited):
    service = limited(2, trusted_proxies="127.0.0.1")
    service.redis.signal(signal.SIGKILL)
    service.redis.wait()
    wait_until(lambda: service.client.answers("/readyz") == 503, "the master knows")
    answers = [service.client.get(PATH, headers=forwarded("198.51.100.1")).status_code for _ in range(5)]
    assert answers == [503] * 5, "nothing is accepted, so nothing needs a limit"


# ---- pages of other origins

def preflight(service, origin, method="POST"):
    return requests.options(service.client.url + "/execute", timeout=30, headers={
        "Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "content-type"})


def test_origins_in_the_list_may_call(make_service):
    service = make_service(cors_origins="https://app.example, http://localhost:3000")
    for origin in ("https://app.example", "http://localhost:3000"):
        answer = preflight(service, origin)
        assert answer.status_code == 204 and not answer.content
        assert answer.headers["Access-Control-Allow-Origin"] == origin and answer.headers["Vary"] == "Origin"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        seen = service.client.get("/languages", headers={"Origin": origin})
        assert seen.headers["Access-Control-Allow-Origin"] == origin
        assert "Location" in seen.headers["Access-Control-Expose-Headers"]
    for origin in ("https://app.example.evil", "https://app.exampl", "null", "http://app.example"):
        assert preflight(service, origin).status_code == 405
        assert "Access-Control-Allow-Origin" not in service.client.get("/languages", headers={"Origin": origin}).headers
    refused = service.client.post("/execute", {}, headers={"Origin": "https://app.example"})
    assert refused.status_code == 422 and refused.headers["Access-Control-Allow-Origin"] == "https://app.example"


def test_without_a_list_no_other_origin_may(client):
    seen = client.get("/languages", headers={"Origin": "https://app.example"})
    assert not [name for name in seen.headers if name.lower().startswith("access-control-")]
