"""Compiled programs are remembered: the same files again cost no compiler, and nobody meets another's program."""

import json

import pytest

from service import ROOT

CODE = "#include <stdio.h>\nint main(void)\n{\n    puts(WORD);\n}\n"


def submission(word, **more):
    return {"language": "c", "code": CODE.replace("WORD", json.dumps(word)), "input": "", **more}


def compiled(client, *words, **more):
    """(output, whether the compiler was spared) of each."""
    jobs = [client.run(submission(word, **more)) for word in words]
    assert all(job["verdict"] == "accepted" and job["compile"]["ok"] for job in jobs), jobs
    return [(job["output"], job["compile"]["cached"]) for job in jobs]


def test_the_same_program_is_compiled_once(make_service):
    client = make_service(languages=("c",)).client
    assert compiled(client, "one", "two", "one", "two") == [("one", False), ("two", False), ("one", True), ("two", True)]
    first, again = (client.run(submission("three")) for _ in range(2))
    figures = ("ok", "cpuTimeMs", "wallTimeMs", "memoryKb", "stdout", "stderr", "exitCode")
    assert [first["compile"][key] for key in figures] == [again["compile"][key] for key in figures]
    assert compiled(client, "one", compileFlags=["-O0"]) == [("one", False)]
    two_files = [{"name": "main.c", "content": CODE.replace("WORD", '"one"')}, {"name": "other.h", "content": ""}]
    job = client.run({"language": "c", "files": two_files, "input": ""})
    assert (job["output"], job["compile"]["cached"]) == ("one", False)


def test_what_did_not_compile_is_compiled_again(make_service):
    client = make_service(languages=("c",)).client
    jobs = [client.run({"language": "c", "code": "int main(", "input": ""}) for _ in range(2)]
    assert [(job["verdict"], job["compile"]["cached"]) for job in jobs] == [("compile_error", False)] * 2


def test_the_cache_can_be_off(estate, make_service, tmp_path):
    off = make_service(languages=("c",), program_cache_mb=0).client
    assert compiled(off, "one", "one") == [("one", False)] * 2
    language = json.loads((ROOT / "languages/c.json").read_text())
    language["compile"]["cache"] = False
    (tmp_path / "c.json").write_text(json.dumps(language))
    tmp_path.chmod(0o755)
    off = make_service(languages=("c",), languages_dir=tmp_path).client
    assert compiled(off, "one", "one") == [("one", False)] * 2
    language["compile"]["cache"] = "no"
    (tmp_path / "c.json").write_text(json.dumps(language))
    with pytest.raises(AssertionError, match="cache.*must be true or false"):
        estate.start(languages=("c",), languages_dir=tmp_path)
