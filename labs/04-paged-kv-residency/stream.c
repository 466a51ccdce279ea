/*
 * stream.c: arm E, what of the KV cache survives in the last-level cache between two steps. A step
 * warms the cache; then other memory is read, as the weights of the other layers would be; then the
 * step is timed. The memory is read and not written, so that no write-back falls into the step.
 */
#include <stdio.h>

#include "labs/04-paged-kv-residency/contest.h"

#define HEADS 8
#define HEAD 128
#define MIB ((size_t)1 << 20)
#define SAMPLES 31 /* of one short step each */

static bool on_gpu(const struct device *device) {
    return device_kind(device) == DEVICE_CUDA;
}

/* Up to four times the last-level cache as the machine tells it, and at least 64 MiB, since it may
 * not tell the truth. */
static size_t most_streamed(const struct room *room) {
    size_t most = 64 * MIB, wanted = 4 * cache_last_level(room->device);
    while (most < wanted && most < 1024 * MIB)
        most *= 2;
    return room_fitting(room, most);
}

static struct entrant *enter(struct contest *c, struct cache *cache, const struct kv_table *table,
                             size_t streamed) {
    const struct paged_plan plan = plan_of(PAGED_ATTENTION, PAGED_TABLE, PAGED_F32);
    struct roofs_job *flusher = streamed ? contest_flusher(c, streamed) : NULL;
    char more[40];
    snprintf(more, sizeof more, "streamed=%zuMiB", streamed / MIB);
    if (streamed && !flusher)
        return NULL;
    struct entrant *e =
        contest_step(c, cache, &plan, HEADS, table, kv_map_name(KV_MAP_IDENTITY), NULL, more);
    if (e)
        entrant_after_reading(e, flusher, true);
    return e;
}

static int sweep_size(struct room *room, size_t bytes) {
    const struct paged_plan plan = plan_of(PAGED_ATTENTION, PAGED_TABLE, PAGED_F32);
    unsigned sequences = 16;
    unsigned tokens = (unsigned)(bytes / (2 * HEADS * HEAD * sizeof(float)) / sequences);
    char prefix[80];
    snprintf(prefix, sizeof prefix, "04/stream/kv=%zuMiB", bytes / MIB);
    if (lab_stopping(room->run) || contest_done(room->run, room->device, prefix))
        return 0;
    struct contest *c = contest_open(room, prefix);
    if (!c)
        return -1;
    size_t most = most_streamed(room), least = on_gpu(room->device) ? 8 * MIB : MIB;
    struct cache *cache = room_huge_cache(room, PAGED_F32, bytes);
    const struct kv_table *table =
        cache ? contest_table(c, &plan, HEADS, sequences, tokens, 0, KV_MAP_IDENTITY) : NULL;
    struct entrant *warm = table && room_memory(room, most) == 0 ? enter(c, cache, table, 0) : NULL;
    int status = warm ? 0 : -1;
    for (size_t streamed = least; streamed <= most && status == 0; streamed *= 2) {
        struct entrant *e = enter(c, cache, table, streamed);
        if (e)
            entrant_over(e, warm, "nothing streamed");
        status = e ? 0 : -1;
    }
    c->limits.min_samples = c->limits.min_samples < SAMPLES ? SAMPLES : c->limits.min_samples;
    c->limits.max_samples = c->limits.max_samples < SAMPLES ? SAMPLES : c->limits.max_samples;
    if (status == 0)
        status = contest_measure(c);
    contest_close(c);
    return status;
}

int sweep_stream(struct lab_run *run, struct device *device) {
    static const size_t cpu_sizes[] = {2 * MIB, 8 * MIB}, gpu_sizes[] = {8 * MIB, 24 * MIB};
    const size_t *sizes = on_gpu(device) ? gpu_sizes : cpu_sizes;
    struct room room = room_open(run, device);
    int status = 0;
    for (size_t k = 2; k-- > 0 && status == 0;)
        status = sweep_size(&room, sizes[k]);
    room_close(&room);
    return status;
}
