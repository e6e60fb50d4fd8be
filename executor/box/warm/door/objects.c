/* Which of Python's objects can end without anybody's notice: those of C types that are known to do no more than to
 * give memory back, and those of classes that say nothing of an end (__del__) and stand on such a type. Of others we
 * say that they can be seen: a file may have bytes to write, a generator a `finally` to run, a weak reference a
 * callback.
 *
 * Objects that the collector does not track cannot be looked at. They are of classes, which can: a class with __del__
 * is enough. C types without tracking have no end that shows, but for a ResourceWarning (python.c looks at filters). */
#include "python.h"
#include "util.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Slots' numbers, of the stable interface. */
enum { TP_BASE = 48, TP_DEALLOC = 52, TP_FINALIZE = 80 };

enum kind {
    LOUD, /* or unknown */
    PLAIN,
    CLASS,
    GENERATOR,
    COROUTINE,
    REFERENCE,
    RAW_FILE,
    READER,
    WRITER,
    TEXT_FILE,
    MEMORY_FILE,
};

/* C types by name, sorted. A class of the program's that has such a name is none of these: kind_of(). */
static const struct known {
    const char *name;
    enum kind kind;
} known[] = {
    {"_abc._abc_data", PLAIN},
    {"_collections._deque_iterator", PLAIN},
    {"_collections._deque_reverse_iterator", PLAIN},
    {"_collections._tuplegetter", PLAIN},
    {"_contextvars.Context", PLAIN},
    {"_contextvars.ContextVar", PLAIN},
    {"_contextvars.Token", PLAIN},
    {"_csv.Dialect", PLAIN},
    {"_csv.reader", PLAIN},
    {"_csv.writer", PLAIN},
    {"_io.BufferedReader", READER},
    {"_io.BufferedWriter", WRITER},
    {"_io.BytesIO", MEMORY_FILE},
    {"_io.FileIO", RAW_FILE},
    {"_io.StringIO", MEMORY_FILE},
    {"_io.TextIOWrapper", TEXT_FILE},
    {"_json.Encoder", PLAIN},
    {"_json.Scanner", PLAIN},
    {"_queue.SimpleQueue", PLAIN},
    {"_random.Random", PLAIN},
    {"_sre.SRE_Scanner", PLAIN},
    {"_sre.SRE_Template", PLAIN},
    {"_struct.Struct", PLAIN},
    {"_thread.RLock", PLAIN},
    {"_thread._ThreadHandle", PLAIN},
    {"_thread._local", PLAIN},
    {"_thread._localdummy", PLAIN},
    {"_thread.lock", PLAIN},
    {"array.array", PLAIN},
    {"array.arrayiterator", PLAIN},
    {"ast.AST", PLAIN},
    {"builtin_function_or_method", PLAIN},
    {"builtin_method", PLAIN},
    {"bytearray", PLAIN},
    {"bytearray_iterator", PLAIN},
    {"bytes", PLAIN},
    {"bytes_iterator", PLAIN},
    {"callable_iterator", PLAIN},
    {"cell", PLAIN},
    {"classmethod", PLAIN},
    {"classmethod_descriptor", PLAIN},
    {"code", PLAIN},
    {"collections.OrderedDict", PLAIN},
    {"collections._deque_iterator", PLAIN},
    {"collections._deque_reverse_iterator", PLAIN},
    {"collections._tuplegetter", PLAIN},
    {"collections.defaultdict", PLAIN},
    {"collections.deque", PLAIN},
    {"complex", PLAIN},
    {"coroutine", COROUTINE},
    {"datetime.date", PLAIN},
    {"datetime.datetime", PLAIN},
    {"datetime.time", PLAIN},
    {"datetime.timedelta", PLAIN},
    {"datetime.timezone", PLAIN},
    {"datetime.tzinfo", PLAIN},
    {"decimal.Context", PLAIN},
    {"decimal.Decimal", PLAIN},
    {"decimal.SignalDictMixin", PLAIN},
    {"dict", PLAIN},
    {"dict_itemiterator", PLAIN},
    {"dict_items", PLAIN},
    {"dict_keyiterator", PLAIN},
    {"dict_keys", PLAIN},
    {"dict_reverseitemiterator", PLAIN},
    {"dict_reversekeyiterator", PLAIN},
    {"dict_reversevalueiterator", PLAIN},
    {"dict_valueiterator", PLAIN},
    {"dict_values", PLAIN},
    {"enumerate", PLAIN},
    {"filter", PLAIN},
    {"float", PLAIN},
    {"frame", PLAIN},
    {"frozenset", PLAIN},
    {"function", PLAIN},
    {"functools.KeyWrapper", PLAIN},
    {"functools._lru_cache_wrapper", PLAIN},
    {"functools._lru_list_elem", PLAIN},
    {"functools.partial", PLAIN},
    {"generator", GENERATOR},
    {"generic_alias_iterator", PLAIN},
    {"getset_descriptor", PLAIN},
    {"hamt", PLAIN},
    {"hamt_array_node", PLAIN},
    {"hamt_bitmap_node", PLAIN},
    {"hamt_collision_node", PLAIN},
    {"int", PLAIN},
    {"iterator", PLAIN},
    {"itertools._grouper", PLAIN},
    {"itertools._tee", PLAIN},
    {"itertools._tee_dataobject", PLAIN},
    {"itertools.accumulate", PLAIN},
    {"itertools.batched", PLAIN},
    {"itertools.chain", PLAIN},
    {"itertools.combinations", PLAIN},
    {"itertools.combinations_with_replacement", PLAIN},
    {"itertools.compress", PLAIN},
    {"itertools.count", PLAIN},
    {"itertools.cycle", PLAIN},
    {"itertools.dropwhile", PLAIN},
    {"itertools.filterfalse", PLAIN},
    {"itertools.groupby", PLAIN},
    {"itertools.islice", PLAIN},
    {"itertools.pairwise", PLAIN},
    {"itertools.permutations", PLAIN},
    {"itertools.product", PLAIN},
    {"itertools.repeat", PLAIN},
    {"itertools.starmap", PLAIN},
    {"itertools.takewhile", PLAIN},
    {"itertools.zip_longest", PLAIN},
    {"list", PLAIN},
    {"list_iterator", PLAIN},
    {"list_reverseiterator", PLAIN},
    {"map", PLAIN},
    {"mappingproxy", PLAIN},
    {"member_descriptor", PLAIN},
    {"method", PLAIN},
    {"method-wrapper", PLAIN},
    {"method_descriptor", PLAIN},
    {"module", PLAIN},
    {"object", PLAIN},
    {"odict_iterator", PLAIN},
    {"operator.attrgetter", PLAIN},
    {"operator.itemgetter", PLAIN},
    {"operator.methodcaller", PLAIN},
    {"os.stat_result", PLAIN},
    {"property", PLAIN},
    {"re.Match", PLAIN},
    {"re.Pattern", PLAIN},
    {"reversed", PLAIN},
    {"set", PLAIN},
    {"set_iterator", PLAIN},
    {"slice", PLAIN},
    {"staticmethod", PLAIN},
    {"str", PLAIN},
    {"str_ascii_iterator", PLAIN},
    {"str_iterator", PLAIN},
    {"super", PLAIN},
    {"time.struct_time", PLAIN},
    {"traceback", PLAIN},
    {"tuple", PLAIN},
    {"tuple_iterator", PLAIN},
    {"type", CLASS},
    {"types.GenericAlias", PLAIN},
    {"types.SimpleNamespace", PLAIN},
    {"types.UnionType", PLAIN},
    {"typing.Generic", PLAIN},
    {"typing.ParamSpec", PLAIN},
    {"typing.ParamSpecArgs", PLAIN},
    {"typing.ParamSpecKwargs", PLAIN},
    {"typing.TypeAliasType", PLAIN},
    {"typing.TypeVar", PLAIN},
    {"typing.TypeVarTuple", PLAIN},
    {"unicodedata.UCD", PLAIN},
    {"weakref.ReferenceType", REFERENCE},
    {"wrapper_descriptor", PLAIN},
    {"zip", PLAIN},
};

/* How every object and every type begins, in the stable interface. */
struct object {
    long references;
    const struct object *type;
};

struct type {
    struct object head;
    long size;
    const char *name;
};

/* Of the server's, by weak references: an owner more would change the order in which an end takes things apart. */
static struct {
    struct object *reference;
    void *finalize;
} * classes;
static size_t class_count;
static void *class_dealloc; /* what ends an object of any class */

const struct object *python_type(const struct object *o)
{
    return o->type;
}

static int compare_name(const void *name, const void *entry)
{
    return strcmp(name, ((const struct known *)entry)->name);
}

/* Of objects of the type. */
static enum kind find_kind(const struct object *type)
{
    bool is_class = false;
    for (; python.type_slot(type, TP_DEALLOC) == class_dealloc; type = python.type_slot(type, TP_BASE)) {
        if (python.type_slot(type, TP_FINALIZE) != NULL)
            return LOUD;
        is_class = true;
    }
    if (python.is_subtype(type, *python.any_exception))
        return PLAIN;
    const struct known *found =
        bsearch(((const struct type *)(const void *)type)->name, known, ARRAY_LEN(known), sizeof *known, compare_name);
    if (found == NULL)
        return LOUD;
    return !is_class || found->kind == PLAIN || found->kind == CLASS ? found->kind : LOUD;
}

static enum kind kind_of(const struct object *type)
{
    static struct {
        const struct object *type;
        enum kind kind;
    } last[256];
    size_t at = ((uintptr_t)type >> 4) % (ARRAY_LEN(last));
    if (last[at].type != type) {
        last[at].kind = find_kind(type);
        last[at].type = type;
    }
    return last[at].kind;
}

/* ---- one object ------------------------------------------------------------------------------------------------ */

/* These read what a C type has of its own, which no class and no attribute of the object's stands before. */
static bool is_none(struct object *o, const char *attribute)
{
    struct object *value = python.get_attr(o, attribute);
    bool none = value == python.none;
    python.release(value);
    return none;
}

static bool is_true(struct object *o, const char *attribute)
{
    struct object *value = python.get_attr(o, attribute);
    bool is = value != NULL && python.number(value) == 1;
    python.release(value);
    return is;
}

bool object_has_own_methods(struct object *o)
{
    static const char *const io[] = {"name", "mode", "__IOBase_closed"};
    struct object *dict = python.get_attr(o, "__dict__");
    long own = 0;
    for (size_t i = 0; dict != NULL && i < ARRAY_LEN(io); i++)
        own += python.dict_get(dict, io[i]) != NULL;
    bool all = dict != NULL && python.dict_size(dict) == own;
    python.release(dict);
    return all;
}

/* One that is closed, or that has nothing to write. */
static bool file_is_quiet(struct object *o, enum kind kind)
{
    bool writes = kind == WRITER, suits = true;
    if (kind != RAW_FILE) {
        struct object *inner = python.get_attr(o, kind == TEXT_FILE ? "buffer" : "raw");
        enum kind inner_kind = inner == NULL ? LOUD : kind_of(inner->type);
        writes |= inner_kind == WRITER;
        suits = kind == TEXT_FILE ? inner_kind == READER || inner_kind == WRITER : inner_kind == RAW_FILE;
        suits = suits && file_is_quiet(inner, inner_kind);
        python.release(inner);
    }
    return suits && (is_true(o, "closed") || (!writes && object_has_own_methods(o)));
}

static bool text_is(struct object *o, const char *attribute, const char *want)
{
    struct object *value = python.get_attr(o, attribute);
    const char *text = value == NULL ? NULL : python.text(value, NULL);
    bool is = text != NULL && strcmp(text, want) == 0;
    python.release(value);
    return is;
}

/* Callbacks of Python's own, which take something out of a set or a dict: of ABCs, of threading.local, of WeakSet. */
static bool is_known_callback(struct object *callback)
{
    const char *type = ((const struct type *)(const void *)callback->type)->name;
    if (kind_of(callback->type) != PLAIN)
        return false;
    if (strcmp(type, "builtin_function_or_method") == 0)
        return text_is(callback, "__name__", "_destroy") || text_is(callback, "__name__", "_localdummy_destroyed") ||
               text_is(callback, "__name__", "clear_locals");
    return strcmp(type, "function") == 0 && text_is(callback, "__module__", "_weakrefset") &&
           text_is(callback, "__qualname__", "WeakSet.__init__.<locals>._remove");
}

static bool reference_is_quiet(struct object *o)
{
    struct object *callback = python.get_attr(o, "__callback__");
    bool quiet = callback != NULL && (callback == python.none || is_known_callback(callback));
    python.release(callback);
    return quiet;
}

/* threading's has __del__, and each of its objects is tracked, and loud. */
static bool class_is_quiet(const struct object *class)
{
    return python.type_slot(class, TP_FINALIZE) == NULL ||
           strcmp(((const struct type *)(const void *)class)->name, "_DeleteDummyThreadOnDel") == 0;
}

bool object_is_quiet(struct object *o)
{
    switch (kind_of(o->type)) {
    case LOUD:
        return false;
    case PLAIN:
        return true;
    case CLASS:
        return class_is_quiet(o);
    case GENERATOR:
        return is_none(o, "gi_frame"); /* it ended */
    case COROUTINE:
        return is_none(o, "cr_frame");
    case REFERENCE:
        return reference_is_quiet(o);
    case RAW_FILE:
        return file_is_quiet(o, RAW_FILE);
    case READER:
        return file_is_quiet(o, READER);
    case WRITER:
        return file_is_quiet(o, WRITER);
    case TEXT_FILE:
        return file_is_quiet(o, TEXT_FILE);
    case MEMORY_FILE:
        return object_has_own_methods(o);
    }
    return false;
}

/* ---- the server's ---------------------------------------------------------------------------------------------- */

bool objects_classes_are_same(void)
{
    for (size_t i = 0; i < class_count; i++) {
        struct object *class = python.weak_get(classes[i].reference);
        if (class != python.none && (class == NULL || python.type_slot(class, TP_FINALIZE) != classes[i].finalize))
            return false;
    }
    return true;
}

static bool take_class(struct object *class)
{
    classes[class_count].reference = python.weak_new(class, NULL);
    classes[class_count].finalize = python.type_slot(class, TP_FINALIZE);
    return classes[class_count++].reference != NULL;
}

bool objects_prepare(struct object *list)
{
    struct object *os = python.import("os");
    struct object *some_class = os == NULL ? NULL : python.get_attr(os, "_Environ");
    long size = python.list_size(list);
    classes = calloc((size_t)size, sizeof *classes);
    if (some_class == NULL || classes == NULL || python.type_slot(some_class, TP_BASE) == NULL ||
        strcmp(((const struct type *)(const void *)python.type_of_types)->name, "type") != 0)
        return false;
    class_dealloc = python.type_slot(some_class, TP_DEALLOC);
    python.release(some_class);
    python.release(os);
    for (long i = 0; i < size; i++) {
        struct object *o = python.list_get(list, i);
        if (python.is_subtype(o->type, python.type_of_types) && !take_class(o))
            return false;
    }
    return class_dealloc != NULL;
}
