"""HTTP to a Sentinel: requests for what is well-formed, raw sockets for what is not."""

import re
import socket
import time
from urllib.parse import urlsplit

import requests

import contract
from scale import SCALE

FINAL = {"completed", "failed", "cancelled", "expired"}
SENT_KEPT = 65536  # bytes, of what a raw connection sent: enough to know its requests by
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Client:
    def __init__(self, url, token=None):
        self.url = url.rstrip("/")
        self.session = requests.Session()
        self.token = token
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def close(self):
        self.session.close()

    def another(self):
        """A client with connections of its own, for another thread."""
        return Client(self.url, self.token)

    def request(self, method, path, **more):
        more.setdefault("timeout", 90 * SCALE)
        more.setdefault("allow_redirects", False)
        response = self.session.request(method, self.url + path, **more)
        contract.check_response(response, more.get("stream", False))
        return response

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, json=None, **more):
        return self.request("POST", path, json=json, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    def answers(self, path):
        """The status, or None when nobody answers."""
        try:
            return requests.get(self.url + path, timeout=5 * SCALE).status_code
        except requests.RequestException:
            return None

    def submit(self, submission, **more):
        """Posts it and returns the job's id."""
        response = self.post("/execute", submission, **more)
        assert response.status_code == 202, response.text[:2000]
        return response.json()["id"]

    def job(self, job_id, wait=None):
        response = self.get(f"/job/{job_id}" + (f"?wait={wait}" if wait else ""))
        assert response.status_code == 200, response.text[:2000]
        return response.json()

    def finish(self, job_id, seconds=90):
        """The job once it has come to an end, whatever end."""
        deadline = time.monotonic() + seconds * SCALE
        while True:
            job = self.job(job_id, wait=20)
            if job["status"] in FINAL:
                return job
            assert time.monotonic() < deadline, f"{job_id} is still {job['status']} after {seconds} s"

    def run(self, submission, seconds=90):
        """Submits it and returns the finished, completed job."""
        job = self.finish(self.submit(submission), seconds)
        assert job["status"] == "completed", job
        return job

    def python(self, code, **more):
        return self.run({"language": "python", "code": code, **more})


class Raw:
    """One TCP connection to the server, for requests that no library would send."""

    def __init__(self, client, timeout=20):
        parts = urlsplit(client.url)
        self.host = parts.netloc
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=timeout)
        self.reader = self.socket.makefile("rb")
        self.sent = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.reader.close()
        self.socket.close()

    def send(self, data):
        """Sends what the other side takes: a server that answered early may have closed."""
        data = data.encode() if isinstance(data, str) else data
        self.sent = (self.sent + data[:SENT_KEPT])[-4 * SENT_KEPT:]
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def end(self):
        """Says that nothing more will be sent."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side has closed already

    def response(self):
        """(status, headers, body) of the next response; None when the connection ended instead."""
        try:
            response = self._response()
        except ConnectionResetError:
            return None
        if response:
            contract.check_raw(self.sent, response)
        return response

    def _response(self):
        line = self.reader.readline()
        if not line:
            return None
        headers = {}
        for raw in iter(self.reader.readline, b"\r\n"):
            if not raw:
                return None
            name, value = raw.decode("latin-1").split(":", 1)
            headers[name.strip().lower()] = value.strip()
        return int(line.split()[1]), headers, self._body(headers)

    def _body(self, headers):
        if headers.get("transfer-encoding") != "chunked":
            return self.reader.read(int(headers.get("content-length", 0)))
        body = b""
        while True:
            size = int(self.reader.readline().split(b";")[0], 16)
            body += self.reader.read(size)
            self.reader.readline()
            if size == 0:
                return body

    def get(self, path):
        self.send(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n")
        return self.response()


def check_error(response, status, code=None, field=None):
    """Asserts the one error shape. field None: the error is about no field."""
    assert response.status_code == status, (response.status_code, response.text[:1000])
    assert response.headers["Content-Type"].startswith("application/json")
    body = response.json()
    assert set(body) == {"error"}, body
    error = body["error"]
    assert set(error) == {"code", "message", "field"}, error
    assert isinstance(error["message"], str) and error["message"], error
    if code:
        assert error["code"] == code, error
    assert error["field"] == field, error
    return error


def check_timestamp(text):
    assert isinstance(text, str) and TIMESTAMP.fullmatch(text), text
