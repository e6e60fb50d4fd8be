"""Go compiled by its compiler and linker themselves (languages/go/compile --direct) and by `go build`: the same messages,
and programs that do the same."""

import os
import re

import pytest

import box as wire
from box import MB
from modes import SEEN_AS, Boxed, Language

GO = Language("go")
HELLO = 'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("hello")\n}\n'

# name → (whether the direct way is to do it, files)
CASES = {
    "one file": (True, {"main.go": HELLO}),
    "another name": (True, {"solution.go": HELLO}),
    "two files": (True, {"main.go": "package main\n\nfunc main() {\n\tprintln(twice(21))\n}\n",
                         "helper.go": "package main\n\nfunc twice(n int) int {\n\treturn 2 * n\n}\n"}),
    "a file of data": (True, {"main.go": 'package main\n\nimport "os"\n\nfunc main() {\n\tb, _ := os.ReadFile("data.txt")\n\tos.Stdout.Write(b)\n}\n',
                              "data.txt": "data\n"}),
    "generics": (True, {"main.go": "package main\n\nfunc sum[T int | float64](all ...T) (s T) {\n\tfor _, x := range all {\n\t\ts += x\n\t}\n"
                                   "\treturn\n}\n\nfunc main() {\n\tprintln(sum(1, 2, 3))\n}\n"}),
    "much of the library": (True, {"main.go": 'package main\n\nimport (\n\t"compress/gzip"\n\t"crypto/tls"\n\t"database/sql"\n\t"encoding/json"\n\t"fmt"\n\t"html/template"\n'
                                              '\t"math/big"\n\t"net/http"\n\t"os/user"\n\t"regexp"\n\t"text/tabwriter"\n\t"unsafe"\n)\n\n'
                                              'var all = []any{gzip.BestSpeed, tls.VersionTLS13, sql.ErrNoRows, json.Valid, template.HTMLEscapeString("<"),\n'
                                              '\tbig.NewInt(7), http.StatusOK, user.Current, tabwriter.Debug, unsafe.Sizeof(1)}\n\n'
                                              'func main() {\n\tfmt.Println(len(all), regexp.MustCompile("a+").FindString("baac"))\n}\n'}),
    "a panic": (True, {"main.go": "package main\n\nfunc f(a []int, i int) int {\n\treturn a[i]\n}\n\nfunc main() {\n\tprintln(f(nil, 5))\n}\n"}),
    "its own path and build": (True, {"main.go": 'package main\n\nimport (\n\t"fmt"\n\t"runtime"\n\t"runtime/debug"\n)\n\nfunc main() {\n'
                                                 '\t_, file, line, _ := runtime.Caller(0)\n\tinfo, ok := debug.ReadBuildInfo()\n'
                                                 '\tfmt.Println(file, line, runtime.Version(), runtime.GOROOT(), ok, info.Path, info.Main, info.GoVersion)\n}\n'}),
    "byte order mark and CRLF": (True, {"main.go": "\ufeff" + HELLO.replace("\n", "\r\n")}),
    "a folder beside it": (True, {"main.go": HELLO, "notes/other.go": "package other\n"}),
    "a folder of the module": (False, {"main.go": 'package main\n\nimport "main/twice"\n\nfunc main() {\n\tprintln(twice.Of(21))\n}\n',
                                       "twice/twice.go": "package twice\n\nfunc Of(n int) int {\n\treturn 2 * n\n}\n"}),
    "a module of its own": (False, {"main.go": 'package main\n\nimport "a.b/c/d"\n\nfunc main() {\n\td.Say()\n}\n', "go.mod": "module a.b/c\n\ngo 1.18\n",
                                    "d/d.go": 'package d\n\nfunc Say() {\n\tprintln("said")\n}\n'}),
    "a file for tests": (False, {"main.go": HELLO, "main_test.go": "package main\n\nnonsense\n"}),
    "a file for another system": (False, {"main.go": HELLO, "main_windows.go": "package main\n\nnonsense\n"}),
    "a build constraint": (False, {"main.go": HELLO, "other.go": "//go:build ignore\n\npackage main\n\nnonsense\n"}),
    "an embedded file": (False, {"main.go": 'package main\n\nimport _ "embed"\n\n//go:embed data.txt\nvar data string\n\nfunc main() {\n\tprint(data)\n}\n',
                                 "data.txt": "embedded\n"}),
    "assembly": (False, {"main.go": "package main\n\nfunc seven() int\n\nfunc main() {\n\tprintln(seven())\n}\n",
                         "seven.s": "#include \"textflag.h\"\n\nTEXT ·seven(SB), NOSPLIT, $0-8\n\tMOVQ $7, ret+0(FP)\n\tRET\n"}),
    "a program in a folder": (False, {"cmd/main.go": HELLO}),
    "type errors": (False, {"main.go": 'package main\n\nimport "os"\n\nfunc main() {\n\tvar x int = "text"\n\tundefined()\n}\n'}),
    "a syntax error": (False, {"main.go": "package main\n\nfunc main() {\n\tif {\n}\n"}),
    "more errors than are shown": (False, {"main.go": "package main\n\nfunc main() {\n" + "".join(f"\ta{n}()\n" for n in range(20)) + "}\n"}),
    "errors in two files": (False, {"main.go": "package main\n\nfunc main() {\n\tx()\n}\n", "b.go": "package main\n\nfunc y() int {\n}\n"}),
    "no such package": (False, {"main.go": 'package main\n\nimport "github.com/no/such"\n\nfunc main() {\n\tsuch.Do()\n}\n'}),
    "no such library": (False, {"main.go": 'package main\n\nimport "fmtt"\n\nfunc main() {\n\tfmtt.Println()\n}\n'}),
    "the library's own": (False, {"main.go": 'package main\n\nimport "internal/cpu"\n\nfunc main() {\n\tprintln(cpu.CacheLinePadSize)\n}\n'}),
    "the library's modules": (False, {"main.go": 'package main\n\nimport _ "vendor/golang.org/x/net/idna"\n\nfunc main() {\n}\n'}),
    "C": (False, {"main.go": 'package main\n\nimport "C"\n\nfunc main() {\n}\n'}),
    "no main": (False, {"main.go": "package main\n\nfunc mein() {\n}\n"}),
    "another package": (False, {"main.go": "package other\n\nfunc main() {\n}\n"}),
    "two packages": (False, {"main.go": HELLO, "other.go": "package other\n"}),
    "an empty file": (False, {"main.go": ""}),
    "no Go at all": (False, {"main.go": "int main() { return 0; }\n"}),
}


@pytest.fixture(scope="module")
def boxed():
    boxed = Boxed(GO)
    yield boxed
    boxed.close()


def compiled(boxed, files, direct, *flags):
    """(exit code, what it says, the program, whether `go build` was there: it leaves a go.mod)"""
    argv = ["/bin/sh", f"{SEEN_AS}/go/compile", *(["--direct"] if direct else []), next(iter(files)), "program", *flags]
    reply = boxed.box.run(argv, files=[(name, text.encode(), 0) for name, text in files.items()], profile=wire.COMPILE,
                          env=GO.environment, limits=GO.limits("compile"), collect=["program", "go.mod"], collect_max=64 * MB)
    assert (reply.status, reply.cause) == ("ok", "self"), reply
    if reply.bundle >= 0:
        os.close(reply.bundle)
    return reply.exit_code, (reply.stdout + reply.stderr).decode(), reply.files.get("program"), "go.mod" in reply.files


def told(boxed, program, files):
    """What it does: addresses and the state of registers differ between two programs that are linked differently."""
    data = [(name, text.encode(), 0) for name, text in files.items() if not name.endswith(".go")]
    reply = boxed.box.run(["./program"], files=[("program", *program), *data], env=GO.environment, limits=GO.limits("run"))
    return reply.exit_code, reply.signal, reply.stdout, re.sub(rb"0x[0-9a-f]+", b"#", reply.stderr)


@pytest.mark.parametrize("case", CASES)
def test_both_ways(boxed, case):
    to_be_direct, files = CASES[case]
    code, text, program, built = compiled(boxed, files, direct=True)
    expected_code, expected_text, expected_program, _ = compiled(boxed, files, direct=False)
    assert (code, text) == (expected_code, expected_text)
    if to_be_direct:
        assert (code, text, built) == (0, "", False)
    assert (program is None) == (expected_program is None)
    if program is not None and program[0][:4] == b"\x7fELF":
        assert told(boxed, program, files) == told(boxed, expected_program, files)


def test_flags_are_go_builds(boxed):
    code, text, _, built = compiled(boxed, {"main.go": HELLO}, True, "-gcflags=-m")
    assert (code, built) == (0, True)
    assert "./main.go:6:13: inlining call to fmt.Println" in text


def test_language_file_asks_for_it():
    assert "--direct" in GO.file["compile"]["argv"]
