"""Redis with users and passwords as `./dev secret` makes them, the master and an executor of each language in containers
that are the manifests' pods."""

import os
import socket
import subprocess

import pytest

import pods
import secret
from client import Client
from pods import Pod, manifests
from programs import matrix
from service import free_port, wait_until

LANGUAGES = os.environ["SENTINEL_TEST_LANGUAGES"].split(",")


class Cluster:
    def __init__(self, folder):
        self.folder, self.pods = folder, []
        self.redis_port, self.port = free_port(), free_port()
        items, _ = secret.make("runner-dev", f"127.0.0.1:{self.redis_port}", in_cluster=True)
        self.secrets = {item["metadata"]["name"]: item["stringData"] for item in items}
        key, line = secret.api_key("tests", "admin")
        self.secrets["sentinel-keys"]["keys"] += line + "\n"
        self.client = Client(f"http://127.0.0.1:{self.port}", key)
        self.redis = None

    def start_redis(self):
        """With the component's own settings but for paths and port."""
        (self.folder / "users.acl").write_text(self.secrets["sentinel-redis-acl"]["users.acl"])
        conf = (pods.ROOT / "k8s/components/redis/redis.conf").read_text()
        conf = conf.replace("dir /data", f"dir {self.folder}").replace("/etc/redis-acl", str(self.folder))
        (self.folder / "redis.conf").write_text(f"{conf}\nport {self.redis_port}\nbind 127.0.0.1\n")
        with (self.folder / "redis.log").open("w") as log:
            self.redis = subprocess.Popen(["redis-server", self.folder / "redis.conf"], stdout=log, stderr=log)

        def listens():
            assert self.redis.poll() is None, (self.folder / "redis.log").read_text()[-3000:]
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.redis_port)) == 0
        wait_until(listens, "redis-server listens")

    def start_master(self):
        self.pods.append(Pod("Deployment/sentinel-master", manifests.overlay("dev"), self.secrets, self.folder, port=self.port,
                             grpc_port=0))
        self._until(self.pods[-1], lambda: self.client.answers("/readyz") == 200, "the master is ready")
        return self.pods[-1]

    def start_executor(self, language, objects=None, **settings):
        """Ready as a kubelet would see it; in the host's network each needs a port of its own."""
        port = free_port()
        pod = Pod(f"Deployment/sentinel-executor-{language}", objects or manifests.overlay("dev"), self.secrets, self.folder,
                  metrics_port=port, **settings)
        self.pods.append(pod)
        probe = Client(f"http://127.0.0.1:{port}")
        self._until(pod, lambda: probe.answers("/readyz") == 200 and pod.name in self.alive(), f"{pod.name} serves")
        return pod

    def alive(self):
        """Executor's name → its row in /load."""
        return {row["containerId"]: row for row in self.client.get("/load").json()["containers"]}

    def _until(self, pod, condition, what):
        def look():
            assert pod.running(), f"{pod.name} ended:\n{pod.log()[-3000:]}"
            return condition()
        try:
            wait_until(look, what, 60)
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{pod.log()[-3000:]}") from None

    def end(self, pod):
        self.pods.remove(pod)
        pod.remove()

    def close(self):
        for pod in list(self.pods):
            self.end(pod)
        if self.redis:
            self.redis.terminate()
            self.redis.wait()
        self.client.close()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start_redis()
        cluster.start_master()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="session")
def executors(cluster):
    return {language: cluster.start_executor(language) for language in LANGUAGES}


@pytest.fixture
def client(cluster, executors):
    return cluster.client


def pytest_collection_modifyitems(config, items):
    """The matrix of tests/e2e has every language; the images that were built may be fewer."""
    left = [item for item in items if getattr(item, "callspec", None) and "language" in item.callspec.params
            and item.callspec.params["language"] not in LANGUAGES]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]
    assert set(LANGUAGES) <= set(matrix.languages())
