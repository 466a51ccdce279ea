/*
 * run_options.h: the options that `nanolab run` and every lab share.
 */
#ifndef NANOLAB_HARNESS_RUN_OPTIONS_H
#define NANOLAB_HARNESS_RUN_OPTIONS_H

#include "harness/cli/options.h"
#include "harness/store/result.h"

struct run_options {
    bool help, quick, full, predict, json, seed_given;
    const char *device, *simt_arch, *schedule, *only, *out, *resume, *label; /* NULL if not given */
    uint64_t seed, session;
};

#define RUN_OPTION_SPECS 14
/* Fills specs[0 … RUN_OPTION_SPECS - 1] and the defaults. */
void run_options_specs(struct option_spec *specs, struct run_options *options);

/* What can be said against the options alone: contradictions, unknown devices, a device index
 * that this machine lacks. Sets the card of the SIMT machine. 0, or -1 with options_error(). */
int run_options_check(const struct options *parser, const struct run_options *options);
/* What can be said against them given the run that --resume names, whose card the SIMT machine then
 * simulates. */
int run_options_check_recorded(const struct options *parser, const struct run_options *options,
                               const struct result_recorded *recorded);

#endif
