/* The command line of this executor's boxes: where the program is, its ceilings from the settings, its grants from the
 * languages. */
#ifndef SENTINEL_BOX_COMMAND_H
#define SENTINEL_BOX_COMMAND_H

#include "config.h"
#include "lang.h"

/* *ret_argv: NULL-terminated, of the slot's box; free with box_command_free. ENOENT: no box program there. */
int box_command_make(const struct config *config, const struct lang_table *langs, size_t slot, char ***ret_argv,
                     struct err *err) MUST_USE;
/* Likewise, of a box for a compiler that stays: without the settings' ceilings of time. */
int box_command_make_resident(const struct config *config, const struct lang_table *langs, size_t slot,
                              char ***ret_argv, struct err *err) MUST_USE;
void box_command_free(char **argv);

#endif
