"""clients/typescript: made from the contract, refused by the compiler where a program contradicts it, and used."""

import json
import shutil
import subprocess

import pytest

from service import ROOT

CLIENT = ROOT / "clients/typescript"
USE = """
import {{ Sentinel, SentinelError }} from "{client}/dist/index.js";
const sentinel = new Sentinel("{url}");
const job = await sentinel.run({{ language: "python", code: "print(int(input()) * 2)",
  testCases: [{{ input: "4", expected: "8" }}, {{ input: "1", expected: "3" }}] }});
const refusal = await sentinel.submit({{ language: "python", code: "", timeout: -1 }}).catch((error) => error);
const names = (await sentinel.languages()).map((language) => language.name);
const long = await sentinel.submit({{ language: "python", code: "import time; time.sleep(60)" }});
await sentinel.cancel(long);
console.log(JSON.stringify({{ verdicts: job.testCases.map((test) => test.verdict), names, cancelled: (await sentinel.finished(long)).status,
  refused: refusal instanceof SentinelError && [refusal.status, refusal.code, refusal.field] }}));
"""
TYPES = """
import { Sentinel, type Job } from "./index.js";
const sentinel = new Sentinel("");
const right: string | null = (await sentinel.run({ language: "python", code: "" })).verdict;
// @ts-expect-error: no such field
await sentinel.run({ language: "python", code: "", testcases: [] });
// @ts-expect-error: a test case wants what is expected
await sentinel.run({ language: "python", code: "", testCases: [{ input: "" }] });
// @ts-expect-error: no such verdict
const wrong = (job: Job) => job.verdict === "fine";
// @ts-expect-error: no such path
await sentinel.api.GET("/jobs");
export { right, wrong };
"""


def run(*argv, cwd):
    done = subprocess.run([str(word) for word in argv], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (argv, done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A copy of its own, so that nothing is written into the sources."""
    if not (CLIENT / "node_modules/.bin/tsc").exists():
        pytest.skip("there is no npm here to bring its tools")
    copy = tmp_path_factory.mktemp("client")
    shutil.copytree(CLIENT / "src", copy / "src", ignore=shutil.ignore_patterns("schema.d.ts"))
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(CLIENT / name, copy)
    (copy / "node_modules").symlink_to(CLIENT / "node_modules")
    generate = json.loads((CLIENT / "package.json").read_text())["scripts"]["generate"].split()
    run(*(ROOT / word.removeprefix("../../") if "../" in word else word for word in ["node_modules/.bin/" + generate[0], *generate[1:]]),
        cwd=copy)
    run("node_modules/.bin/tsc", cwd=copy)
    return copy


def test_the_client_runs_a_program(client, built):
    use = built / "use.mjs"
    use.write_text(USE.format(client=built, url=client.url))
    told = json.loads(run("/usr/bin/node", use, cwd=built))
    assert told["verdicts"] == ["accepted", "wrong_answer"]
    assert told["names"] == [language["name"] for language in client.get("/languages").json()["languages"]]
    assert told["refused"] == [422, "invalid_request", "timeout"] and told["cancelled"] == "cancelled"


def test_the_compiler_holds_programs_to_the_contract(built):
    (built / "src/wrong.ts").write_text(TYPES)
    run("node_modules/.bin/tsc", "--noEmit", cwd=built)
