/*
 * result_run.h: the inside of run.json, for result.c.
 */
#ifndef NANOLAB_HARNESS_RESULT_RUN_H
#define NANOLAB_HARNESS_RESULT_RUN_H

#include <jansson.h>

/* What must be the same for every session of one run: machine, driver and source version, but not
 * the executable, since each lab has its own. */
json_t *result_run_fingerprint(void);

#endif
