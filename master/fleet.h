/* What the queues and the executors come to, for people: /load, /languages and /health. Pure.
 *
 * An executor's info, as store_beat got it, is a JSON object. Read here, each field optional:
 *   {"version":"0.1.0","tier":"A","slots":2,"slotsUp":2,"mechanisms":{…},
 *    "languages":{"python":{"version":"Python 3.11.2","active":1,"completed":150,"failed":2}}} */
#ifndef SENTINEL_FLEET_H
#define SENTINEL_FLEET_H

#include "json.h"
#include "lang.h"
#include "store.h"

struct fleet {
    const struct store_load *load; /* NULL: Redis could not be asked */
    cJSON **infos;                 /* one for each executor; NULL where it cannot be read */
};

/* load is borrowed. */
void fleet_init(struct fleet *fleet, const struct store_load *load);
void fleet_finish(struct fleet *fleet);

/* GET /load. A language's jobs are split over its alive executors' rows, so that rows add up to what Redis counted;
 * with no executor alive it has one row of its own name. */
void fleet_put_load(struct json_writer *w, const struct fleet *fleet);

/* GET /languages. Versions are those that executors detected, also ones that are gone; null until there was any. */
void fleet_put_languages(struct json_writer *w, const struct fleet *fleet, const struct lang_table *langs,
                         const struct limits *most);

/* The parts of GET /health: "queues":{executor:state} and "executors":[{id,isolation,…}], of those alive. */
void fleet_put_health(struct json_writer *w, const struct fleet *fleet);

/* Executors that are alive and serve the language; slots of all that are alive, or those that work. */
size_t fleet_serving(const struct fleet *fleet, const char *language);
int64_t fleet_slots(const struct fleet *fleet, bool up);

/* Whether every executor that is alive has all its slots. */
bool fleet_healthy(const struct fleet *fleet);
/* unhealthy: no job can be taken. degraded: jobs are taken, but an executor lost a slot. No executor at all is healthy:
 * a service that scales to zero is so most of the time. */
const char *fleet_status(const struct fleet *fleet, bool redis_ready);

#endif
