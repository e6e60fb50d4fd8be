"""?explain=1: every mechanism, limit and measurement behind a verdict; held to docs/openapi.yaml as every answer is."""

import signal

C = "#include <signal.h>\nint main(int c, char **v) { (void)v; return c > 1 ? 7 : raise(SIGSEGV); }\n"


def explained(client, submission, **more):
    done = client.post("/execute?wait=60&explain=1", {**submission, **more}).json()
    assert done["status"] == "completed", done
    return done, done["explain"]


def test_everything_behind_a_verdict(client):
    done, why = explained(client, {
        "language": "python", "code": "print(int(input()) * 2)", "compare": "float:1e-6",
        "testCases": [{"input": "1", "expected": "2"}, {"input": "2", "expected": "5"}]})
    facts = why["isolation"]["facts"]
    assert why["isolation"]["tier"] == done["isolation"]
    assert "seccomp" in facts["held"] and facts["kernel"]
    assert not set(facts["held"]) & set(facts["missing"])
    assert (why["checker"]["compare"], why["checker"]["difference"]) == ("float", 1e-6)
    assert [test["decidedBy"] for test in why["tests"]] == ["checker", "checker"]
    assert [test["verdict"] for test in why["tests"]] == ["accepted", "wrong_answer"]
    for test, told in zip(why["tests"], done["testCases"], strict=True):
        limits = test["limits"]
        assert limits["cpuTimeMs"]["limit"] == done["limits"]["cpuTimeMs"]
        assert limits["cpuTimeMs"]["used"] == told["cpuTimeMs"] > 0
        assert limits["memoryMb"]["used"] * 1024 == told["memoryKb"]
        assert not any(limit["reached"] for limit in limits.values())
        assert all(limit["by"] for limit in limits.values())
        assert limits["cpus"]["enforced"] == ("cpuCgroup" in facts["held"])
        assert test["ended"] == {"by": "itself", "exitCode": 0, "signal": None, "oomKills": 0}
        assert test["contended"] is False
    assert why["testsLeftOut"] == 0


def test_a_limit_and_its_evidence(client):
    done, why = explained(client, {"language": "python", "code": "while True: pass",
                                   "limits": {"cpuTimeMs": 200, "wallTimeMs": 60000}})
    test = why["tests"][0]
    assert (test["verdict"], test["decidedBy"], test["ended"]["by"]) == ("cpu_time_exceeded", "limit", "cpuTime")
    assert [name for name, limit in test["limits"].items() if limit["reached"]] == ["cpuTimeMs"]
    assert test["limits"]["cpuTimeMs"]["used"] >= test["limits"]["cpuTimeMs"]["limit"] == 200
    assert test["evidence"] == done["reason"]


def test_a_signal_is_decoded(client):
    _, why = explained(client, {"language": "c", "code": C})
    assert why["compile"]["ended"]["exitCode"] == 0
    assert why["tests"][0]["decidedBy"] == "program"
    assert why["tests"][0]["ended"] == {"by": "itself", "exitCode": None, "signal": signal.SIGSEGV.value,
                                        "signalName": "SIGSEGV", "signalMeaning": "Segmentation fault", "oomKills": 0}


def test_a_hidden_test_keeps_its_secret(client):
    _, why = explained(client, {
        "language": "python", "code": "import sys\nprint(input())\nsys.exit(42)", "stopOnFailure": True,
        "testCases": [{"input": "secret", "expected": "x", "hidden": True}, {"input": "1", "expected": "1"}]})
    hidden, skipped = why["tests"]
    assert set(hidden) == {"hidden", "verdict", "decidedBy", "limits", "runtimeMb"}
    assert hidden["limits"]["outputKb"]["used"] is None
    assert (skipped["verdict"], skipped["decidedBy"]) == ("skipped", "skipped")
    assert skipped["evidence"] == "an earlier test failed"
    assert "secret" not in str(why)


def test_only_who_asks_is_told(client):
    submission = {"language": "python", "code": "print(1)"}
    done = client.post("/execute?wait=60", submission).json()
    assert "explain" not in done
    again = client.get(f"/job/{done['id']}?explain=1").json()
    assert again["explain"]["tests"][0]["verdict"] == "accepted"
    assert "explain" not in client.get(f"/job/{done['id']}?explain=0").json()
    for path in (f"/job/{done['id']}?explain=perhaps", f"/api/status/{done['id']}?explain="):
        refused = client.get(path)
        assert (refused.status_code, refused.json()["error"]["field"]) == (422, "explain")
    refused = client.post("/execute?explain=2", submission)
    assert (refused.status_code, refused.json()["error"]["field"]) == (422, "explain")
