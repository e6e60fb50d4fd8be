/* When a warm Python program's end may be cut short, and with which status.
 *
 * Py_FinalizeEx waits for threads, runs what is registered with atexit, writes out sys.stdout and sys.stderr, and sets
 * SIGINT back to what it was at the start: sigaction() below, with an interpreter that says that it is not initialized.
 * What it does from there on, a collection of garbage and the end of all modules and types, can be seen where an object
 * has something to do at its end (objects.c), or where someone listens (gc.callbacks, audit hooks, warnings). If there
 * is none of that, and the exit status is known for certain, the process exits here. In any doubt it goes the long way.
 *
 * The status is known when the frame of the script itself has been seen to return, or to raise SystemExit with a
 * number, or another exception for which Python's own hook was called. An audit hook of ours hears of the script's code
 * just before it is run; then the interpreter calls us for the next frame instead of its own function, once.
 *
 * The program's own objects are those that the collector's lists have behind what was there at the door; a program that
 * has all of it collected, or freezes it, goes the long way. Nothing here runs a byte of the program's code, and of the
 * server's objects next to none is written to. */
#include "python.h"
#include "util.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OBJECTS_MOST = 50000, /* more take as long as the end itself; nor is an end of such depth one that may overflow */
    STREAM_LAYERS = 3,
    FILTERS_MOST = 16,
    COUNT_MORE = 100, /* objects that it takes us to ask for their number */
    UNKNOWN = -1,     /* status */
    LINK_FLAGS = 3,
};

struct python python;

/* What there was at the door. */
static bool is_prepared;
static const char *script, *absolute; /* names that its code may have */
static struct object *collector;      /* the module gc */
static struct object *excepthook;
static struct object *streams[3][STREAM_LAYERS];
static struct object *filters, *filter[FILTERS_MOST];
static long filter_count;

/* The collector's lists, of three generations; each has its figures beside it. An object's own links stand before it.
 */
static struct generation {
    struct links {
        struct links *next;
        uintptr_t previous; /* in an object's, its lowest bits are flags */
    } links;
    int threshold, count;
} * generations;
static struct object *eldest, *youngest; /* of the oldest generation at the door, first and last: ours */

/* A program's. */
static pid_t program;
static bool has_begun;      /* the first code was seen that it executes, which is the script's */
static atomic_bool is_loud; /* something was seen that an end could show */
static int status = UNKNOWN;

/* ---- what Python tells while it runs ----------------------------------------------------------------------------- */

/* Modules in C whose objects are known to objects.c, or have no end that shows. */
static bool is_known_module(const char *name)
{
    static const char *const names[] = {
        "_bisect", "_blake2", "_bz2",  "_contextvars", "_csv",    "_datetime",        "_decimal", "_hashlib",
        "_heapq",  "_json",   "_lzma", "_md5",         "_opcode", "_posixsubprocess", "_queue",   "_random",
        "_sha1",   "_sha2",   "_sha3", "_statistics",  "_struct", "_typing",          "_uuid",    "_zoneinfo",
        "array",   "cmath",   "math",  "resource",     "select",  "unicodedata",      "zlib",     "binascii",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* Of an import only those of modules in C have a file's name. */
static bool is_loud_import(struct object *args)
{
    struct object *name = python.tuple_get(args, 0), *file = python.tuple_get(args, 1);
    const char *text = name == NULL || file == NULL || file == python.none ? NULL : python.text(name, NULL);
    if (python.error() == NULL)
        return text != NULL && !is_known_module(text);
    python.error_clear();
    return true;
}

/* Of an exception that nobody caught. */
static int status_of(struct object *type, struct object *value)
{
    struct object *code = value;
    if (type != *python.system_exit)
        return python.is_subtype(type, *python.system_exit) || python.is_subtype(type, *python.interrupt) ? UNKNOWN : 1;
    bool made = value != NULL && python_type(value) == type; /* before 3.12, not yet always */
    if (made)
        code = python.get_attr(value, "code");
    int number = UNKNOWN;
    if (code == NULL || code == python.none)
        number = 0;
    else if (python_type(code) == python.type_of_integers)
        number = (int)python.number(code) & 0xff; /* as the kernel does */
    else if (python_type(code) == python.type_of_texts)
        number = 1; /* once it is printed */
    if (made)
        python.release(code);
    if (python.error() == NULL)
        return number;
    python.error_clear();
    return UNKNOWN;
}

static struct object *run_script(void *thread, void *frame, int throwing)
{
    python.set_evaluator(python.interpreter(), python.evaluate);
    struct object *result = python.evaluate(thread, frame, throwing);
    status = 0;
    if (result == NULL) {
        struct object *type, *value, *trace;
        python.error_take(&type, &value, &trace);
        status = status_of(type, value);
        python.error_give(type, value, trace);
    }
    return result;
}

static void on_exec(struct object *args)
{
    struct object *code = python.tuple_get(args, 0);
    struct object *file = code == NULL ? NULL : python.get_attr(code, "co_filename");
    const char *name = file == NULL ? NULL : python.text(file, NULL);
    if (name != NULL && (strcmp(name, script) == 0 || strcmp(name, absolute) == 0))
        python.set_evaluator(python.interpreter(), run_script);
    python.release(file);
    python.error_clear();
    has_begun = true;
}

/* It may be the program's own; and the script's code may have an error for which it never runs. */
static void on_excepthook(struct object *args)
{
    if (python.tuple_get(args, 0) != excepthook)
        is_loud = true;
    else if (!has_begun)
        status = status_of(python.tuple_get(args, 1), NULL);
}

static int on_audit(const char *event, struct object *args, void *unused)
{
    static const char *const loud[] = {"sys.addaudithook",
                                       "sys.unraisablehook",
                                       "sys.settrace",
                                       "sys.setprofile",
                                       "sys.monitoring.register_callback",
                                       "cpython.PyInterpreterState_New"};
    (void)unused;
    if (program == 0 || is_loud)
        return 0;
    if (!has_begun && strcmp(event, "exec") == 0)
        on_exec(args);
    else if (strcmp(event, "import") == 0)
        is_loud = is_loud_import(args);
    else if (strcmp(event, "compile") == 0 && has_begun && python.was_interrupted == NULL)
        is_loud = python.tuple_get(args, 0) != python.none; /* text; an interrupt out of that ends all, caught or not */
    else if (strcmp(event, "sys.excepthook") == 0)
        on_excepthook(args);
    for (size_t i = 0; i < ARRAY_LEN(loud); i++) {
        if (strcmp(event, loud[i]) == 0)
            is_loud = true;
    }
    return 0;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* The program itself, and no child of its, with one thread. */
static bool is_alone(void)
{
    struct stat tasks;
    return getpid() == program && stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3;
}

static bool take_layers(const char *name, struct object *layers[STREAM_LAYERS])
{
    static const char *const below[] = {"buffer", "raw"};
    layers[0] = python.sys_get(name);
    for (int i = 1; i < STREAM_LAYERS; i++) {
        layers[i] = layers[i - 1] == NULL ? NULL : python.get_attr(layers[i - 1], below[i - 1]);
        python.release(layers[i]); /* its owner has one more */
    }
    return layers[STREAM_LAYERS - 1] != NULL;
}

static const char *const stream_names[] = {"stdin", "stdout", "stderr"};

/* A stream that another one took the place of may have something to write when it goes. */
static bool stream_is_same(int fd)
{
    struct object *layers[STREAM_LAYERS];
    if (python.sys_get(stream_names[fd]) != streams[fd][0] || !take_layers(stream_names[fd], layers) ||
        memcmp(layers, streams[fd], sizeof layers) != 0)
        return false;
    for (int i = 0; i < STREAM_LAYERS; i++) {
        if (!object_has_own_methods(layers[i]))
            return false;
    }
    return true;
}

/* It was written out just now; what failed then fails again, unless it would have had to wait. */
static bool stream_is_empty(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK) != 0)
        return false;
    struct object *done = python.call_method(streams[fd][0], "flush", NULL);
    python.release(done);
    return done != NULL;
}

static long call_number(const char *function)
{
    struct object *value = python.call_method(collector, function, NULL);
    long number = value == NULL ? -1 : python.number(value);
    python.release(value);
    return number;
}

static long list_attribute_size(struct object *module, const char *name)
{
    struct object *list = python.dict_get(python.module_dict(module), name);
    return list == NULL ? -1 : python.list_size(list);
}

/* Of the oldest generation. */
static long full_collections(void)
{
    struct object *stats = python.call_method(collector, "get_stats", NULL);
    struct object *oldest = stats == NULL ? NULL : python.list_get(stats, 2);
    struct object *number = oldest == NULL ? NULL : python.dict_get(oldest, "collections");
    long count = number == NULL ? -1 : python.number(number);
    python.release(stats);
    return count;
}

static struct links *links_of(struct object *o)
{
    return (struct links *)(void *)o - 1;
}

static bool collector_is_quiet(void)
{
    return full_collections() == 0 && generations[2].links.next == links_of(eldest) &&
           call_number("get_freeze_count") == 0 && call_number("get_debug") == 0 &&
           list_attribute_size(collector, "callbacks") == 0 && list_attribute_size(collector, "garbage") == 0;
}

/* The list that decides on warnings: the module's when it is there, which the program may have given another. */
static struct object *find_filters(void)
{
    struct object *module = python.dict_get(python.modules(), "warnings");
    if (module == NULL)
        module = python.dict_get(python.modules(), "_warnings");
    if (module == NULL || python_type(module) != python.type_of_modules)
        return NULL;
    return python.dict_get(python.module_dict(module), "filters");
}

static bool filters_are_same(void)
{
    if (find_filters() != filters || python.list_size(filters) != filter_count)
        return false;
    for (long i = 0; i < filter_count; i++) {
        if (python.list_get(filters, i) != filter[i])
            return false;
    }
    return true;
}

/* What the list has behind one of its links. */
static bool are_quiet(const struct links *last, const struct links *head, long *count)
{
    for (; last->next != head; last = last->next) {
        if (++*count > OBJECTS_MOST || !object_is_quiet((struct object *)(void *)(last->next + 1)))
            return false;
    }
    return true;
}

static bool objects_are_quiet(void)
{
    const struct links *old = &generations[2].links, *middle = &generations[1].links, *young = &generations[0].links;
    long count = 0;
    return are_quiet(links_of(youngest), old, &count) && are_quiet(middle, middle, &count) &&
           are_quiet(young, young, &count);
}

static bool is_quiet(void)
{
    return getenv("PYTHONINSPECT") == NULL && is_alone() && stream_is_same(0) && stream_is_same(1) &&
           stream_is_same(2) && stream_is_empty(1) && stream_is_empty(2) && collector_is_quiet() &&
           filters_are_same() && objects_classes_are_same() && objects_are_quiet();
}

static void end(void)
{
    int was_enabled = python.gc_disable(); /* what we make must not start a collection before its time */
    bool interrupted = python.was_interrupted != NULL && *python.was_interrupted != 0;
    if (status != UNKNOWN && !is_loud && !interrupted && python.error() == NULL && is_quiet())
        exit(status); /* NOLINT(concurrency-mt-unsafe): there is one thread */
    python.error_clear();
    program = 0;
    if (was_enabled != 0)
        python.gc_enable();
}

/* ---- a call of libc's, before which ours stands (door.c) --------------------------------------------------------- */

__attribute__((visibility("default"))) int sigaction(int number, const struct sigaction *action,
                                                     struct sigaction *ret_was)
{
    static int (*real)(int number, const struct sigaction *action, struct sigaction *ret_was);
    if (real == NULL)
        *(void **)(&real) = dlsym(RTLD_NEXT, "sigaction");
    int result = real(number, action, ret_was);
    if (program != 0 && number == SIGINT && action != NULL && action->sa_handler == SIG_DFL &&
        python.is_initialized() == 0)
        end();
    return result;
}

/* ---- the server -------------------------------------------------------------------------------------------------- */

static bool find_symbols(void)
{
    const struct {
        const char *name;
        void *where;
    } symbols[] = {{"PyGILState_Ensure", &python.gil_ensure},
                   {"PyGILState_Release", &python.gil_release},
                   {"Py_IsInitialized", &python.is_initialized},
                   {"PySys_AddAuditHook", &python.add_audit_hook},
                   {"PySys_GetObject", &python.sys_get},
                   {"PyImport_ImportModule", &python.import},
                   {"PyImport_GetModuleDict", &python.modules},
                   {"PyModule_GetDict", &python.module_dict},
                   {"PyObject_GetAttrString", &python.get_attr},
                   {"PyObject_CallMethod", &python.call_method},
                   {"Py_GetVersion", &python.version},
                   {"PyList_New", &python.list_new},
                   {"PyList_Size", &python.list_size},
                   {"PyList_GetItem", &python.list_get},
                   {"PyTuple_GetItem", &python.tuple_get},
                   {"PyDict_Size", &python.dict_size},
                   {"PyDict_GetItemString", &python.dict_get},
                   {"PyDict_DelItemString", &python.dict_remove},
                   {"PyUnicode_AsUTF8AndSize", &python.text},
                   {"PyLong_AsLong", &python.number},
                   {"PyType_GetSlot", &python.type_slot},
                   {"PyType_IsSubtype", &python.is_subtype},
                   {"PyErr_Occurred", &python.error},
                   {"PyWeakref_NewRef", &python.weak_new},
                   {"PyWeakref_GetObject", &python.weak_get},
                   {"PyInterpreterState_Get", &python.interpreter},
                   {"_PyInterpreterState_SetEvalFrameFunc", &python.set_evaluator},
                   {"_PyEval_EvalFrameDefault", &python.evaluate},
                   {"PyErr_Fetch", &python.error_take},
                   {"PyErr_Restore", &python.error_give},
                   {"PyErr_Clear", &python.error_clear},
                   {"PyGC_Disable", &python.gc_disable},
                   {"PyGC_Enable", &python.gc_enable},
                   {"Py_DecRef", &python.release},
                   {"Py_IncRef", &python.hold},
                   {"_Py_NoneStruct", &python.none},
                   {"PyType_Type", &python.type_of_types},
                   {"PyLong_Type", &python.type_of_integers},
                   {"PyUnicode_Type", &python.type_of_texts},
                   {"PyModule_Type", &python.type_of_modules},
                   {"PyExc_BaseException", &python.any_exception},
                   {"PyExc_KeyboardInterrupt", &python.interrupt},
                   {"PyExc_SystemExit", &python.system_exit}};
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        void **where = symbols[i].where;
        *where = dlsym(RTLD_DEFAULT, symbols[i].name);
        if (*where == NULL)
            return false;
    }
    python.was_interrupted = dlsym(RTLD_DEFAULT, "_Py_UnhandledKeyboardInterrupt");
    return true;
}

/* Those that objects.c and this file were written for, and their tests run with. */
static bool is_known_version(void)
{
    static const char *const known[] = {"3.11.", "3.12.", "3.13."};
    const char *version = python.version();
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strncmp(version, known[i], strlen(known[i])) == 0)
            return strstr(version, "free-threading") == NULL;
    }
    return false;
}

/* Options and variables that make an end say more, or that we do not know. */
static bool is_plain_start(void)
{
    extern char **environ;
    static const char *const known[] = {"PYTHONDONTWRITEBYTECODE=", "PYTHONHASHSEED=", "PYTHONIOENCODING=",
                                        "PYTHONUNBUFFERED=",        "PYTHONUTF8=",     "PYTHONPATH=",
                                        "PYTHONNOUSERSITE=",        "PYTHONSAFEPATH="};
    for (char **variable = environ; *variable != NULL; variable++) {
        bool is_known = strncmp(*variable, "PYTHON", 6) != 0;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            is_known |= strncmp(*variable, known[i], strlen(known[i])) == 0;
        if (!is_known)
            return false;
    }
    static const char *const flags[] = {"debug", "inspect", "interactive", "verbose", "dev_mode"};
    struct object *told = python.sys_get("flags"), *x = python.sys_get("_xoptions"), *w = python.sys_get("warnoptions");
    bool plain = told != NULL && x != NULL && w != NULL && python.dict_size(x) == 0 && python.list_size(w) == 0;
    for (size_t i = 0; plain && i < ARRAY_LEN(flags); i++) {
        struct object *value = python.get_attr(told, flags[i]);
        plain = value != NULL && python.number(value) == 0;
        python.release(value);
    }
    return plain;
}

static bool tuple_is(const char *function, const int want[3], int more)
{
    struct object *tuple = python.call_method(collector, function, NULL);
    bool is = tuple != NULL;
    for (int i = 0; is && i < 3; i++) {
        long told = python.number(python.tuple_get(tuple, i));
        is = told >= want[i] && told <= want[i] + (i == 0 ? more : 0);
    }
    python.release(tuple);
    return is;
}

/* A new object's next neighbour is the head of its list. */
static bool find_generations(void)
{
    struct object *list = python.list_new(0);
    if (list != NULL)
        generations = (struct generation *)(void *)links_of(list)->next;
    python.release(list);
    return list != NULL;
}

static long length(const struct links *head)
{
    long count = 0;
    for (const struct links *at = head->next; at != head; at = at->next)
        count++;
    return count;
}

/* What was found there is believed when gc's functions tell the same. */
static bool generations_are(const int thresholds[3], const int counts[3])
{
    if (!tuple_is("get_threshold", thresholds, 0) || !tuple_is("get_count", counts, COUNT_MORE) ||
        full_collections() != 0)
        return false;
    struct object *list = python.call_method(collector, "get_objects", NULL);
    long count = list == NULL ? -1 : python.list_size(list) + 1; /* without itself */
    python.release(list);
    for (int i = 0; i < 3; i++)
        count -= length(&generations[i].links);
    return count >= 0 && count <= 1;
}

static void join(struct links *first, struct links *second)
{
    first->next = second;
    second->previous = (uintptr_t)first | (second->previous & LINK_FLAGS);
}

static struct links *previous(const struct links *links)
{
    uintptr_t bits = links->previous & ~(uintptr_t)LINK_FLAGS;
    struct links *result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* Puts the list between two that follow each other in another. */
static void move_list(struct links *head, struct links *first, struct links *second)
{
    if (head->next == head)
        return;
    join(previous(head), second);
    join(first, head->next);
    head->next = head;
    head->previous = (uintptr_t)head;
}

/* All that there is becomes old, between two objects of ours. */
static bool take_generations(void)
{
    struct links *old = &generations[2].links, *young = &generations[0].links;
    youngest = python.list_new(0);
    move_list(&generations[1].links, previous(old), old);
    move_list(young, previous(old), old);
    eldest = python.list_new(0);
    move_list(young, old, old->next);
    return eldest != NULL && old->next == links_of(eldest) && previous(old) == links_of(youngest);
}

static bool take_filters(void)
{
    filters = find_filters();
    filter_count = filters == NULL ? -1 : python.list_size(filters);
    for (long i = 0; i < filter_count && i < FILTERS_MOST; i++) {
        filter[i] = python.list_get(filters, i);
        python.hold(filter[i]); /* or another could come to be where it was */
    }
    return filter_count >= 0 && filter_count <= FILTERS_MOST;
}

/* Without a trace in sys.modules, where a program may look. */
static bool take_collector(void)
{
    bool was_there = python.dict_get(python.modules(), "gc") != NULL;
    collector = python.import("gc");
    return collector != NULL && (was_there || python.dict_remove(python.modules(), "gc") == 0);
}

static bool look_at_objects(void)
{
    struct object *list = python.call_method(collector, "get_objects", NULL);
    bool known = list != NULL && objects_prepare(list);
    python.release(list);
    return known;
}

bool python_prepare(const char *name, const char *other_name)
{
    if (!find_symbols())
        return false;
    script = name;
    absolute = other_name;
    int gil = python.gil_ensure();
    int was_enabled = python.gc_disable();
    bool known = is_known_version() && is_plain_start() && find_generations();
    int counts[3] = {0}, thresholds[3] = {0};
    for (int i = 0; known && i < 3; i++) {
        counts[i] = generations[i].count;
        thresholds[i] = generations[i].threshold;
    }
    known = known && take_collector() && generations_are(thresholds, counts);
    excepthook = python.sys_get("excepthook");
    known = known && excepthook != NULL && take_filters() && look_at_objects();
    for (int fd = 0; known && fd <= 2; fd++)
        known = take_layers(stream_names[fd], streams[fd]) && stream_is_same(fd);
    is_prepared = known && python.add_audit_hook(on_audit, NULL) == 0 && take_generations();
    for (int i = 0; is_prepared && i < 3; i++)
        generations[i].count = counts[i]; /* so that collections come when they would have come */
    python.error_clear();
    if (was_enabled != 0)
        python.gc_enable();
    python.gil_release(gil);
    return is_prepared;
}

void python_begin(void)
{
    if (is_prepared)
        program = getpid();
}
