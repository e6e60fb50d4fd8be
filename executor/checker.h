/* Compares what a program wrote with what was expected of it. Pure: linear time, no allocation, any bytes. */
#ifndef SENTINEL_CHECKER_H
#define SENTINEL_CHECKER_H

#include "job.h"

/* White space is what C's isspace() calls it: space, \t, \n, \v, \f, \r; NUL is an ordinary byte.
 *   trim    equal when white space at the end of each line and at the end of the whole is left out
 *   exact   equal byte by byte
 *   tokens  the same words in the same order, whatever white space stands between
 *   float   as tokens, but two words that are both decimal numbers may differ by epsilon, absolutely or relative to the
 *           expected one. NaN, infinities, hexadecimal and numbers longer than 400 bytes are compared as words. */
bool checker_accepts(enum compare_kind kind, double epsilon, const char *actual, size_t actual_len,
                     const char *expected, size_t expected_len) MUST_USE;

#endif
