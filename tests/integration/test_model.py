"""Random operations on the scripts, step by step against a model of what the protocol promises."""
import random

import pytest

BASE = "sentinel:{m}"
MAX_ATTEMPTS = 3
FINAL = {"completed", "failed", "cancelled", "expired"}


class Line(dict):
    """Of one list: owner → the ids of its queued jobs, the owner whose turn it is first. A job's place in its line is its
    number."""

    def ids(self):
        return [job_id for line in self.values() for job_id in line]

    def append(self, owner, job_id):
        self.setdefault(owner, []).append(job_id)

    def give_back(self, owner, job_id):
        line = sorted([job_id, *self.pop(owner, [])], key=number)
        others = dict(self)
        self.clear()
        self.update({owner: line, **others})

    def remove(self, owner, job_id):
        self[owner].remove(job_id)
        if not self[owner]:
            del self[owner]

    def served(self, owner):
        """It goes behind the others, if it has more."""
        if owner in self:
            self[owner] = self.pop(owner)


def number(job_id):
    return int(job_id.split("-")[1])


class Model:
    """What must be true. `lists` has the ids of queued jobs alone; Redis' lists may hold stubs besides."""

    def __init__(self, run, admin, rng):
        self.run, self.admin, self.rng = run, admin, rng
        self.jobs, self.lists, self.clock = {}, {"queue:high": Line(), "queue": Line()}, 0

    def pick(self, *states):
        ids = [i for i, job in self.jobs.items() if job["state"] in states]
        return self.rng.choice(ids) if ids else None

    def list_of(self, job_id):
        return self.lists["queue:high" if self.jobs[job_id]["priority"] else "queue"]

    def token_for(self, job_id):
        """The right token, mostly; else one that it had before, or a forged one."""
        job = self.jobs[job_id]
        right = job["token"] and self.rng.random() < 0.8
        return job["token"] if right else self.rng.choice([*job["tokens"], "f" * 32])

    # ---- operations: what the script answers must be what the model expects

    def enqueue(self):
        job_id, priority, owner = f"m-{len(self.jobs)}", self.rng.random() < 0.3, self.rng.choice(["", "a", "b", "c"])
        reply = self.run("enqueue", BASE, job_id, owner, "{}", 1, 2, int(priority), 0, 10**9, 10**9, "", "")
        assert reply[:2] == ["enqueued", job_id]
        self.jobs[job_id] = dict(state="queued", priority=priority, owner=owner, token=None, tokens=[], attempts=0,
                                 cancel=False, stale=False)
        self.list_of(job_id).append(owner, job_id)

    def drop_stale(self, lines, owner):
        """Takes stale heads off, as whoever comes to them does; the job that is at the head then."""
        while owner in lines:
            head = lines[owner][0]
            if not self.jobs[head]["stale"]:
                return head
            lines.remove(owner, head)
            self.jobs[head].update(state="expired", token=None)

    def next_of(self, lines):
        for owner in list(lines):
            want = self.drop_stale(lines, owner)
            if want:
                lines.remove(owner, want)
                lines.served(owner)
                return want

    def claim(self):
        want = None
        for lines in self.lists.values():
            want = want or self.next_of(lines)
        token = f"{self.rng.getrandbits(128):032x}"
        reply = self.run("claim", BASE, "executor", token, 10**9, 1)
        assert (reply and reply[0]) == want
        if want:
            job = self.jobs[want]
            job.update(state="running", token=token, attempts=job["attempts"] + 1)
            job["tokens"].append(token)
            assert reply[3] == job["attempts"]

    def held_state(self, job_id, token):
        job = self.jobs[job_id]
        if job["state"] != "running" or token != job["token"]:
            return "lost"
        return "cancelled" if job["cancel"] else "kept"

    def renew(self):
        ids = [self.pick("queued", "running", *FINAL) for _ in range(3)]
        held = [(i, self.token_for(i)) for i in ids if i]
        reply = self.run("renew", BASE, 10**9, *[word for pair in held for word in pair])
        assert reply == [self.held_state(*pair) for pair in held]

    def complete(self):
        job_id = self.pick("running") if self.rng.random() < 0.8 else self.pick(*FINAL, "queued", "running")
        if not job_id:
            return
        token, job = self.token_for(job_id), self.jobs[job_id]
        reply = self.run("complete", BASE, job_id, token, "completed", "accepted", token, "")
        assert reply == ("kept" if token == job["token"] else "lost")
        if reply == "kept" and job["state"] == "running":
            job.update(state="completed", result=token)

    def give_back(self, job_id):
        job = self.jobs[job_id]
        job["token"] = None
        if job["cancel"]:
            job["state"] = "cancelled"
        elif job["attempts"] >= MAX_ATTEMPTS:
            job["state"] = "failed"
        else:
            job["state"] = "queued"
            self.list_of(job_id).give_back(job["owner"], job_id)
        return job["state"]

    def requeue(self):
        job_id = self.pick("running", "queued")
        if not job_id:
            return
        token, counts = self.token_for(job_id), self.rng.random() < 0.5
        lost = self.held_state(job_id, token) == "lost"
        reply = self.run("requeue", BASE, job_id, token, int(counts), MAX_ATTEMPTS, "the box broke")
        if not lost:
            self.jobs[job_id]["attempts"] -= not counts
        assert reply == ("lost" if lost else self.give_back(job_id))

    def cancel(self):
        job_id = self.pick("queued", "running", *FINAL)
        if not job_id:
            return
        job = self.jobs[job_id]
        want = {"queued": "cancelled", "running": "requested"}.get(job["state"], "finished")
        assert self.run("cancel", BASE, job_id, 1, "") == want
        if want == "cancelled":
            job.update(state="cancelled", token=None)
            self.list_of(job_id).remove(job["owner"], job_id)
        elif want == "requested":
            job["cancel"] = True

    def reap(self):
        """Lets some leases run out, and some queued jobs get stale, before it."""
        due = [i for i, job in self.jobs.items() if job["state"] == "running" and self.rng.random() < 0.3]
        self.rng.shuffle(due)
        for score, job_id in enumerate(due):
            self.admin.zadd(f"{BASE}:lease", {job_id: score})
        old = self.pick("queued") if self.rng.random() < 0.5 else None
        if old:
            self.jobs[old]["stale"] = True
            self.admin.hset(f"{BASE}:job:{old}", "queued", 0)
        reply = self.run("reap", BASE, 0, MAX_ATTEMPTS)
        outcomes = [self.give_back(job_id) for job_id in reversed(due)]
        before = self.queued()
        for lines in self.lists.values():
            for owner in list(lines):
                self.drop_stale(lines, owner)
        expired = before - self.queued()
        assert reply == [outcomes.count("queued"), outcomes.count("failed"), outcomes.count("cancelled"), expired]

    # ---- what holds after every step

    def queued(self):
        return sum(len(lines.ids()) for lines in self.lists.values())

    def check(self):
        queued = self.queued()
        running = {i for i, job in self.jobs.items() if job["state"] == "running"}
        assert set(self.admin.zrange(f"{BASE}:lease", 0, -1)) == running
        row = self.run("load", ["sentinel:executors", BASE], 6000)[1][0]
        finals = [sum(job["state"] == state for job in self.jobs.values())
                  for state in ("completed", "failed", "cancelled", "expired")]
        assert row == [queued, len(running), *finals]
        assert self.admin.llen(f"{BASE}:wake") <= 256

    def check_stored(self):
        for name, lines in self.lists.items():
            owners = self.admin.zrange(f"{BASE}:{name}:owners", 0, -1)
            assert owners == list(lines)
            assert [self.admin.zrange(f"{BASE}:{name}:of:{owner}", 0, -1) for owner in owners] == list(lines.values())
            stubs = int(self.admin.hget(f"{BASE}:stats", "stubs" + name.removeprefix("queue")) or 0)
            assert self.admin.llen(f"{BASE}:{name}") - stubs == len(lines.ids()), "what KEDA counts"
        for job_id, job in self.jobs.items():
            stored = self.admin.hgetall(f"{BASE}:job:{job_id}")
            assert (stored["state"], int(stored["attempts"])) == (job["state"], job["attempts"])
            assert stored.get("result") == job.get("result")
            assert self.admin.pttl(f"{BASE}:job:{job_id}") > 0, "nothing stays for ever"

    def drain(self):
        for _ in range(len(self.jobs) * (MAX_ATTEMPTS + 1)):
            self.claim()
            for job_id in [i for i, job in self.jobs.items() if job["state"] == "running"]:
                token = self.jobs[job_id]["token"]
                assert self.run("complete", BASE, job_id, token, "completed", "accepted", token, "") == "kept"
                self.jobs[job_id].update(state="completed", result=token)


@pytest.mark.parametrize("seed", range(4))
def test_random_operations(run, admin, seed):
    model = Model(run, admin, random.Random(seed))
    steps = [model.enqueue] * 5 + [model.claim] * 5 + [model.complete] * 3 + [model.requeue] * 2 + [
        model.cancel, model.renew, model.reap]
    for step in range(600):
        model.rng.choice(steps)()
        model.check()
        if step % 50 == 0:
            model.check_stored()
    seen = {job["state"] for job in model.jobs.values()}
    assert FINAL <= seen, "the run went through every final state"
    model.drain()
    model.check()
    model.check_stored()
    assert all(job["state"] in FINAL for job in model.jobs.values())
    left = {key.removeprefix(BASE) for key in admin.scan_iter(f"{BASE}:*") if ":job:" not in key and ":minute:" not in key}
    assert {key for key in left if not key.startswith(":recent")} <= {":stats", ":dead"}, "no list, lease or token is left over"
