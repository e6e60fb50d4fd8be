"""What users expect of each language beside the matrix of programs: programs/<language>/behaviour.<suffix> does what the
first letter of its input says, and `behaviour` in language.json holds what differs from DEFAULTS:

    comment    how a line of source becomes a comment
    recursion  how deep a plain recursion gets by default
    endless    the verdict of a recursion without end
    threads    how many threads (or processes, where a language has no threads) run at once
    floats     what 0.1 + 0.2, two thirds with two digits, and 1e21 look like
    place      the epoch in local time, its zone, and how many characters of four Unicode ones there are
    managed    a runtime that takes memory from the system as it sees fit"""

import re
import statistics

import pytest

from programs import matrix
from scale import scaled

KIB = 1024
LANGUAGES = matrix.languages()
DEFAULTS = {"comment": "//", "recursion": 50000, "endless": "runtime_error", "threads": 64,
            "place": "1970-01-01 00:00 UTC 4", "managed": False}

every_language = pytest.mark.parametrize("language", LANGUAGES)


def traits(language):
    return {**DEFAULTS, **matrix.language(language)["behaviour"]}


def source(language, program):
    return (matrix.HERE / language / (program + matrix.language(language)["suffix"])).read_text()


def behave(client, language, cases, **more):
    """The test cases of the result, for (input, expected) of behaviour.*"""
    tests = [{"input": given, "expected": expected} for given, expected in cases]
    job = client.run({"language": language, "code": source(language, "behaviour"), "testCases": tests, **more})
    assert job.get("testCases"), job
    return job["testCases"]


@every_language
def test_behaviour(client, language):
    of = traits(language)
    numbers = "1 2\n3 -7\n40\n"
    cases = {
        "lines": (f"l{numbers}", "39"),
        "all at once": (f"a{numbers}", "39"),
        "scanned": (f"s{numbers}", "39"),
        "byte by byte": (f"b{numbers}", "39"),
        "floats": ("d", of["floats"]),
        "zone and locale": ("p", of["place"]),
        "recursion": (f"r{of['recursion']}\n", str(of["recursion"])),
        "100 MB, freed, three times": ("f100\n", "100"),
        "threads": (f"w{of['threads']}\n", str(sum(range(of["threads"])))),
    }
    runs = dict(zip(cases, behave(client, language, cases.values())))
    wrong = {name: run for name, run in runs.items() if run["verdict"] != "accepted"}
    assert not wrong, wrong
    most = runs["100 MB, freed, three times"]
    assert most["memoryKb"] >= 100 * KIB - tolerance(language, 100), most


@every_language
def test_endless_recursion(client, language):
    limits = scaled({"cpuTimeMs": 3000, "wallTimeMs": 60000, "memoryMb": 128})
    (run,) = behave(client, language, [("r1000000000\n", "")], limits=limits)
    assert run["verdict"] == traits(language)["endless"], run


def tolerance(language, megabytes):
    """In KB: 5 % or 1 MB; a runtime that manages its memory 10 % or 16 MB."""
    share, least = (0.10, 16 * KIB) if traits(language)["managed"] else (0.05, KIB)
    return max(megabytes * KIB * share, least)


def touch(client, language, sizes, **more):
    """memoryKb of one run that touches so many megabytes, for each of sizes.

    One figure alone is no better than 1 MB where the kernel counts by cgroup v1: it charges a group 256 KB at a time for
    each processor, and gives back what the run before had a moment after that is dead, so a peak and what is taken off
    it are each off by some of those. Hence medians of an odd number of runs."""
    runs = behave(client, language, [(f"t{size}\n", str(size)) for size in sizes], **more)
    assert [run["verdict"] for run in runs] == ["accepted"] * len(sizes), runs
    return [run["memoryKb"] for run in runs]


@every_language
def test_memory_is_what_was_touched(client, language):
    """Within 5 % or 1 MB of 200 MB is 10 MB: one run will do there, where 1 MB is allowed it takes nine."""
    times = {0: 9, 10: 9, 50: 3, 100: 1, 200: 1}
    sizes = [size for size, count in times.items() for _ in range(count)]
    peaks = {size: [] for size in times}
    for size, peak in zip(sizes, touch(client, language, sizes, limits={"memoryMb": 512})):
        peaks[size].append(peak)
    nothing = statistics.median(peaks[0])
    off = {size: statistics.median(peaks[size]) - nothing - size * KIB for size in times}
    assert all(abs(by) <= tolerance(language, size) for size, by in off.items()), (off, peaks)


@every_language
def test_first_and_hundredth_run_agree(client, language):
    """The first nine against the last nine: nothing adds up from run to run."""
    peaks = touch(client, language, [2] * 100)
    first, last = statistics.median(peaks[:9]), statistics.median(peaks[-9:])
    assert abs(first - last) <= tolerance(language, 2), peaks


@every_language
@pytest.mark.parametrize("form", ["bom", "crlf"])
def test_form_of_source(client, language, form):
    code = source(language, "accepted")
    code = "\ufeff" + code if form == "bom" else code.replace("\n", "\r\n")
    job = client.run({"language": language, "code": code, "testCases": [{"input": "5", "expected": "10"}]})
    assert job["verdict"] == "accepted", job


# language, its files as Windows editors save them, what they print
WINDOWS = {
    "bash": ({"main.sh": "\ufeff. ./lib.sh\r\ncat <<END\r\n$twice\r\nEND\r\necho $LINENO\r\n",
              "lib.sh": "\ufefftwice=42\r\n"}, "42\n5"),
    "php": ({"main.php": "\ufeff<?php\r\nrequire 'lib.php';\r\necho twice(21), ' ', __LINE__, basename(__FILE__);\r\n",
             "lib.php": "\ufeff<?php\r\nfunction twice($n) {\r\n    return 2 * $n;\r\n}\r\n"}, "42 3main.php"),
    "python": ({"main.py": "\ufefffrom lib import twice\r\nprint(twice(21), repr(open('data.txt', newline='').read()))\r\n",
                "lib.py": "\ufeffdef twice(n):\r\n    return 2 * n\r\n", "data.txt": "\ufeffa\r\n"}, "42 '\\ufeffa\\r\\n'"),
}


@pytest.mark.parametrize("language", WINDOWS)
def test_files_from_windows(client, language):
    files, printed = WINDOWS[language]
    sent = [{"name": name, "content": content} for name, content in files.items()]
    job = client.run({"language": language, "files": sent, "testCases": [{"input": "", "expected": printed}]})
    assert job["verdict"] == "accepted", job


def test_data_is_left_as_it_is(client):
    """Only sources are normalised."""
    files = [{"name": "main.sh", "content": "od -An -c data.txt | tr -d ' \\n'"}, {"name": "data.txt", "content": "\ufeffa\r\n"}]
    job = client.run({"language": "bash", "files": files, "testCases": [{"input": "", "expected": r"357273277a\r\n"}]})
    assert job["verdict"] == "accepted", job


def test_source_of_200_kb(make_service):
    """Of every language, at once."""
    client = make_service(languages=LANGUAGES, slots=1, max_code_bytes=300_000).client
    jobs = {}
    for language in LANGUAGES:
        filler = f"{traits(language)['comment']} {'filler ' * 10}\n"
        code = source(language, "accepted") + filler * (200_000 // len(filler))
        jobs[language] = client.submit({"language": language, "code": code,
                                        "testCases": [{"input": "5", "expected": "10"}]})
    verdicts = {language: client.finish(job)["verdict"] for language, job in jobs.items()}
    assert verdicts == dict.fromkeys(LANGUAGES, "accepted")


def test_languages_that_are_offered(client):
    offered = {entry["name"]: entry for entry in client.get("/languages").json()["languages"]}
    assert sorted(offered) == LANGUAGES
    for name, entry in offered.items():
        assert re.search(r"\d+\.\d+", entry["version"]), entry
        assert entry["displayName"] and entry["description"] and entry["limits"]["default"]["memoryMb"] >= 256, entry
        job = client.run({"language": name, "code": entry["example"], "input": ""})
        assert (job["verdict"], job["output"]) == ("accepted", "Hello, World!"), job


# language, files (the entry first), what they print
LAYOUTS = {
    "java: a public class of any name, in a package": ("java", {
        "solution.java": "package a.b;\n\nimport c.Twice;\n\npublic class Answer {\n    public static void main(String... args) {\n"
                         "        System.out.println(Twice.of(21) + \" \" + Answer.class.getName());\n    }\n}\n",
        "x/y.java": "package c;\n\npublic class Twice {\n    public static int of(int n) {\n        return 2 * n;\n    }\n}\n",
    }, "42 a.b.Answer"),
    "java: the first class with a main method": ("java", {
        "Main.java": "class Helper {\n    static int n = 42;\n}\n\ninterface Unused {}\n\nclass Start {\n"
                     "    public static void main(String[] args) {\n        System.out.println(Helper.n);\n    }\n}\n",
    }, "42"),
    "java: more classes than a box takes files": ("java", {
        "Many.java": "public class Many {\n    interface Of { int n(); }\n" + "".join(
            f"    static Of c{n}() {{ return new Of() {{ public int n() {{ return {n}; }} }}; }}\n" for n in range(300))
                     + "    public static void main(String[] args) {\n        System.out.println(c0().n() + c299().n() - 257);\n"
                     "    }\n}\n",
    }, "42"),
    "java: memory that ends can be survived": ("java", {
        "Main.java": "public class Main {\n    public static void main(String[] args) {\n        try {\n"
                     "            System.out.println(new long[1 << 28].length);\n        } catch (OutOfMemoryError e) {\n"
                     "            System.err.println(e);\n            System.out.println(42);\n        }\n    }\n}\n",
    }, "42"),
    "go: folders, without a go.mod": ("go", {
        "main.go": 'package main\n\nimport (\n\t"fmt"\n\t"main/twice"\n)\n\nfunc main() {\n\tfmt.Println(twice.Of(21))\n}\n',
        "twice/twice.go": "package twice\n\n// Of is generic.\nfunc Of[T int | float64](n T) T {\n\treturn 2 * n\n}\n",
    }, "42"),
    "go: a module of its own": ("go", {
        "cmd/app/main.go": 'package main\n\nimport (\n\t"example.org/x/twice"\n\t"net/http"\n)\n\n'
                           "func main() {\n\tprintln(http.StatusOK)\n\tprint2(twice.Of(21))\n}\n",
        "cmd/app/print.go": 'package main\n\nimport "fmt"\n\nfunc print2(n int) {\n\tfmt.Println(n)\n}\n',
        "go.mod": "module example.org/x\n\ngo 1.18\n",
        "twice/twice.go": "package twice\n\nfunc Of(n int) int {\n\treturn 2 * n\n}\n",
    }, "42"),
    "javascript: modules": ("javascript", {
        "main.mjs": 'import { twice } from "./lib/twice.mjs";\n\nconsole.log(await Promise.resolve(twice(21)));\n',
        "lib/twice.mjs": "export const twice = (n) => 2 * n;\n",
    }, "42"),
    "typescript: folders": ("typescript", {
        "src/app.ts": 'import twice from "./lib/twice";\nimport * as path from "node:path";\n\n'
                      'console.log(twice(21) + path.sep);\n',
        "src/lib/twice.ts": "export default function twice<T extends number>(n: T): number {\n  return 2 * n;\n}\n",
    }, "42/"),
    "rust: modules in folders": ("rust", {
        "main.rs": 'mod lib;\n\nfn main() {\n    println!("{}", lib::twice::of(21));\n}\n',
        "lib/mod.rs": "pub mod twice;\n",
        "lib/twice.rs": "pub fn of(n: i32) -> i32 {\n    2 * n\n}\n",
    }, "42"),
    "ruby: folders and the standard library": ("ruby", {
        "main.rb": 'require "json"\nrequire "set"\nrequire_relative "lib/twice"\n\nputs JSON.parse("[21]").map { twice(_1) }\n',
        "lib/twice.rb": "def twice(n) = 2 * n\n",
    }, "42"),
    "php: folders and extensions": ("php", {
        "main.php": "<?php\nrequire __DIR__ . '/lib/twice.php';\necho json_encode(Lib\\twice(21)), ctype_digit('1') ? '' : '?';\n",
        "lib/twice.php": "<?php\nnamespace Lib;\nfunction twice(int $n): int { return 2 * $n; }\n",
    }, "42"),
    "bash: the usual tools": ("bash", {
        "main.sh": "printf '%s\\n' 40 2 | sort -n | awk '{ sum += $1 } END { print sum }' | sed s/^/=/ | grep -o '[0-9]*'\n",
    }, "42"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(client, name):
    language, files, printed = LAYOUTS[name]
    sent = [{"name": file, "content": content} for file, content in files.items()]
    job = client.run({"language": language, "files": sent, "testCases": [{"input": "", "expected": printed}]})
    assert job["verdict"] == "accepted", job


def test_go_fetches_nothing(client):
    code = 'package main\n\nimport "rsc.io/quote"\n\nfunc main() {\n\tprintln(quote.Hello())\n}\n'
    job = client.run({"language": "go", "code": code, "input": ""})
    assert job["verdict"] == "compile_error" and "rsc.io/quote" in job["error"], job
