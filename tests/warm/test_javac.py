"""javac that stays, against javac as a compile step: the same diagnostics, exit codes and class files, in any order, and
nothing of one compilation in the next."""

import os
import random
import signal

import pytest

from box import MB, wait_until
from modes import Language
from resident import COMPILED, DECLINED, ERRORS, READY, Cold, Compiled, Gone, Resident

JAVA = Language("java")
SEED = int(os.environ.get("SENTINEL_TEST_SEED", "1"))


def main(body="", rest="", before=""):
    return f"{before}public class Main {{\n    public static void main(String[] args) {{\n{body}\n    }}\n{rest}\n}}\n"


def lines(count, line):
    return "\n".join(line.format(i) for i in range(count))


# name → the files; a text alone is Main.java
SAME = {
    "hello": main('System.out.println("hello");'),
    "no main": "public class Main {\n    int x;\n}\n",
    "empty file": "",
    "blank": " \n\t\n",
    "a comment": "// nothing\n",
    "not closed": "public class Main {\n    public static void main(String[] args) {\n",
    "ends in a string": 'public class Main { String s = "abc',
    "ends in a comment": "public class Main { /* never",
    "ends in a character": "public class Main { char c = '",
    "no newline at the end": "public class Main { int f() { return x; } }",
    "missing semicolon": main("int x = 1\nint y = 2;"),
    "illegal character": main("int x = 1 # 2;"),
    "illegal start": main("int = 3;\n) (\nelse { }"),
    "wrong types": main('int x = "text"; String s = 1; boolean b = null; byte y = 300;'),
    "unknown symbols": main("undefined(); Undefined u; args.nothing(); args.length(); System.oot.println();"),
    "unreachable": main("return;\nint x;\nwhile (true) { }"),
    "no return": main(rest="int f(int n) { if (n > 0) return 1; }"),
    "not initialized": main("int x; System.out.println(x); final int y = 1; y = 2;"),
    "checked exceptions": main("throw new Exception();", "void f() throws java.io.IOException { }\nvoid g() { f(); }"),
    "exceptions caught twice": main("try { } catch (Exception e) { } catch (RuntimeException e) { }"),
    "abstract": main("new A();", "static abstract class A { abstract void f(); }\nstatic class B extends A { }"),
    "overriding": main(rest="static class A { int f() { return 1; } final void g() { } }\nstatic class B extends A { long f() { return 1; } void g() { } }"),
    "cyclic inheritance": "class Main extends B { }\nclass B extends Main { }\n",
    "duplicates": main("int a; int a;", "void f() { }\nvoid f() { }\nint x;\nString x;") + "class Main { }\n",
    "ambiguous": main("f(null);", "static void f(String s) { }\nstatic void f(Integer i) { }"),
    "generics": main("List<String> l = List.of(1); Map<String> m; var x = new ArrayList<>(); x.add(1); List<int> i;", before="import java.util.*;\n"),
    "unchecked note": main("List l = new ArrayList(); l.add(1);", before="import java.util.*;\n"),
    "deprecated note": main("new Integer(1); new Thread().stop();"),
    "both notes": main("List l = new ArrayList(); l.add(new Integer(1));", before="import java.util.*;\n"),
    "removal": main("System.runFinalizersOnExit(true); Thread.currentThread().destroy();"),
    "warnings that are off": main("switch (1) { case 1: int x = 1 / 0; case 2: }", 'static final long serialVersionUID = 1;'),
    "records": main('record P(int x, String y) { P { if (x < 0) throw new IllegalArgumentException(); } }\nSystem.out.println(new P(1, "a"));'),
    "records, wrongly": main("record P(int x) { int y; P(int z) { } }"),
    "sealed": main("", "sealed interface S permits A, B { }\nrecord A() implements S { }\nrecord B() implements S { }\nrecord C() implements S { }"),
    "switch expressions": main('int r = switch (args.length) { case 0 -> 1; case 1, 2 -> { yield 2; } default -> 3; }; Object o = r; if (o instanceof Integer i && i > 1) System.out.println(i);'),
    "a switch that is not whole": main("", "enum E { A, B }\nint f(E e) { return switch (e) { case A -> 1; }; }"),
    "preview": main("Object o = 1; String s = switch (o) { case Integer i -> \"i\"; default -> \"d\"; };"),
    "text block": main('System.out.println("""\n    a\n      b\\\n    c\n    """);'),
    "lambdas": main("Function<Integer, Function<Integer, Integer>> f = a -> b -> a + b; Runnable r = () -> { }; Supplier<String> s = Object::toString;", before="import java.util.function.*;\n"),
    "inner and anonymous": main("new Object() { void f() { class L { } new L(); } };\nclass Local { }", "class Inner { class Deeper { } }\nstatic class Nested { enum E { A { }, B } }\n@interface Note { }"),
    "string concatenation and switch": main('String s = args[0]; switch (s) { case "a": case "Aa": case "BB": s += 1 + s + 2L; }'),
    "nested try": main("try (AutoCloseable a = null; var b = a) { } catch (IllegalStateException | ClassCastException e) { } finally { }"),
    "assertions": main("assert args.length > 0 : \"none\"; synchronized (args) { }"),
    "annotations": main("", "@Override public String tostring() { return \"\"; }\n@FunctionalInterface interface F { void a(); void b(); }\n@SafeVarargs final void v(java.util.List<String>... l) { }"),
    "modifiers": main("", "private public int x;\nabstract final class C { }\nstatic static void f() { }"),
    "labels": main("a: for (;;) { break b; }\ncontinue;"),
    "large numbers": main("int x = 2147483648; long y = 9223372036854775808L; float f = 1e99f; int z = 08; double d = 0x;"),
    "escapes": main('String s = "\\q \\u00g0"; char c = \'ab\'; char d = \'\';'),
    "unicode": main('String größe = "größe"; int \\u0061 = 1; 变量 = größe;', "static int naïve;"),
    "messages in UTF-8": main('String s = ünbekannt; List<Ω> "😀";'),
    "CRLF": main("int x = 1\nint y;\n").replace("\n", "\r\n"),
    "CR": main('System.out.println("cr");').replace("\n", "\r"),
    "byte order mark": "\ufeff" + main("int x = y;"),
    "byte order mark alone": "\ufeff",
    "control characters": main("int x\x00 = 1; \x1a \x0c"),
    "a class of another name": "public class Solution {\n    public static void main(String[] args) { }\n}\n",
    "a package": "package a.b.c;\n" + main(),
    "main is in the second class": "class A { }\nclass B {\n    public static void main(String... args) { }\n}\n",
    "main of other forms": "class A { static void main() { } void main(String[] a) { } public static int main(String a) { return 1; } }\n",
    "an interface's main": "public interface Main {\n    static void main(String[] args) { }\n}\n",
    "an enum's main": "public enum Main { A;\n    public static void main(String[] args) { }\n}\n",
    "package java": "package java.lang;\n" + main(),
    "a module": "module m { requires java.base; }\n",
    "no such import": main(before="import no.such.Thing;\nimport java.util.Lisst;\nimport static java.lang.Math.no;\nimport no.*;\n"),
    "parts of the JDK": main("new Parser(); Unsafe u; Object o = com.sun.tools.javac.Main.class;", before="import jdk.internal.misc.Unsafe;\nimport java.sql.*;\nimport sun.misc.Signal;\n"),
    "the drivers' own classes": main("SentinelJavac s; new ResidentJavac(); SentinelJavac.main(args);"),
    "a hundred and one errors": main(lines(101, "int x{0} = y{0};")),
    "a thousand errors": main(lines(1000, "x{0}();")),
    "200 KB": main("", lines(2500, "static int f{0}(int n) {{ return n < 2 ? {0} : f{0}(n - 1) + {0}; }} // filled to a width of some 80")),
    "a method that is too large": main(lines(9000, "args[0] = args[1] + args[2] + {0};")),
    "a constant that is too long": main('String s =\n"' + ('x' * 8000 + '" +\n"') * 9 + '";'),
    "two hundred classes": lines(199, "class C{0} {{ }}") + "\n" + main(),
    "nested, as deep as all do": main("int x = " + "(" * 100 + "1" + ")" * 100 + ";"),
    "two files": {"Main.java": main("System.out.println(Helper.twice(21));"), "Helper.java": "class Helper { static int twice(int n) { return 2 * n; } }\n"},
    "two files, main in the second": {"A.java": "class A { }\n", "B.java": "class B { public static void main(String[] a) { } }\n"},
    "two mains": {"A.java": "class A { public static void main(String[] a) { } }\n", "B.java": "class B { public static void main(String[] a) { } }\n"},
    "errors in two files": {"B.java": "class B { int x = y; }\n", "A.java": "class A { int x = ; }\nclass B { }\n"},
    "errors of types in two files": {"B.java": "class B { int x = y; }\n", "A.java": "class A { B b = 1; }\n"},
    "packages in folders": {"a/Main.java": "package a;\nimport a.b.Helper;\n" + main("Helper.f();"), "a/b/Helper.java": "package a.b;\npublic class Helper { public static void f() { } }\n"},
    "packages and other folders": {"Main.java": "import x.y.Helper;\n" + main("Helper.f(); x.y.Hidden h;"), "z/Helper.java": "package x.y;\npublic class Helper { public static void f() { } }\nclass Hidden { }\n"},
    "an error in a folder": {"a/b/Main.java": main("int x = y;"), "a/c/Main.java": "package c; public class Main { }\n"},
    "package-info": {"p/package-info.java": "@Deprecated\npackage p;\n", "p/Main.java": "package p;\n" + main()},
    "files that are no sources": {"Main.java": main("Other o;"), "Other.txt": "class Other { }\n", "data.bin": "\x00\x01", "Other.class": "no class"},
    "services in the sources' folder": {"Main.java": main(), "META-INF/services/javax.annotation.processing.Processor": "Main\n", "META-INF/services/com.sun.source.util.Plugin": "Main\n"},
    "a class with a long name": main(rest="class " + "L" * 200 + " { }"),
    "a class with a name that is too long": main(rest="class " + "L" * 260 + " { }"),
    "parts of the JDK that are going": main("sun.misc.Unsafe u; sun.reflect.ReflectionFactory f; Signal.raise(null);", before="import sun.misc.Signal;\n"),
    "odd names": {"-x.java": main("int x = y;"), "@y.java": "class Y { int y = z; }\n"},
    "odder names": {"größe 1.java": main("int x = y;"), "😀/a b.java": "class AB { int y = z; }\n", "Main.class.java": "class Q { R r; }\n"},
}
CASES = {name: {file: text.encode() for file, text in ({"Main.java": files} if isinstance(files, str) else files).items()}
         for name, files in SAME.items()}
# What is not for it. In each of the second it ends.
FOR_COLD = {
    "not UTF-8": {"Main.java": main('String s = "größe";').encode("latin-1")},
    "a class with a name that is too long for a box": {"Main.java": main(rest="class " + "L" * 243 + " { }").encode()},
    "more classes than are left as files": {"Main.java": (lines(260, "class C{0} {{ }}") + "\n" + main()).encode()},
}
THE_END = {
    "nested too deep": {"Main.java": main("int x = " + "(" * 20000 + "1" + ")" * 20000 + ";").encode()},
    "more than all memory": {"Main.java": main(rest="static final String S0 = \"" + "x" * 60000 + "\";\n" + "\n".join(
        f"static final String S{i} = S{i - 1} + S{i - 1};" for i in range(1, 16))).encode()},
}


class Compilers:
    """The cold one's answers are remembered."""

    def __init__(self):
        self.cold, self.resident, self.expected = Cold(JAVA), Resident(JAVA), {}

    def expect(self, name, files):
        if name not in self.expected:
            self.expected[name] = self.cold.compile(files)
        return self.expected[name]

    def close(self):
        self.cold.close()
        self.resident.close()


@pytest.fixture(scope="module")
def compilers():
    compilers = Compilers()
    yield compilers
    compilers.close()


@pytest.fixture(name="again")
def fixture_again(compilers):
    """A test that ends it; the next has another."""
    yield compilers
    compilers.resident.line.close()
    compilers.resident.box.reply()
    compilers.resident.begin()


def test_language_file_asks_for_it():
    assert JAVA.file["compile"]["warm"] == "resident"
    assert len(CASES) >= 80


@pytest.mark.parametrize("case", CASES)
def test_the_same(compilers, case):
    """Twice in a row: what the first left would be seen."""
    expected = compilers.expect(case, CASES[case])
    assert expected.status in (COMPILED, ERRORS)
    for _ in range(2):
        assert compilers.resident.compile(CASES[case]) == expected


def test_in_any_order(compilers):
    """A failure names the two; SENTINEL_TEST_SEED makes other orders."""
    order = list(CASES)
    random.Random(SEED).shuffle(order)
    for before, case in zip([None, *order], order, strict=False):
        assert compilers.resident.compile(CASES[case]) == compilers.expect(case, CASES[case]), f"{case} after {before}"


@pytest.mark.parametrize("case", FOR_COLD)
def test_what_it_declines(compilers, case):
    assert compilers.resident.compile(FOR_COLD[case]) == Compiled(DECLINED, b"", {})
    assert compilers.resident.compile(CASES["hello"]) == compilers.expect("hello", CASES["hello"])


@pytest.mark.parametrize("case", THE_END)
def test_it_ends_where_javac_itself_fails(again, case):
    assert again.resident.compile(THE_END[case]) == Compiled(DECLINED, b"", {})
    with pytest.raises(Gone):
        again.resident.answer()


def test_nothing_of_a_compilation_is_in_the_next(compilers):
    """Not its classes, however they are asked for."""
    resident = compilers.resident
    first = {"Main.java": b"package p; public class Main { public static final int SECRET = 7; public static void main(String[] a) { } }",
             "p/Other.java": b"package p; public class Other { }", "Third.java": b"public class Third { }"}
    assert resident.compile(first).status == COMPILED
    for use in ("p.Main m;", "int x = p.Main.SECRET;", "p.Other o;", "Third t;", "p.* x;"):
        files = {"Main.java": main(use).encode()}
        assert resident.compile(files) == compilers.cold.compile(files)
        assert resident.compile(files).status == ERRORS


def test_it_leaves_no_file_and_takes_none(compilers):
    """Its folders are as empty after all that was compiled as they were before."""
    resident = compilers.resident
    for case in ("hello", "unknown symbols", "packages in folders"):
        resident.compile(CASES[case])
    for folder in ("work", "tmp", "dev/shm"):
        assert os.listdir(f"/proc/{resident.init()}/root/{folder}") == []


def test_it_does_not_grow(compilers):
    """Descriptors, mounts and threads stay, over two hundred compilations."""
    resident = compilers.resident

    def held():
        pid = open(f"/proc/{resident.init()}/task/{resident.init()}/children", encoding="ascii").read().split()[0]
        with open(f"/proc/{pid}/mounts", encoding="utf-8") as mounts:
            return len(os.listdir(f"/proc/{pid}/fd")), mounts.read(), len(os.listdir(f"/proc/{resident.box.process.pid}/fd"))

    def fifty():
        for i in range(50):
            assert resident.compile({"Main.java": main(f"int x{i} = {i};").encode()}).status == COMPILED
    fifty()
    before = held()
    for _ in range(3):
        fifty()
    assert held() == before


def test_it_is_spared_the_start(compilers):
    """A tenth is what is asked for; by processor time, since others work here too."""
    cold = min(compilers.cold.reply(CASES["hello"]).cpu_us for _ in range(3))
    warm = []
    for _ in range(20):
        compilers.resident.compile(CASES["hello"])
        warm.append(compilers.resident.cpu_us)
    assert 0 < min(warm) < cold / 4, (warm, cold)


def test_a_line_that_ends_ends_it(again):
    again.resident.line.close()
    reply = again.resident.box.reply()
    assert (reply.status, reply.cause, reply.exit_code, reply.stdout, reply.stderr) == ("ok", "self", 0, b"", b"")
    again.resident.begin()


def test_it_is_killed_by_its_limit(compilers):
    resident = Resident(JAVA, memory=160 * MB)
    try:
        resident.send(THE_END["more than all memory"])
        with pytest.raises(Gone):
            while resident.answer().status != READY:
                resident.send(THE_END["more than all memory"])
        assert resident.box.reply().cause in ("memory", "self")
    finally:
        resident.close()


def test_a_cancel_ends_it(again):
    again.resident.send(CASES["a method that is too large"])
    again.resident.box.cancel(again.resident.run_id)
    reply = again.resident.box.reply()
    assert (reply.status, reply.cause) == ("ok", "cancel")
    again.resident.begin()


def test_its_death_shows(again):
    os.kill(again.resident.init(), signal.SIGKILL)
    with pytest.raises(Gone):
        again.resident.answer()
    assert again.resident.box.reply().status == "failed"
    wait_until(lambda: again.resident.box.process.poll() is None, what="the box")
    again.resident.begin()
