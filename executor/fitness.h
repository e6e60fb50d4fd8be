/* Whether jobs may be taken here: by what a box has shown. */
#ifndef SENTINEL_FITNESS_H
#define SENTINEL_FITNESS_H

#include "box/box_protocol.h"
#include "lang.h"

/* The isolation is min_tier or more, and each language's memory fits into the container's. false: the log says what is
 * missing. */
bool fitness_check(const struct box_hello *hello, enum box_tier min_tier, const struct lang_table *langs);

#endif
