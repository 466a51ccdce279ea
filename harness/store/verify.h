/*
 * verify.h: checks a result folder against its own checksums and shapes (`nanolab verify DIR`).
 */
#ifndef NANOLAB_HARNESS_VERIFY_H
#define NANOLAB_HARNESS_VERIFY_H

#include <jansson.h>

/*
 * Checks all of it, as checked.h says.
 *
 * Returns 0 with, if `summary` is not NULL, a new {"folder", "complete", "labs": [{"lab",
 * "status": "complete" | "partial", "cases", "dropped_bytes", "claims", "side_files", "ignored":
 * [names of files that a partial lab has and nothing seals]}], "not_started": […]}; or -1 with one
 * line in error_text(). A partial run is valid.
 */
int verify_folder(const char *dir, json_t **summary);

#endif
