/* One language file into a struct lang; lang.c's, nobody else's. */
#ifndef SENTINEL_LANG_FILE_H
#define SENTINEL_LANG_FILE_H

#include "lang.h"

/* EINVAL or EBADMSG: the message has file, field (or line) and what is allowed. `dir` is the languages' folder. */
int lang_file_load(const char *dir, const char *path, const struct lang_ceilings *ceilings, struct lang *ret_lang,
                   struct err *err) MUST_USE;
void lang_file_finish(struct lang *lang);

#endif
