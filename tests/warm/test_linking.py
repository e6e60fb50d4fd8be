"""C and C++ linked as the language file says, by binutils' plain linker, and statically: programs that do the same, though
their libraries come to them in another way."""

import os

import pytest

import box as wire
from box import MB
from modes import SEEN_AS, Boxed, Language

PROGRAMS = {
    "c: locale, conversion, mathematics": ("c", r"""
#include <iconv.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

int main(void)
{
    const char *locale = setlocale(LC_ALL, "");
    printf("%s %s %d\n", locale ? locale : "none", nl_langinfo(CODESET), wcwidth(L'\u65e5'));
    char in[] = "caf\xc3\xa9", out[64] = "", *from = in, *to = out;
    size_t left = strlen(in), room = sizeof out;
    iconv_t latin1 = iconv_open("ISO-8859-1", "UTF-8");
    printf("%zu %d\n", iconv(latin1, &from, &left, &to, &room), (unsigned char)out[3]);
    time_t zero = 0;
    printf("%s%.17g %.17g\n", asctime(localtime(&zero)), sin(1.0), pow(2.0, 0.5));
    wprintf(L"never\n");
}
"""),
    "c: threads and their locals": ("c", r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local int mine = 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int sum;

static void *work(void *arg)
{
    mine += *(int *)arg;
    pthread_mutex_lock(&lock);
    sum += mine;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    pthread_t threads[8];
    int numbers[8];
    for (int i = 0; i < 8; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, work, &numbers[i]) != 0)
            abort();
    }
    pthread_mutex_lock(&lock);
    while (sum < 36)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    printf("%d %d\n", sum, mine);
}
"""),
    "c: users and names of hosts": ("c", r"""
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>

int main(void)
{
    struct addrinfo *list = NULL, hints = {.ai_flags = AI_NUMERICHOST};
    printf("%d %d %d\n", getaddrinfo("127.0.0.1", NULL, &hints, &list), getaddrinfo("no.such.host.invalid", NULL, NULL, &list) != 0,
           getpwnam("nobody") != NULL);
}
"""),
    "c: the end by abort, in the middle of output": ("c", r"""
#include <stdio.h>
#include <stdlib.h>

static void at_end(void)
{
    puts("never");
}

int main(void)
{
    atexit(at_end);
    fprintf(stderr, "an error\n");
    printf("lost");
    abort();
}
"""),
    "cpp: exceptions through frames and threads": ("cpp", r"""
#include <atomic>
#include <future>
#include <iostream>
#include <locale>
#include <stdexcept>
#include <thread>
#include <vector>

struct Guard {
    ~Guard() { std::cout << "unwound\n"; }
};

static int f(int n)
{
    Guard guard;
    if (n == 0)
        throw std::out_of_range("zero");
    return f(n - 1);
}

int main()
{
    try {
        f(2);
    } catch (const std::exception &e) {
        std::cout << e.what() << '\n';
    }
    auto later = std::async(std::launch::async, [] { return f(0); });
    try {
        later.get();
    } catch (const std::out_of_range &e) {
        std::cout << "from a thread: " << e.what() << '\n';
    }
    std::atomic<int> sum = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; i++)
        threads.emplace_back([&sum, i] { sum += i; });
    threads.clear();
    std::once_flag once;
    std::call_once(once, [&] { std::cout << sum << ' ' << std::locale("").name() << ' ' << 1234567.5 << '\n'; });
    thread_local std::string text(50, 'x');
    std::cout << text << std::endl;
    throw std::runtime_error("nobody catches it");
}
"""),
    "cpp: regular expressions, streams, clocks": ("cpp", r"""
#include <bits/stdc++.h>

int main()
{
    const std::regex word("[a-z]+");
    std::string line;
    std::map<std::string, int> counts;
    while (std::getline(std::cin, line))
        for (std::sregex_iterator it(line.begin(), line.end(), word), end; it != end; ++it)
            counts[it->str()]++;
    for (auto &[text, n] : counts)
        std::cout << std::setw(6) << text << ' ' << n << '\n';
    std::cout << std::fixed << std::setprecision(3) << std::hypot(3, 4) << ' '
              << (std::chrono::steady_clock::now() > std::chrono::steady_clock::time_point{}) << '\n';
    std::mt19937 seeded(42);
    std::cout << seeded() << ' ' << std::random_device{}() % 1 << '\n';
}
"""),
}


@pytest.fixture(scope="module")
def boxes():
    boxes = {name: Boxed(Language(name)) for name in ("c", "cpp")}
    yield boxes
    for boxed in boxes.values():
        boxed.close()


def outcome(boxed, code, change):
    language = boxed.language
    name = language.source_file
    step = [word for word in language.file["compile"]["argv"] if word != "{flags}"]
    argv = [word.replace("{dir}", SEEN_AS) for word in change(step)]
    argv[argv.index("{sources}"):argv.index("{sources}") + 1] = [name]
    limits = language.limits("compile")
    reply = boxed.box.run(argv, files=[(name, code.encode(), 0)], profile=wire.COMPILE, env=language.environment,
                          limits=limits, collect=["program"], collect_max=64 * MB)
    assert (reply.status, reply.exit_code) == ("ok", 0), reply.stderr.decode()
    os.close(reply.bundle)
    reply = boxed.box.run(["./program"], files=[("program", *reply.files["program"])], stdin=b"a b c\nb c\nc\n",
                          env=language.environment, limits=language.limits("run"))
    return reply.exit_code, reply.signal, reply.stdout, reply.stderr


@pytest.mark.parametrize("case", PROGRAMS)
def test_same(boxes, case):
    language, code = PROGRAMS[case]
    expected = outcome(boxes[language], code, lambda argv: [word for word in argv if not word.startswith("-B")])
    assert expected[2] + expected[3], "it says something"
    assert outcome(boxes[language], code, list) == expected
    assert outcome(boxes[language], code, lambda argv: [argv[0], "-static", *argv[1:]]) == expected
