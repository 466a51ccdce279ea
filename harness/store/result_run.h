/*
 * result_run.h: the inside of run.json, for result.c.
 */
#ifndef NANOLAB_HARNESS_RESULT_RUN_H
#define NANOLAB_HARNESS_RESULT_RUN_H

#include <jansson.h>

#include "harness/store/result.h"

/* What must be the same for every session of one run: machine, driver and source version, but not
 * the executable, since each lab has its own. */
json_t *result_run_fingerprint(void);

/* The devices of both parts of a set-up, each once; how many. */
size_t result_setup_devices(const struct result_setup *setup,
                            struct device *all[2 * RESULT_DEVICES_MAX]);
/* Their provenance by device name. */
json_t *result_setup_provenance(const struct result_setup *setup);

#endif
