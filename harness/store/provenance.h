/*
 * provenance.h: where results come from, by an allow-list.
 *
 * Every field recorded about a machine or a build is named in provenance.c or provenance_gpu.c;
 * nothing is copied wholesale. No user, no host name, no path, and of the environment the settings
 * of numerical libraries alone, listed in provenance_settings.c. What cannot be found out is null,
 * with the reason under the same name in "missing".
 */
#ifndef NANOLAB_HARNESS_PROVENANCE_H
#define NANOLAB_HARNESS_PROVENANCE_H

#include <jansson.h>
#include <stddef.h>

#include "kernels/device/device.h"

/* All return a new reference, or NULL when memory is short. */

/* Version, dirty flag, compiler, flags, CUDA toolkit, and the SHA-256 of this executable, which
 * holds the kernels; what libraries are told by the environment. */
json_t *provenance_software(void);
/* CPU model and topology, caches, memory, page size policy, governor, hypervisor, GPUs. */
json_t *provenance_machine(void);
/* Whether this is a virtual machine: 1, 0, or -1 where the processor does not tell. */
int provenance_hypervisor(void);
/* One opened device: kind, model; of a GPU also driver, clocks, power limit, ECC, MIG, … */
json_t *provenance_device(struct device *device);
/* Clocks and throttling of a device right now, for the record of a case; null where the machine
 * does not tell. */
json_t *provenance_state(struct device *device);
/* The arguments without the folders in front of file names (they may name a user). The text
 * behind --label stays. */
json_t *provenance_arguments(int argc, char *const *argv);
/* The fields that must not change within one run. NULL with error_text() where this program could
 * not be read; what the machine does not tell is null. */
json_t *provenance_fingerprint(struct device *const *devices, size_t count);
/* The first field of the recorded fingerprint `a` in which `b` differs, with both values as texts;
 * NULL if none. What is null or missing in `a` was not known then, and differs from nothing. */
const char *provenance_difference(const json_t *a, const json_t *b, char *was, char *is,
                                  size_t size);

/* What spoils measurements on this machine, and what to do about it: a list of
 * {"field", "problem", "advice"}. */
json_t *provenance_warnings(const json_t *machine);

/* "2026-11-21T05:59:02Z" */
json_t *provenance_now(void);

/* --- provenance_settings.c --- */

/* What is set in the environment that numerical libraries choose their kernels by: name to value,
 * or "(set)" where the value is no plain word. */
json_t *provenance_settings(void);

/* --- provenance_gpu.c --- */

/* All GPUs the driver shows; null, with the reason in `why`, without a driver. */
json_t *provenance_gpus(char *why, size_t why_size);
/* The GPU behind a CUDA device index, into `object`. */
void provenance_gpu(int cuda_index, json_t *object, json_t *missing);
json_t *provenance_gpu_state(int cuda_index);
/* The driver's version, NULL without one. The text stays. */
const char *provenance_gpu_driver(void);

/* provenance_kernels.c: {"code": {object: hash}, "used": {how ids begin: which objects}, "always":
 * which objects} of a lab's table, for its start record (docs/results.md). */
struct kernels_used;
json_t *provenance_kernels(const struct kernels_used *used, size_t count);

#endif
