"""The contract and the pages as the master serves them."""

import gzip
import json

import pytest
import yaml

import contract


@pytest.mark.parametrize("path,read", [("/openapi.json", json.loads), ("/openapi.yaml", yaml.safe_load)])
def test_contract_is_served(client, path, read):
    response = client.get(path)
    assert response.status_code == 200 and read(response.content) == contract.document()
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("accept,packed", [
    (None, False), ("", False), ("identity", False), ("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False),
    ("gzip; q=0.000", False), ("deflate, br", False), ("x-gzip-not", False)])
def test_packed_for_those_who_take_it(client, accept, packed):
    response = client.get("/openapi.yaml", headers={"Accept-Encoding": accept}, stream=True)
    data = response.raw.read(decode_content=False)
    assert response.headers.get("Content-Encoding") == ("gzip" if packed else None)
    assert (gzip.decompress(data) if packed else data) == contract.FILE.read_bytes()
    assert response.headers["Vary"].lower() == "accept-encoding"


def test_asked_again_it_is_not_sent_again(client):
    first = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert client.get("/openapi.json", headers={"If-None-Match": '"other"'}).status_code == 200
