"""The code policy over HTTP: what a client is told when its code is refused, or only noticed."""

import pytest

from client import check_error

pytestmark = pytest.mark.security

HOSTILE = {"language": "python", "code": "print(1)\nimport subprocess\n"}


def test_block_refuses_and_says_where(make_service):
    client = make_service(code_policy="block").client
    refused = check_error(client.post("/execute", HOSTILE), 422, "policy_violation", "files[0].content")
    assert refused["message"].startswith("line 2, column 1: import of "), refused
    assert client.submit({"language": "python", "code": "print(1)"})
    batch = client.post("/execute/batch", {"submissions": [HOSTILE, {"language": "python", "code": "print(1)"}]}).json()
    assert batch["accepted"] == 1, batch
    v1 = client.post("/api/v1/execute", {"language": "python", "code": HOSTILE["code"], "test_cases": [
        {"input": "", "expected_output": "1"}]})
    check_error(v1, 422, "policy_violation", "files[0].content")


def test_warn_lets_through_and_says_it_in_a_header(make_service):
    client = make_service(code_policy="off,python=warn").client
    warned = client.post("/execute", HOSTILE)
    assert warned.status_code == 202 and warned.headers["Sentinel-Policy"].startswith("line 2, column 1: import of ")
    assert "Sentinel-Policy" not in client.post("/execute", {"language": "python", "code": "print(1)"}).headers
    assert "Sentinel-Policy" not in client.post("/execute", {"language": "c", "code": "asm"}).headers


@pytest.mark.parametrize("code", ["import os", "eval('1')"])
def test_it_is_off_unless_set(client, code):
    answer = client.post("/execute", {"language": "python", "code": code})
    assert answer.status_code == 202 and "Sentinel-Policy" not in answer.headers
