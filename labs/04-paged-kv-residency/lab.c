/*
 * Lab 04, paged KV residency: same shape, same free memory: why a different step time?
 *
 * A decode step asks for the same bytes whatever the block map is. The sweep first shows that the
 * map changes no bit and no byte; then takes maps from allocators that were used, and asks what
 * they cost, where that cost comes from, and which controls it survives. README.md tells the same
 * story in words.
 */
#include "labs/04-paged-kv-residency/residency.h"

static const struct claim claims[] = {
    {"K1", "A decode step reads 2·B·L·H·D·s bytes of keys and values.", check_bytes},
    {"K2", "Decode is bound by memory, not by arithmetic.", check_bound},
    {"K3", "When less of the KV cache survives in the last-level cache, the step takes longer.",
     check_residency},
    {"K4", "Scattered KV blocks cost more than contiguous ones.", check_scatter},
    {"K5",
     "Replicas of one shape and the same free memory differ in step time, because their block maps "
     "differ.",
     check_replicas},
    {"K6", "Lanes of one warp see different latencies, and the warp waits for the slowest.",
     check_lanes},
    {"K7", "Stalled warps keep registers live, and pressure leads to spills.", check_spills},
    {"K8",
     "Contiguous allocation wastes memory inside and outside; fixed-size blocks remove the outside "
     "waste and shrink the inside one to under a block per sequence.",
     check_waste},
    {"K9",
     "Map, layout and block size never change a bit of the output; a number of splits that the "
     "batch decides does.",
     check_bits},
};

static int run(struct lab_run *run) {
    for (size_t k = 0; k < lab_bits_devices(run); k++)
        if (sweep_exact(run, lab_bits_device(run, k)) != 0)
            return -1;
    if (lab_bits_devices(run) > 0 && sweep_churn(run, lab_bits_device(run, 0)) != 0)
        return -1;
    for (size_t k = 0; k < lab_time_devices(run); k++) {
        struct device *device = lab_time_device(run, k);
        if (sweep_decode(run, device) != 0 || sweep_gather(run, device) != 0 ||
            sweep_replicas(run, device) != 0 || sweep_stream(run, device) != 0 ||
            sweep_ladder(run, device) != 0 || sweep_resources(run, device) != 0)
            return -1;
    }
    if (write_map_tables(run) != 0)
        return -1;
    return write_time_tables(run);
}

const struct lab lab = {
    .number = 4,
    .name = "paged-kv-residency",
    .question = "Same shape, same free memory: why a different step time?",
    .needs = "a CPU; a GPU if there is one",
    .takes = "quick 45 s, default 4 min on two cores",
    .bits_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_SIMT) | LAB_ON(DEVICE_CUDA),
    .time_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA),
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .run = run,
};
