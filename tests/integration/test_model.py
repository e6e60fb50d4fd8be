"""Random operations on the scripts, step by step against a model of what the protocol promises."""
import random

import pytest

BASE = "sentinel:{m}"
MAX_ATTEMPTS = 3
FINAL = {"completed", "failed", "cancelled", "expired"}


class Model:
    """What must be true. `lists` has the ids of queued jobs alone; Redis' lists may hold stubs besides."""

    def __init__(self, run, admin, rng):
        self.run, self.admin, self.rng = run, admin, rng
        self.jobs, self.lists, self.clock = {}, {"queue:high": [], "queue": []}, 0

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
        job_id, priority = f"m-{len(self.jobs)}", self.rng.random() < 0.3
        reply = self.run("enqueue", BASE, job_id, "", "{}", 1, 2, int(priority), 0, 10**9, 10**9, "", "")
        assert reply[:2] == ["enqueued", job_id]
        self.jobs[job_id] = dict(state="queued", priority=priority, token=None, tokens=[], attempts=0, cancel=False,
                                 stale=False)
        self.list_of(job_id).append(job_id)

    def drop_stale(self, ids):
        """Takes stale heads off, as whoever comes to them does."""
        while ids and self.jobs[ids[0]]["stale"]:
            self.jobs[ids.pop(0)].update(state="expired", token=None)

    def claim(self):
        want = None
        for ids in self.lists.values():
            self.drop_stale(ids)
            if ids:
                want = ids.pop(0)
                break
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
            self.list_of(job_id).insert(0, job_id)
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
            self.list_of(job_id).remove(job_id)
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
        before = sum(map(len, self.lists.values()))
        for ids in self.lists.values():
            self.drop_stale(ids)
        expired = before - sum(map(len, self.lists.values()))
        assert reply == [outcomes.count("queued"), outcomes.count("failed"), outcomes.count("cancelled"), expired]

    # ---- what holds after every step

    def check(self):
        queued = sum(map(len, self.lists.values()))
        running = {i for i, job in self.jobs.items() if job["state"] == "running"}
        assert set(self.admin.zrange(f"{BASE}:lease", 0, -1)) == running
        row = self.run("load", ["sentinel:executors", BASE], 6000)[1][0]
        finals = [sum(job["state"] == state for job in self.jobs.values())
                  for state in ("completed", "failed", "cancelled", "expired")]
        assert row == [queued, len(running), *finals]
        assert self.admin.llen(f"{BASE}:wake") <= 256

    def check_stored(self):
        for name, ids in self.lists.items():
            listed = [i for i in self.admin.lrange(f"{BASE}:{name}", 0, -1) if self.jobs[i]["state"] == "queued"]
            assert listed == ids, "each queued job stands in its list once, in order"
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
    assert left <= {":stats", ":dead", ":recent"}, "no list, lease or token is left over"
