/* The catalogue, 63 to 77: compilers and interpreters as the language files start them, and what is not the box's. */
#include "cases.h"
#include "checks.h"

#define REFUSED .good = good_refused_compilation, .wanted = "a refusal without a host file's contents"
#define ENDS                                                                                       \
    .causes = BY_ITSELF | BY_CPU | BY_WALL | BY_MEMORY | BY_OUTPUT, .good = good_compilation_ends, \
    .wanted = "no program, and no more than the kept diagnostics"
#define PATIENT                                                                            \
    {                                                                                      \
        .cpu_ms = 2000, .wall_ms = 15000, .processes = 64, .memory_mb = 512, .file_mb = 64 \
    }

static const struct step host_includes[] = {
    {.language = "c", .source = "#include \"/etc/shadow\"\n", REFUSED},
    {.language = "c", .source = "#include \"/etc/passwd\"\n", REFUSED},
    {.language = "c", .source = "#include \"/proc/1/environ\"\n", REFUSED},
    {.language = "c", .source = "__asm__(\".incbin \\\"/etc/passwd\\\"\");\nint main(void) { return 0; }\n", REFUSED},
    {.language = "cpp", .source = "#include \"/etc/passwd\"\n", REFUSED},
};
static const struct step endless_include[] = {
    {.language = "c", .source = "#include </dev/zero>\n", .limits = PATIENT, ENDS},
    {.language = "c", .source = "#include </dev/random>\n", .limits = PATIENT, ENDS},
};
static const struct step huge_object[] = {
    {.language = "c", .source = "int main[-1u] = {1};\n", .limits = PATIENT, ENDS},
};
static const struct step many_errors[] = {
    {.language = "c", .source = "#include \"main.c\"\n#include \"main.c\"\nx\n", .limits = PATIENT, ENDS},
    {.language = "cpp",
     .source = "#define A x y z;\n#define B A A A A A A A A\n#define C B B B B B B B B\n#define D C C C C C C C C\n"
               "D D D D D D D D D D D D D D D D\n",
     .limits = PATIENT,
     ENDS},
};
static const struct step recursion[] = {
    {.language = "cpp",
     .source = "template <int N> struct s { static const int v = s<N + 1>::v + s<N + 2>::v; };\n"
               "int main() { return s<0>::v; }\n",
     .limits = PATIENT,
     ENDS},
    {.language = "cpp",
     .source = "constexpr long f(long n) { return n < 2 ? 1 : f(n - 1) + f(n - 2); }\n"
               "int main() { static_assert(f(90) > 0); }\n",
     .limits = PATIENT,
     ENDS},
};
static const struct step compiler_doors[] = {
    {.language = "go",
     .source = "package main\nimport _ \"embed\"\n//go:embed /etc/passwd\nvar s string\nfunc main() { print(s) }\n",
     REFUSED},
    {.language = "go", .source = "package main\n// #include \"/etc/passwd\"\nimport \"C\"\nfunc main() {}\n", REFUSED},
    {.language = "rust", .source = "fn main() { print!(\"{}\", include_str!(\"/etc/passwd\")); }\n", REFUSED},
    {.language = "java", .source = "public class Main { }\n", .flags = "@/etc/passwd", REFUSED},
    {.language = "java", .source = "public class Main { }\n", .flags = "-processorpath=/etc", REFUSED},
};
/* The first run spoils what it can; the second sees nothing of it. */
static const struct step shared_state[] = {
    {.language = "python",
     .source = "import builtins, os, random, sys, types\nt = os.environ['TMPDIR']\nbuiltins.leak = "
               "1\nos.environ['LEAK'] = '1'\nrandom.seed(1)\n"
               "sys.modules['leak'] = types.ModuleType('leak')\nsys.path.insert(0, t)\nos.umask(0o777)\n"
               "open(t + '/leak.py', 'w')\nleaked = open(t + '/leak', 'w')\nos.chdir('/')\nsys.stdout.close()\n",
     .exited = EXITED(0)},
    {.language = "python",
     .source = "import builtins, os, sys\nt = os.environ['TMPDIR']\nprint(hasattr(builtins, 'leak'), 'LEAK' in "
               "os.environ, 'leak' in sys.modules,\n"
               "      t in sys.path, os.path.exists(t + '/leak'), os.umask(0o22) == 0o777, os.getcwd() == '/')\n",
     .exited = EXITED(0),
     .out = "False False False False False False False"},
};
static const struct step corruption[] = {
    {.language = "python", .source = "import ctypes\nctypes.memset(id(int), 0xff, 64)\nint('7')\n", .signal = ANY},
    {.language = "python",
     .source = "import gc, sys\nsys.setrecursionlimit(10)\ngc.disable()\nsys.exit(0)\n",
     .exited = EXITED(0)},
    {.language = "python",
     .source = "import sys, gc\nprint(int('7'), sys.getrecursionlimit() > 100, gc.isenabled())\n",
     .out = "7 True True"},
};
static const struct step endings[] = {
    {.language = "python", .source = "import os\nprint('x')\nos._exit(3)\n", .exited = EXITED(3), .out = ""},
    {.language = "python", .source = "import sys\nprint('x', end='')\nsys.exit('text')\n", .exited = EXITED(1)},
    {.language = "python", .source = "raise SystemExit(3)\n", .exited = EXITED(3), .out = ""},
    {.language = "python", .source = "def\n", .exited = EXITED(1), .out = ""},
    {.language = "python",
     .source = "import atexit\natexit.register(print, 'last')\n",
     .exited = EXITED(0),
     .out = "last"},
    {.language = "python", .source = "def f(): f()\nf()\n", .exited = EXITED(1), .out = ""},
    {.language = "python", .source = "raise KeyboardInterrupt\n", .signal = SIGINT, .out = ""},
    {.language = "python",
     .source = "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n",
     .limits = {.wall_ms = 1000},
     .causes = BY_WALL},
};

#define OF_THE_MASTER "the master's: tests/e2e sends it to a whole service"

const struct abuse abuses_of_languages[] = {
    {{63}, "host-includes", "a source that includes the host's files", STEPS(host_includes)},
    {{64}, "endless-include", "a source that includes a device without end", STEPS(endless_include)},
    {{65}, "huge-object", "16 GB of initialised data", STEPS(huge_object)},
    {{66}, "many-errors", "includes itself, an explosion of errors", STEPS(many_errors)},
    {{67}, "compile-recursion", "templates and constexpr without end", STEPS(recursion)},
    {{68}, "compiler-doors", "embedded files, cgo, argument files, processors", STEPS(compiler_doors)},
    {{70},
     "different-builds",
     "a binary that differs per build",
     .elsewhere = "what compiled programs are kept under is the executor's, not the box's"},
    {{71}, "shared-state", "leaves globals, modules, files for the next run", STEPS(shared_state)},
    {{72}, "corruption", "corrupts its interpreter", STEPS(corruption)},
    {{73}, "endings", "ends in every way that Python knows", STEPS(endings)},
    {{74},
     "services-die",
     "kills executor, master and Redis in the middle",
     .elsewhere = "several programs' matter: ./dev test chaos"},
    {{75}, "bad-requests", "malformed JSON, odd names, 10,000 files", .elsewhere = OF_THE_MASTER},
    {{76}, "slow-senders", "slow and half requests, idle connections", .elsewhere = OF_THE_MASTER},
    {{77}, "callbacks", "a callback URL to loopback and private ranges", .elsewhere = OF_THE_MASTER},
};
const size_t abuses_of_languages_count = ARRAY_LEN(abuses_of_languages);
