"""docs/LANGUAGES.md adds a language from nothing; this follows the page, taking its files from it."""

import json
import re

import pytest

from service import ROOT

PAGE = (ROOT / "docs/LANGUAGES.md").read_text()


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def lua(make_service, tmp_path):
    """A client of a service that has the page's language alone."""
    (described,) = blocks("json")
    (tmp_path / "lua.json").write_text(described)
    tmp_path.chmod(0o755)
    return make_service(languages=("lua",), languages_dir=tmp_path).client


def test_lua(lua):
    (offered,) = lua.get("/languages").json()["languages"]
    assert offered["name"] == "lua" and offered["version"].startswith("Lua 5.4"), offered
    assert lua.run({"language": "lua54", "code": offered["example"], "input": ""})["output"] == "Hello, World!"

    main, double = blocks("lua")
    files = [{"name": "main.lua", "content": main}, {"name": "double.lua", "content": double}]
    job = lua.run({"language": "lua", "files": files, "testCases": [{"input": "20\n1\n", "expected": "40\n2"}]})
    assert job["verdict"] == "accepted", job

    for code, verdict in (("error('no')", "runtime_error"), ("while true do end", "cpu_time_exceeded"),
                          ("local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end", "memory_exceeded"),
                          ("os.execute('ls') print(os.execute('true'))", "wrong_answer")):
        job = lua.run({"language": "lua", "code": code, "testCases": [{"input": "", "expected": "true"}],
                       "limits": {"cpuTimeMs": 500, "wallTimeMs": 20000, "memoryMb": 64}})
        assert job["verdict"] == verdict, job


def test_what_is_wrong_in_the_file_is_named(estate, tmp_path):
    """As the page shows it."""
    (described,) = blocks("json")
    language = json.loads(described)
    language["run"]["limits"]["memoryMb"] = 4096
    (tmp_path / "lua.json").write_text(json.dumps(language))
    (complaint,) = re.findall(r"^    in \"run\": languages/lua\.json: (field .*)$", PAGE, re.MULTILINE)
    with pytest.raises(AssertionError) as failed:
        estate.start(languages=("lua",), languages_dir=tmp_path)
    assert complaint in str(failed.value)
