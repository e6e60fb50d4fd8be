/* Cuts a warm Python program's end short. Py_FinalizeEx takes the whole interpreter apart, which in a fork copies most
 * of it; where no step of that can be seen from outside, a process is as well ended before it. */
#ifndef SENTINEL_BOX_PYTHON_H
#define SENTINEL_BOX_PYTHON_H

#include <stdbool.h>

/* CPython's stable interface (no header of its own is needed): objects are opaque. */
struct object;

struct python {
    int (*gil_ensure)(void);
    void (*gil_release)(int state);
    int (*is_initialized)(void);
    const char *(*version)(void);
    int (*add_audit_hook)(int (*hook)(const char *event, struct object *args, void *data), void *data);
    struct object *(*sys_get)(const char *name); /* borrowed */
    struct object *(*import)(const char *name);
    struct object *(*modules)(void); /* borrowed */
    struct object *(*module_dict)(struct object *module);
    struct object *(*get_attr)(struct object *o, const char *name);
    struct object *(*call_method)(struct object *o, const char *name, const char *format, ...);
    struct object *(*list_new)(long size);
    long (*list_size)(struct object *list);
    struct object *(*list_get)(struct object *list, long index); /* borrowed */
    struct object *(*tuple_get)(struct object *tuple, long index);
    long (*dict_size)(struct object *dict);
    struct object *(*dict_get)(struct object *dict, const char *key); /* borrowed */
    int (*dict_remove)(struct object *dict, const char *key);
    const char *(*text)(struct object *unicode, long *ret_len);
    long (*number)(struct object *integer);
    void *(*type_slot)(const struct object *type, int slot);
    int (*is_subtype)(const struct object *type, const struct object *other);
    struct object *(*weak_new)(struct object *o, struct object *callback);
    struct object *(*weak_get)(struct object *reference); /* borrowed; None when it is gone */
    void *(*interpreter)(void);
    void (*set_evaluator)(void *interpreter, struct object *(*evaluate)(void *thread, void *frame, int throwing));
    struct object *(*evaluate)(void *thread, void *frame, int throwing);
    struct object *(*error)(void); /* borrowed */
    void (*error_take)(struct object **ret_type, struct object **ret_value, struct object **ret_trace);
    void (*error_give)(struct object *type, struct object *value, struct object *trace);
    void (*error_clear)(void);
    int (*gc_disable)(void);
    void (*gc_enable)(void);
    void (*release)(struct object *o); /* NULL is fine */
    void (*hold)(struct object *o);
    const int *was_interrupted; /* by KeyboardInterrupt, out of text that was executed; NULL: it is not told (3.12) */
    struct object *none;
    struct object *type_of_types, *type_of_integers, *type_of_texts, *type_of_modules;
    struct object **any_exception, **interrupt, **system_exit;
};

extern struct python python;

const struct object *python_type(const struct object *o);

/* In the server, at its door: looks at what is there, so that a program can tell what is its own. False: it is no
 * Python, or not one that we know, and all ends stay as they are. */
bool python_prepare(const char *script, const char *absolute);

/* In a program, past the door. */
void python_begin(void);

/* ---- objects.c: whose end can be seen ---------------------------------------------------------------------------- */

/* In the server: the classes among the objects (a list) and what they do at an object's end. False: Python is another
 * than the one that we know. */
bool objects_prepare(struct object *list);

/* Of an object of a C type of io's: whether its attributes are none but those that io gives, since a method may be the
 * program's. */
bool object_has_own_methods(struct object *o);

/* Whether the classes are as they were. */
bool objects_classes_are_same(void);

/* Whether an object that the collector tracks can end without anybody's notice. Runs no code of the program's. */
bool object_is_quiet(struct object *o);

#endif
