"""The contract's text against the code, and what only a raw connection can show."""
import re

import pytest
import redis
from conftest import ROOT, SCRIPTS, acl_line, connect, script_names

BASE = "sentinel:{p}"


def test_every_script_is_in_the_contract():
    table = re.search(r"^\| script \|.*?\n\n", (ROOT / "docs" / "PROTOCOL.md").read_text(), re.M | re.S).group()
    documented = re.findall(r"^\| ([a-z]+) \|", table, re.M)[1:]  # the first is the table's head
    assert sorted(documented) == script_names()


def test_acl_line_is_the_least():
    granted = {word[1:].upper() for word in acl_line().split() if word.startswith("+")}
    lua = "".join(path.read_text() for path in SCRIPTS.glob("*.lua"))
    called = set(re.findall(r"redis\.call\('([A-Z]+)'", lua))
    sources = "".join(path.read_text() for path in (ROOT / "common").glob("*.c"))
    sent = {"BLPOP", "EVALSHA", "HMGET", "INFO", "SUBSCRIBE"}
    assert all(f'"{command}"' in sources for command in sent | {"SETNAME", "LOAD"})
    assert granted == called | sent | {"CLIENT|SETNAME", "SCRIPT|LOAD"}


def test_user_is_confined(socket, admin):
    user = connect(socket, username="sentinel", password="secret")
    for command in (["GET", "other:key"], ["KEYS", "*"], ["CONFIG", "GET", "*"], ["FLUSHALL"], ["PUBLISH", "other", "x"]):
        with pytest.raises(redis.exceptions.NoPermissionError):
            user.execute_command(*command)


def enqueue(run, job_id, *, owner="", key="", body="", cap=0, priority=0, v=1, queue_ttl=10**6):
    return run("enqueue", BASE, job_id, owner, "{}", v, 1, priority, cap, queue_ttl, 10**6, key, body)


def test_owner_and_key_do_not_run_together(run, admin):
    assert enqueue(run, "p-1", owner="a", key="bc", body="1")[0] == "enqueued"
    assert enqueue(run, "p-2", owner="ab", key="c", body="2")[0] == "enqueued"
    assert enqueue(run, "p-3", owner="ab", key="c", body="2")[:2] == ["repeated", "p-2"]


def test_retry_after_follows_the_measured_rate(run, admin):
    for i in range(100):
        enqueue(run, f"p-{i}")
    seconds, _ = admin.time()
    served = 600
    admin.set(f"{BASE}:stats:minute:{seconds // 60 - 1}", served)
    outcome, _, _, retry_after = enqueue(run, "p-x", cap=100)
    # a tenth of 100 jobs, at 600 in between two and three minutes
    assert outcome == "full" and 2 <= retry_after <= 3


def claim(run):
    return run("claim", BASE, "e", "t", 10**6, 1)


def claim_all(run):
    return [job[0] for job in iter(lambda: claim(run), None)]


def waiting(run):
    return run("load", ["sentinel:executors", BASE], 6000)[1][0][0]


def test_one_batch_starves_nobody(run, admin):
    for i in range(1000):
        enqueue(run, f"p-a{i}", owner="alice")
    for i in range(10):
        enqueue(run, f"p-b{i}", owner="bob")
    assert admin.llen(f"{BASE}:queue") == 1010
    first = [claim(run)[:2] for _ in range(20)]
    assert [job for job, owner in first if owner == "bob"] == [f"p-b{i}" for i in range(10)]
    assert [job for job, owner in first if owner == "alice"] == [f"p-a{i}" for i in range(10)]
    assert admin.llen(f"{BASE}:queue") == 990 and admin.zcard(f"{BASE}:lease") == 20, "what KEDA reads"
    assert claim_all(run) == [f"p-a{i}" for i in range(10, 1000)]
    assert not list(admin.scan_iter(f"{BASE}:queue*")), "no line outlives its jobs"


def test_owners_take_turns(run, admin):
    for i in range(3):
        enqueue(run, f"p-a{i}", owner="alice")
    enqueue(run, "p-b0", owner="bob")
    assert claim(run)[0] == "p-a0"
    enqueue(run, "p-c0", owner="carol")  # behind bob, who came before, and alice, who has just been served
    enqueue(run, "p-u0", owner="alice", priority=1)
    assert claim_all(run) == ["p-u0", "p-b0", "p-a1", "p-c0", "p-a2"]


def test_who_was_served_gains_nothing_by_coming_back(run, admin):
    for i in range(4):
        enqueue(run, f"p-a{i}", owner="alice")
    served = []
    for i in range(3):
        enqueue(run, f"p-b{i}", owner="bob")
        served += [claim(run)[0], claim(run)[0]]
    assert served == ["p-a0", "p-b0", "p-a1", "p-b1", "p-a2", "p-b2"]


def test_what_is_given_back_is_served_next(run, admin):
    for owner in "abc":
        for i in range(2):
            enqueue(run, f"p-{owner}{i}", owner=owner)
    assert [claim(run)[0] for _ in range(3)] == ["p-a0", "p-b0", "p-c0"]
    for job in ("p-b0", "p-a0"):
        assert run("requeue", BASE, job, "t", 0, 3, "") == "queued"
    assert claim_all(run) == ["p-a0", "p-b0", "p-c1", "p-a1", "p-b1"], "each at its old place"


def test_cancelled_jobs_hold_nobody_up(run, admin):
    """Neither their owner, nor others, nor KEDA's count for longer than until they come to the head."""
    for i in range(5):
        enqueue(run, f"p-a{i}", owner="alice")
    enqueue(run, "p-b0", owner="bob")
    for i in (0, 1, 3):
        run("cancel", BASE, f"p-a{i}", 1, "")
    assert waiting(run) == 3
    assert [claim(run)[0] for _ in range(2)] == ["p-a2", "p-b0"]
    assert waiting(run) == 1 and admin.llen(f"{BASE}:queue") <= 2
    enqueue(run, "p-a5", owner="alice")
    assert claim_all(run) == ["p-a4", "p-a5"]
    assert not list(admin.scan_iter(f"{BASE}:queue*")) and not admin.hget(f"{BASE}:stats", "stubs")


def test_each_owner_s_old_jobs_expire(run, admin):
    for owner in "abc":
        for i in range(3):
            enqueue(run, f"p-{owner}{i}", owner=owner)
    for job in ("p-a0", "p-b0", "p-b1"):
        admin.hset(f"{BASE}:job:{job}", "queued", 0)
    assert run("reap", BASE, 0, 3) == [0, 0, 0, 3]
    assert admin.hget(f"{BASE}:job:p-b1", "state") == "expired"
    assert waiting(run) == 6
    assert claim_all(run) == ["p-a1", "p-b2", "p-c0", "p-a2", "p-c1", "p-c2"]


def test_a_newer_form_keeps_its_place_in_line(run, admin):
    enqueue(run, "p-a0", owner="alice", v=9)
    enqueue(run, "p-b0", owner="bob")
    enqueue(run, "p-a1", owner="alice")
    assert claim_all(run) == ["p-a1", "p-b0"]
    assert waiting(run) == 1
    assert run("claim", BASE, "new", "t", 10**6, 9)[0] == "p-a0"


def test_one_claim_is_bounded(run, admin):
    for i in range(1500):
        enqueue(run, f"p-{i}")
        admin.hset(f"{BASE}:job:p-{i}", "queued", 0)
    enqueue(run, "p-last")
    assert claim(run) == "again"
    assert claim(run)[0] == "p-last"


def test_a_cancelled_batch_is_no_work(run, admin):
    for i in range(1500):
        enqueue(run, f"p-{i}")
        run("cancel", BASE, f"p-{i}", 1, "")
    enqueue(run, "p-last")
    assert claim(run)[0] == "p-last"
    run("reap", BASE, 0, 3)
    assert admin.llen(f"{BASE}:queue") == 0


def test_nobody_asks_again_for_what_none_can_read(run, admin):
    for i in range(1100):
        enqueue(run, f"p-{i}", v=9)
    assert claim(run) is None and waiting(run) == 1100


def test_forgotten_hash_of_a_stub(run, admin):
    """A cancelled job's hash may end before its id comes to the head."""
    enqueue(run, "p-1")
    run("cancel", BASE, "p-1", 1, "")
    enqueue(run, "p-2")
    admin.delete(f"{BASE}:job:p-1")
    assert waiting(run) == 1
    assert claim(run)[0] == "p-2"
    assert waiting(run) == 0 and claim(run) is None


def test_forgotten_hash_of_a_waiting_job(run, admin):
    enqueue(run, "p-1")
    enqueue(run, "p-2")
    admin.delete(f"{BASE}:job:p-1")
    assert claim(run)[0] == "p-2" and waiting(run) == 0


def test_lease_of_a_job_that_is_gone(run, admin):
    admin.zadd(f"{BASE}:lease", {"p-gone": 1})
    assert run("reap", BASE, 0, 3) == [0, 0, 0, 0]
    assert not admin.exists(f"{BASE}:lease")
    assert run("renew", BASE, 1000, "p-gone", "t") == ["lost"]
    assert not admin.exists(f"{BASE}:lease")


def story(admin, job_id):
    """(event, attempts, renewals, detail) of each line."""
    lines = [line.split(" ", 4) for line in admin.hget(f"{BASE}:job:{job_id}", "trace").splitlines()]
    times = [int(line[0]) for line in lines]
    assert times == sorted(times) and times[0] > 10**12
    return [(event, int(attempts), int(renewals), detail) for _, event, attempts, renewals, detail in lines]


def test_a_job_s_story(run, admin):
    enqueue(run, "p-1")
    claim(run)
    run("requeue", BASE, "p-1", "t", 0, 3, "")
    claim(run)
    run("renew", BASE, 1000, "p-1", "t", "p-1", "wrong")
    run("renew", BASE, 0, "p-1", "t")
    run("reap", BASE, 0, 2)
    claim(run)
    run("cancel", BASE, "p-1", 1, "")
    run("cancel", BASE, "p-1", 1, "")
    run("requeue", BASE, "p-1", "t", 1, 2, "the box\nbroke")
    assert story(admin, "p-1") == [
        ("queued", 0, 0, ""), ("claimed", 1, 0, "e"), ("returned", 1, 0, "its executor was stopped"), ("claimed", 1, 0, "e"),
        ("reaped", 1, 2, "the executor that ran it was lost"), ("claimed", 2, 0, "e"), ("cancelling", 2, 0, ""),
        ("returned", 2, 0, "the box broke"), ("cancelled", 2, 0, "cancelled while it ran")]


def test_a_story_is_bounded_and_survives_a_retry(run, admin):
    enqueue(run, "p-1")
    for _ in range(100):
        claim(run)
        run("requeue", BASE, "p-1", "t", 0, 3, "x" * 5000)
    claim(run)
    run("requeue", BASE, "p-1", "t", 1, 1, "the box broke")
    run("retry", BASE, "p-1")
    events = story(admin, "p-1")
    assert events[0][0] == "queued" and events[-1] == ("queued", 0, 0, "")
    assert events[-2][0] == "failed" and events[-3] == ("returned", 1, 0, "the box broke")
    assert len(admin.hget(f"{BASE}:job:p-1", "trace")) < 4500


def give_up(run, job_id):
    enqueue(run, job_id, owner="alice")
    run("claim", BASE, "e", "t", 1000, 1)
    assert run("requeue", BASE, job_id, "t", 1, 1, "the box broke") == "failed"


def test_dead_jobs_are_listed_and_retried(run, admin):
    give_up(run, "p-1")
    give_up(run, "p-2")
    rows = run("dead", BASE)
    assert [row[:4] for row in rows] == [[i, "alice", "given up after 1 attempts: the box broke", "1"] for i in ("p-1", "p-2")]
    enqueue(run, "p-3")
    assert run("retry", BASE, "p-1") == "queued" and run("retry", BASE, "p-1") == "none"
    assert [row[0] for row in run("dead", BASE)] == ["p-2"]
    stored = admin.hgetall(f"{BASE}:job:p-1")
    assert (stored["state"], stored["attempts"]) == ("queued", "0") and not {"reason", "finished", "token"} & set(stored)
    assert admin.pttl(f"{BASE}:job:p-1") > 10**6, "it has a queued job's expiry again"
    assert run("claim", BASE, "e", "t2", 1000, 1)[0] == "p-3", "it went to the end"
    assert run("claim", BASE, "e", "t3", 1000, 1)[:4] == ["p-1", "alice", "{}", 1]
    assert run("complete", BASE, "p-1", "t", "completed", "", "late", "") == "lost"
    assert run("complete", BASE, "p-1", "t3", "completed", "", "right", "") == "kept"
    assert admin.hget(f"{BASE}:stats", "retried") == "1"


def test_what_cannot_be_retried(run, admin):
    give_up(run, "p-1")
    admin.delete(f"{BASE}:job:p-1")
    enqueue(run, "p-2")
    assert run("dead", BASE) == []
    assert [run("retry", BASE, job_id) for job_id in ("p-1", "p-2", "p-x")] == ["none"] * 3
    assert not admin.exists(f"{BASE}:dead"), "what has ended is forgotten"


def test_each_row_of_what_is_killed_names_its_test():
    text = (ROOT / "docs" / "PROTOCOL.md").read_text()
    rows = re.search(r"^\| what \| when \|.*?\n\n", text, re.M | re.S).group().strip().splitlines()[2:]
    for row in rows:
        named = re.findall(r"`((?:\w+/\w+\.(?:py|c)|…)(?:::\w+)?)`", row)
        assert named, row
        for name in named:
            path, _, function = name.partition("::")
            last = path if path != "…" else last
            source = (ROOT / "tests" / last).read_text()
            assert not function or f" {function}(" in source, name


def test_recent_jobs_are_of_their_owner(run, admin):
    for number, owner in enumerate(["a", "b", "a", ""]):
        enqueue(run, f"p-{number}", owner=owner)
    ids = lambda *who: [row[0] for row in run("recent", BASE, *who)]
    assert ids(1, "") == ["p-3", "p-2", "p-1", "p-0"]
    assert (ids(0, "a"), ids(0, "b"), ids(0, ""), ids(0, "c")) == (["p-2", "p-0"], ["p-1"], ["p-3"], [])
    run("claim", BASE, "e", "t", 1000, 1)
    run("complete", BASE, "p-0", "t", "completed", "accepted", "{}", "")
    row = run("recent", BASE, 0, "a")[1]
    assert (row[1], row[2], row[6], row[7], row[8], row[9]) == ("completed", "accepted", "1", "1", "1", "e")
    admin.delete(f"{BASE}:job:p-2")
    assert ids(0, "a") == ["p-0"]


def test_recent_lists_are_bounded_and_end(run, admin):
    for number in range(150):
        enqueue(run, f"p-{number}", owner="a")
    lists = [key for key in admin.keys("*") if ":recent" in key]
    assert len(lists) == 2
    for name in lists:
        assert admin.llen(name) == 100 and admin.pttl(name) > 0


def test_events_are_an_attempts_own(run, admin):
    enqueue(run, "p-1", owner="a")
    assert run("follow", BASE, "p-0", -1, 0) is None
    assert run("follow", BASE, "p-1", -1, 0)[:4] == ["a", "queued", "0", "0"]
    run("claim", BASE, "e", "t", 1000, 1)
    assert run("progress", BASE, "p-1", "t", 2, "one", "two") == "kept"
    assert run("progress", BASE, "p-1", "wrong", 3, "three") == "lost"
    assert run("progress", BASE, "p-1", "t", 3, "three") == "kept"
    events = lambda attempt, place: run("follow", BASE, "p-1", attempt, place)[10]
    assert (events(1, 0), events(1, 2), events(1, 3)) == (["one", "two", "three"], ["three"], [])
    assert events(0, 2) == ["one", "two", "three"], "another attempt's place counts for nothing"
    run("requeue", BASE, "p-1", "t", 1, 3, "")
    run("claim", BASE, "e", "t2", 1000, 1)
    assert (events(1, 3), events(2, 0)) == ([], [])


def test_events_are_bounded(run, admin):
    enqueue(run, "p-1")
    run("claim", BASE, "e", "t", 1000, 1)
    for first in range(0, 1200, 90):
        run("progress", BASE, "p-1", "t", first, *map(str, range(first, first + 90)))
    assert admin.llen(f"{BASE}:job:p-1:events") == 1000
    assert run("follow", BASE, "p-1", 1, 950)[10] == [str(n) for n in range(950, 1000)], "the first are kept, in order"
    assert len(run("follow", BASE, "p-1", 1, 0)[10]) == 100


def test_callbacks_are_leased_and_end(run, admin):
    enqueue_called(run, "p-1")
    due = lambda lease=1000: run("callbacks", [BASE], lease, 10, 2)
    assert due() == [] and not admin.exists(f"{BASE}:callbacks"), "the job has not ended"
    run("claim", BASE, "e", "t", 1000, 1)
    run("complete", BASE, "p-1", "t", "completed", "accepted", "{}", "")
    finished = admin.hget(f"{BASE}:job:p-1", "finished")
    assert admin.pttl(f"{BASE}:job:p-1") > 80_000_000, "the job waits for it"
    assert due() == [["p-1", "http://x", 1, finished]] and due() == [], "it is one caller's for the lease"
    assert run("called", BASE, "p-1", 1, "pending", 500, "it answered 500", 0) == "kept"
    assert run("called", BASE, "p-1", 2, "delivered", 200, "", -1) == "lost", "that attempt has not begun"
    assert due() == [["p-1", "http://x", 2, finished]]
    assert run("called", BASE, "p-1", 1, "delivered", 200, "", -1) == "lost", "it came too late"
    assert run("called", BASE, "p-1", 2, "delivered", 200, "", -1) == "kept"
    assert due() == [] and not admin.exists(f"{BASE}:callbacks")
    assert admin.hmget(f"{BASE}:job:p-1", "callback_state", "callback_attempts", "callback_status") == ["delivered", "2", "200"]
    assert admin.pttl(f"{BASE}:job:p-1") <= 10**6, "it ends as it would have"
    assert run("called", BASE, "p-1", 2, "failed", 0, "", -1) == "lost"


def enqueue_called(run, job_id):
    return run("enqueue", BASE, job_id, "", "{}", 1, 1, 0, 0, 10**6, 10**6, "", "", "http://x")


def test_a_callback_whose_masters_die_fails_at_last(run, admin):
    enqueue_called(run, "p-1")
    run("cancel", BASE, "p-1", 1, "")
    for attempt in (1, 2):
        assert run("callbacks", [BASE], 0, 10, 2)[0][2] == attempt
    assert run("callbacks", [BASE], 0, 10, 2) == []
    assert admin.hget(f"{BASE}:job:p-1", "callback_state") == "failed"
    assert not admin.exists(f"{BASE}:callbacks")


def test_a_callback_of_a_job_that_is_gone(run, admin):
    enqueue_called(run, "p-1")
    run("cancel", BASE, "p-1", 1, "")
    admin.delete(f"{BASE}:job:p-1")
    assert run("callbacks", [BASE], 0, 10, 2) == [] and not admin.exists(f"{BASE}:callbacks")


def test_callbacks_are_handed_out_within_room(run, admin):
    for number in range(5):
        enqueue_called(run, f"p-{number}")
        run("cancel", BASE, f"p-{number}", 1, "")
    assert len(run("callbacks", [BASE], 1000, 3, 2)) == 3 and len(run("callbacks", [BASE], 1000, 3, 2)) == 2


def test_an_end_after_a_retry_is_told_again(run, admin):
    run("enqueue", BASE, "p-1", "", "{}", 1, 1, 0, 0, 10**6, 10**6, "", "", "http://x")
    run("claim", BASE, "e", "t", 1000, 1)
    run("requeue", BASE, "p-1", "t", 1, 1, "the box broke")
    run("callbacks", [BASE], 1000, 10, 2)
    run("called", BASE, "p-1", 1, "delivered", 200, "", -1)
    assert run("retry", BASE, "p-1") == "queued"
    run("claim", BASE, "e", "t2", 1000, 1)
    run("complete", BASE, "p-1", "t2", "completed", "accepted", "{}", "")
    assert run("callbacks", [BASE], 1000, 10, 2)[0][2] == 1
