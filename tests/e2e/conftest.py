"""Fixtures: `client` talks to one service that all tests share; `make_service` starts private ones for tests that kill
things or want other settings. With SENTINEL_URL set the shared one is a service that runs already, and tests which
need a private one are skipped."""

import os
import signal

import pytest

import service as harness
from client import Client
from programs import matrix

URL = os.environ.get("SENTINEL_URL")
ESTATE, LOG_SIZES = pytest.StashKey(), pytest.StashKey()


def pytest_configure(config):
    config.addinivalue_line("markers", "security: those who mean harm, and what is kept from them (./dev test security)")


class Estate:
    """All services of this session, and what must be true when they are gone."""

    def __init__(self):
        harness.adopt_orphans()
        self.cgroups = harness.Cgroups()
        self.services = []

    def start(self, languages=(), slots=2, **settings):
        service = harness.Service(self.cgroups, **settings)
        self.services.append(service)
        try:
            service.start(languages, slots)
        except BaseException:
            for child in service.children:
                child.kill_group()
            raise
        return service

    def check_nothing_left(self):
        """Only when every service is closed: then no process of a box and no cgroup may be left. What is goes."""
        try:
            harness.wait_until(lambda: not harness.orphans(self.services), "no process is left behind", 30)
            left = self.cgroups.leftovers()
            assert not left, f"cgroups left behind: {left}"
        finally:
            for pid in harness.orphans(self.services):
                os.kill(pid, signal.SIGKILL)
            harness.wait_until(lambda: not harness.orphans(self.services), "leftovers are killed")
            self.cgroups.remove()


@pytest.fixture(scope="session")
def estate(request):
    estate = request.config.stash[ESTATE] = Estate()
    yield estate
    estate.check_nothing_left()
    for service in estate.services:
        service.remove()


@pytest.fixture(scope="session")
def shared(request):
    """The service that all tests share; None when it is one that ran already."""
    if URL:
        yield None
        return
    estate = request.getfixturevalue("estate")
    service = estate.start(languages=matrix.languages())
    yield service
    dead = [child.name for child in service.children if not child.alive()]
    problems = service.close()
    assert not problems, "\n".join(problems)
    assert not dead, f"died before the end: {dead}"


@pytest.fixture(scope="session")
def client(shared):
    client = shared.client if shared else Client(URL)
    yield client
    if not shared:
        client.close()


@pytest.fixture
def make_service(request):
    """make_service(languages=("python",), slots=1, lease_ms=500, …) → a Service of the test's own."""
    if URL:
        pytest.skip("needs a service of its own, and SENTINEL_URL names one that others use")
    estate = request.getfixturevalue("estate")
    started = []

    def start(**settings):
        started.append(estate.start(**settings))
        return started[-1]

    yield start
    problems = [problem for service in started for problem in service.close()]
    assert not problems, "\n".join(problems)


def children(item):
    estate = item.config.stash.get(ESTATE, None)
    return [child for service in estate.services for child in service.children] if estate else []


def pytest_runtest_setup(item):
    item.stash[LOG_SIZES] = {child.log: child.log.stat().st_size for child in children(item)}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure shows what the children logged since the test began."""
    outcome = yield
    report = outcome.get_result()
    for child in children(item) if report.failed else []:
        text = child.log_text(item.stash[LOG_SIZES].get(child.log, 0))
        if text.strip():
            report.sections.append((f"log of {child.name}", text[-4000:]))
