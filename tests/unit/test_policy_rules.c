/* Each rule of each shipped language finds what it is for, and leaves alone what only looks like it. */
#include "config.h"
#include "policy.h"
#include "tap.h"

static const struct {
    const char *languages; /* with blanks between */
    const char *rule;
    const char *hit, *miss;
} rows[] = {
    {"bash", "eval", "x=1; eval \"$x\"", "echo eval; evaluate 1; # eval x"},
    {"bash", "network by a redirection", "exec 3<>/dev/tcp/10.0.0.1/80", "echo x >/dev/null"},
    {"bash", "program that reaches the network or the system", "if true; then curl x; fi",
     "echo curl; curly=1; mount=2; sum=$((nc + 1)); su=3"},
    {"bash", "program that reaches the network or the system", "x=$(wget -qO- y)", "case $x in ssh-key) echo;; esac"},
    {"bash", "function that forks itself", ":(){ :|:& };:", "f() { g | h & }; f"},
    {"bash", "source of a file outside", "source /etc/profile", "source ./lib.sh; . lib.sh"},
    {"bash", "kernel's files", "cat /proc/self/maps", "cat src/proc/x ./sys/y"},
    {"c cpp", "include of a system header", "#include <sys/socket.h>", "#include <sys/types.h>\n#include <stdio.h>"},
    {"c cpp", "call that starts a program", "int x = system(\"ls\");", "int filesystem(int); int x = a.fork_count;"},
    {"c cpp", "inline assembly", "__asm__(\"nop\");", "int asm_count, plasm;"},
    {"go", "import of a package that reaches the system", "import \"os/exec\"", "import \"os\"\nimport \"networks\""},
    {"java", "import of a package that reaches the system", "import java.net.Socket;",
     "import java.util.*;\nimport java.nio.charset.StandardCharsets;"},
    {"java", "start of a program", "new ProcessBuilder(\"ls\")", "class MyProcessBuilders {} int runtime;"},
    {"java", "native code", "System.loadLibrary(\"x\");", "System.out.println(1); ClassLoader.load(1);"},
    {"javascript typescript", "import of a module that reaches the system", "import * as c from 'node:child_process';",
     "import fs from './fs-like'; const readline = require('readline');"},
    {"javascript typescript", "eval or Function", "const f = new Function('return 1');",
     "medieval(1); x.eval(1); Functional(2);"},
    {"javascript typescript", "process internals", "process.binding('fs')",
     "process.stdin.on('data', f); reprocess.kill()"},
    {"php", "call that starts a program", "<?php echo shell_exec('ls');",
     "<?php function system($x) {} $db->exec('x'); A::exec(1); $exec(1);"},
    {"php", "call that starts a program", "<?php $x = `ls`;", "<?php // quote `x` like this\n"},
    {"php", "network", "<?php $s = fsockopen('10.0.0.1', 80);", "<?php $o->curl_init(); echo 'see http';"},
    {"php", "network", "<?php echo file_get_contents('http://10.0.0.1/');", "<?php echo 'x', \"y\";"},
    {"php", "eval", "<?php eval('1;');", "<?php $m->eval(1); medieval(2); assert($x > 1);"},
    {"php", "include of what is computed", "<?php include $_GET['x'];", "<?php require_once 'lib.php';"},
    {"php", "files", "<?php $f = fopen('/etc/passwd', 'r');",
     "<?php $f = fopen('php://stdin', 'r'); $g = file_get_contents(\"php://stdin\"); rewind($f);"},
    {"python", "import of a module that reaches the system", "import os, sys", "import osmium\nprint('import os')"},
    {"python", "import by name", "__import__('os')", "import_by_name('os')"},
    {"python", "eval or exec", "x = eval('1')", "model.eval(); retrieval(1); executor(2)"},
    {"python", "open", "f = open('x')", "reopen(1); gate.open()"},
    {"python", "walk to builtins", "().__class__.__bases__", "self.__dict__; __name__"},
    {"ruby", "require of a library that reaches the system", "require 'socket'", "require 'set'\nrequire 'socketless'"},
    {"ruby", "require of a library that reaches the system", "require(\"net/http\")", "require_relative 'network'"},
    {"ruby", "start of a program", "system('ls')", "filesystem(1); solar.system('x'); system = 2; @exec (3)"},
    {"ruby", "start of a program", "x = `ls`", "# quotes `x` here\n"},
    {"ruby", "start of a program", "fork do\n  puts 1\nend", "fork = 3; puts fork + 1; pitchfork()"},
    {"ruby", "start of a program", "IO.popen('ls')", "AudIO.popens; process.exec_count"},
    {"ruby", "evaluation of text", "eval(gets)", "retrieval(1); model.eval(2); obj.instance_eval { @x }"},
    {"ruby", "files", "puts File.read('/etc/passwd')", "File.basename('x'); STDIN.read; profile.read"},
    {"ruby", "walk over all objects", "ObjectSpace.each_object { }", "MyObjectSpaces.new"},
    {"rust", "use of a module that reaches the system", "use std::process::Command;",
     "use std::processes; use mystd::fs;"},
    {"rust", "use of a module that reaches the system", "use std::{io, fs};", "use std::{io, fmt};"},
    {"rust", "unsafe", "unsafe { *p }", "let unsafe_count = 1; // unsafe"},
    {"rust", "inline assembly", "asm!(\"nop\");", "let asm = plasm!(1);"},
    {"rust", "foreign functions", "extern \"C\" { fn getpid() -> i32; }", "extern crate core; // extern"},
    {"rust", "file read while compiling", "let s = include_str!(\"/etc/passwd\");",
     "let s = include_str!(\"data.txt\");"},
};

static struct lang_table langs;

/* What is found in a program of one file. */
static struct policy_result check(const struct policy *policy, const char *language, const char *code)
{
    struct source_file file = {.name = (char *)"main", .content = {(char *)code, strlen(code)}};
    struct submission submission = {.language = (char *)language, .files = &file, .file_count = 1};
    return policy_check(policy, &submission);
}

static bool has_word(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at += len)
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
            return true;
    return false;
}

static void test_row(const struct policy *policy, const char *language, size_t row)
{
    struct policy_result hit = check(policy, language, rows[row].hit), miss = check(policy, language, rows[row].miss);
    if (!ok(hit.mode == POLICY_WARN && strstr(hit.text, rows[row].rule), "%s: %s is found", language, rows[row].rule))
        printf("#   in: %s\n#   found: %s\n", rows[row].hit, hit.text);
    if (!ok(miss.mode == POLICY_OFF, "%s: %s: what only looks like it is let be", language, rows[row].rule))
        printf("#   in: %s\n#   found: %s\n", rows[row].miss, miss.text);
}

static size_t count_rows(const char *language, const char *rule)
{
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        count += has_word(rows[i].languages, language) && strcmp(rows[i].rule, rule) == 0;
    return count;
}

static void test_language(const struct policy *policy, const struct lang *lang)
{
    ok(lang->policy_count > 0, "%s has rules", lang->name);
    for (size_t i = 0; i < lang->policy_count; i++)
        ok(count_rows(lang->name, lang->policy[i].name) > 0, "%s: there is a row for %s", lang->name,
           lang->policy[i].name);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (has_word(rows[i].languages, lang->name))
            test_row(policy, lang->name, i);
    ok(check(policy, lang->name, lang->example).mode == POLICY_OFF, "%s: nothing is found in its example", lang->name);
}

int main(void)
{
    struct err err = {0};
    struct lang_ceilings ceilings = {.most = {120000, 300000, 1024, 256, 4096, 102400, 4000}};
    struct config config = {.code_policy = (char *)"warn"};
    struct policy *policy = NULL;
    if (!is_int(lang_table_load(SHIPPED_LANGUAGES, "all", &ceilings, false, &langs, &err), 0,
                "the shipped languages") ||
        !is_int(policy_create(&config, &langs, &policy, &err), 0, "their rules"))
        return done_testing();
    for (size_t i = 0; i < langs.count; i++)
        test_language(policy, &langs.langs[i]);
    policy_destroy(policy);
    lang_table_finish(&langs);
    return done_testing();
}
