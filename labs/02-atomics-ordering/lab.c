/*
 * Lab 02, atomics ordering: is arrival order state?
 *
 * Atomics promise that each update happens, not when. The sweep repeats sums by atomics on the
 * same numbers and counts the results; recovers the order of every logged run from what each
 * update found, and replays it to the bit; asks whether load widens the spread; and lets each cure
 * show one result and its price. README.md tells the same story in words.
 */
#include "labs/02-atomics-ordering/ordering.h"

static const struct claim claims[] = {
    {"A1", "Blocks may run in any order: the same kernel on the same data sees different orders.",
     check_any_order},
    {"A2",
     "Atomics guarantee each update, not the order of updates: a float sum can differ from run to "
     "run in its last bits.",
     check_spread},
    {"A3", "The spread appears or grows under load: contention, more blocks, a noisy neighbour.",
     check_load},
    {"A4", "Arrival order is the only cause: replaying the recorded order reproduces the bits.",
     check_replay},
    {"A5",
     "Fixed-point atomics, ticketed merges, two-phase partials and binned atomics remove it, each "
     "at a measured price.",
     check_cures},
};

static int run(struct lab_run *run) {
    seat_seed(lab_seed(run));
    for (size_t k = 0; k < lab_bits_devices(run); k++) {
        struct device *device = lab_bits_device(run, k);
        if (sweep_repeat(run, device) != 0 || sweep_replay(run, device) != 0 ||
            sweep_reach(run, device) != 0 || sweep_load(run, device) != 0 ||
            sweep_range(run, device) != 0)
            return -1;
    }
    for (size_t k = 0; k < lab_time_devices(run); k++)
        if (sweep_price(run, lab_time_device(run, k)) != 0)
            return -1;
    return write_tables(run);
}

const struct lab lab = {
    .number = 2,
    .name = "atomics-ordering",
    .question = "Is arrival order state?",
    .needs = "a CPU; a GPU if there is one",
    .takes = "quick 60 s, default 3 min on two cores",
    .bits_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_SIMT) | LAB_ON(DEVICE_CUDA),
    .time_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA),
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .run = run,
};
