/* What a master counts, and GET /metrics. */
#ifndef SENTINEL_FIGURES_H
#define SENTINEL_FIGURES_H

#include "call.h"
#include "metrics.h"

extern struct metric figure_requests;        /* route, method, status */
extern struct metric figure_request_seconds; /* route */
extern struct metric figure_refusals;        /* reason: an error's code */
extern struct metric figure_submissions;     /* language */
extern struct metric figure_callbacks;       /* outcome: delivered, again or failed */

/* An answer that is being sent. route NULL: no such path, or no request at all. */
void figures_answered(const struct http_route *route, const char *method, int status, int64_t ms);

void api_metrics(struct call *call);

#endif
