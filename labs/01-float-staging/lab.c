/*
 * Lab 01, float staging: which bits does the staging tree decide?
 *
 * Each way to cut up a sum (a plan) is a tree of additions. The sweep predicts the bits of every
 * plan, runs it, and compares; recovers the trees from outputs alone, libraries' too; and times
 * plans and cures. README.md tells the same story in words.
 */
#include "labs/01-float-staging/staging.h"

static const struct claim claims[] = {
    {"S1", "Floating-point addition is not associative: the order is part of the result.",
     check_order},
    {"S2", "Staging changes the tree and with it the last bits, within the error bound.",
     check_staging},
    {"S3",
     "The spread between trees grows with n, cancellation and mixed magnitudes, and shrinks with "
     "wider accumulators.",
     check_spread},
    {"S4",
     "The bits are predictable: given the tree, a CPU reproduces the device's result exactly.",
     check_predicted},
    {"S5", "The tree can be recovered from outputs alone, from our kernels and from libraries.",
     check_recovered},
    {"S6",
     "A fixed tree and a binned sum remove the dependence, a compensated sum shrinks it; each has "
     "a measured price.",
     check_cures},
};

static int run(struct lab_run *run) {
    if (lab_predict(run) && predict(run) != 0)
        return -1;
    for (size_t k = 0; k < lab_bits_devices(run); k++) {
        struct device *device = lab_bits_device(run, k);
        if (sweep_order(run, device) != 0 || sweep_bits(run, device) != 0 ||
            sweep_repeat(run, device) != 0 || sweep_trees(run, device) != 0)
            return -1;
    }
    for (size_t k = 0; k < lab_time_devices(run); k++)
        if (sweep_times(run, lab_time_device(run, k)) != 0)
            return -1;
    return write_tables(run);
}

const struct lab lab = {
    .number = 1,
    .name = "float-staging",
    .question = "Which bits does the staging tree decide?",
    .needs = "a CPU; a GPU if there is one",
    .takes = "quick 30 s, default 5 min on two cores",
    .bits_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_SIMT) | LAB_ON(DEVICE_CUDA),
    .time_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA),
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .run = run,
};
