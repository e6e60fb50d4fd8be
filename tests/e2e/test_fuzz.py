"""Thousands of requests made from the contract: whatever comes, the answer is one that the contract has, and no crash, no
leak, no 5xx. The requests are the same in every run; SENTINEL_TEST_REQUESTS says how many."""

import http.client
import json
import os
from urllib.parse import urlsplit

import hypothesis
import pytest
from hypothesis import strategies as st

import contract
from requests_from_contract import requests

pytestmark = pytest.mark.security

REQUESTS = int(os.environ.get("SENTINEL_TEST_REQUESTS", "2000"))
EACH = 20  # requests over one connection


class Sender:
    """One connection at a time; what it hears is held to the contract."""

    def __init__(self, url):
        self.address = urlsplit(url)
        self.connection, self.jobs, self.statuses = None, [], {}

    def send(self, method, target, headers, body):
        if not self.connection:
            self.connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=120)
        self.connection.request(method, target, body, headers)
        response = self.connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        endless = headers.get("content-type", "").startswith("text/event-stream")
        data = None if endless else response.read()
        if endless or response.will_close:
            self.close()
        status = response.status
        self.statuses[status] = self.statuses.get(status, 0) + 1
        contract.check(method, target.split("?")[0], status, headers, data)
        assert status < 500 or status == 504, (status, data)  # 504: a job that did not end within the wait
        self.learn(status, data)

    def learn(self, status, data):
        if status in (200, 202) and data and data.startswith(b'{"id":'):
            self.jobs[:] = [*self.jobs[-7:], json.loads(data)["id"]]

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def test_requests_made_from_the_contract(make_service):
    service = make_service(languages=("python",), slots=2, max_wait_s=5)
    sender = Sender(service.client.url)

    @hypothesis.settings(max_examples=max(1, REQUESTS // EACH), deadline=None, database=None, derandomize=True,
                         suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate])
    @hypothesis.given(st.data())
    def many(data):
        for _ in range(EACH):
            sender.send(*data.draw(requests(sender.jobs)))

    many()
    sender.close()
    assert service.master.alive() and service.client.answers("/livez") == 200
    assert sum(sender.statuses.values()) >= REQUESTS * 0.9, sender.statuses
    assert {200, 202, 400, 404, 405, 415, 422} <= set(sender.statuses), sender.statuses
