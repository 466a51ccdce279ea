/*
 * Lab 00, roofs: what are this machine's limits?
 *
 * The denominators of every other lab: how fast memory is read, written and copied at each
 * footprint, how many multiply-adds and atomic updates per second there are, what a call, a
 * hand-over to other threads or a launch costs. Each is the best of several kernels, and every
 * kernel proves that it did its work. README.md tells the same story in words.
 */
#include "labs/00-roofs/roofs_lab.h"

static const struct claim claims[] = {
    {"00.1", "Every kernel does all of the work that it is timed for.", check_work},
    {"00.2", "A small footprint is read faster than a large one: caches show.", check_caches},
    {"00.3", "A copy is no faster than reading and writing by themselves allow.", check_copy},
    {"00.4", "Two ways to measure agree: whole calls, and the slope over passes.", check_slope},
    {"00.5", "One stream of loads is enough to read memory at full speed.", check_streams},
    {"00.6", "n threads do n times the multiply-adds of one.", check_threads},
    {"00.7", "An atomic update of a shared address costs more than one of a private address.",
     check_shared},
    {"00.8",
     "Handing work over (to threads, or a launch that is waited for) costs more than a "
     "plain call, or a launch that is not.",
     check_hand_over},
};

static int run(struct lab_run *run) {
    for (size_t k = 0; k < lab_bits_devices(run); ++k)
        if (sweep_proofs(run, lab_bits_device(run, k)) != 0)
            return -1;
    for (size_t k = 0; k < lab_time_devices(run); ++k)
        if (sweep_times(run, lab_time_device(run, k)) != 0)
            return -1;
    return write_tables(run);
}

const struct lab lab = {
    .number = 0,
    .name = "roofs",
    .question = "What are this machine's limits?",
    .needs = "a CPU; a GPU if there is one",
    .takes = "quick 25 s, default 4 min on two cores",
    .bits_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_SIMT) | LAB_ON(DEVICE_CUDA),
    .time_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA),
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .run = run,
};
