/*
 * resources.c: what the compiler decided about the kernels' registers and spills, asked of the
 * driver while the KV cache is in the last-level cache, and while it is not. And the step's time in
 * both, so that there is something to compare with.
 */
#include <stdio.h>

#include "labs/04-paged-kv-residency/contest.h"

#define HEADS 8
#define HEAD 128
#define MIB ((size_t)1 << 20)

struct entry {
    struct entrant *entrant;
    const char *state;
    int registers, local_bytes;
};

/* Once the step has run in its state. */
static int ask(struct contest *c, struct entry *entry) {
    const struct step *s = entry->entrant->step;
    const struct paged_ops *ops = paged_ops_for(device_kind(c->device), false);
    struct roofs_job *before = entry->entrant->before;
    if (!ops || (before && roofs_job_call(before) != 0) || step_call(entry->entrant->step) != 0 ||
        device_sync(c->device) != 0 ||
        ops->resources(&s->plan, &entry->registers, &entry->local_bytes) != 0)
        return lab_error(c->run, "%s: %s", entry->entrant->id, device_error());
    return 0;
}

static int record(struct contest *c, const struct entry *entry) {
    struct lab_case *record =
        lab_case_begin(c->run, device_id(c->device), "%s/resources", entry->entrant->id);
    char text[PLAN_TEXT];
    if (!record)
        return 0;
    case_param_text(record, "what", "resources");
    case_param_text(record, "plan", paged_plan_text(&entry->entrant->step->plan, text));
    case_param_text(record, "step", entry->entrant->id);
    case_param_text(record, "state", entry->state);
    case_counter(record, "registers per thread", entry->registers);
    case_counter(record, "local bytes per thread", entry->local_bytes);
    return lab_case_end(record);
}

/* One plan, warm and cold. */
static int enter(struct contest *c, struct cache *cache, const struct paged_plan *plan,
                 struct roofs_job *flusher, struct entry entries[2]) {
    unsigned tokens = (unsigned)(8 * MIB / (2 * HEADS * HEAD * 2) / 16);
    const struct kv_table *table = contest_table(c, plan, HEADS, 16, tokens, 0, KV_MAP_PERMUTED);
    for (int cold = 0; cold < 2; cold++) {
        struct entrant *e = table ? contest_step(c, cache, plan, HEADS, table, "permuted", NULL,
                                                 cold ? "cold" : "warm")
                                  : NULL;
        if (!e)
            return -1;
        entrant_after_reading(e, cold ? flusher : NULL, !cold);
        entries[cold] = (struct entry){.entrant = e, .state = cold ? "cold" : "warm"};
    }
    entrant_over(entries[1].entrant, entries[0].entrant, "warm");
    return 0;
}

/* Only a driver can be asked. Elsewhere there is nothing to record. */
int sweep_resources(struct lab_run *run, struct device *device) {
    static const int groups[] = {1, 8};
    struct entry entries[6];
    size_t count = 0, flush = 2 * cache_last_level(device);
    if (device_kind(device) != DEVICE_CUDA || lab_stopping(run) ||
        contest_done(run, device, "04/resources"))
        return 0;
    struct room room = room_open(run, device);
    struct contest *c = contest_open(&room, "04/resources");
    struct cache *cache = c ? room_huge_cache(&room, PAGED_BF16, 8 * MIB) : NULL;
    struct roofs_job *flusher =
        cache && room_memory(&room, flush) == 0 ? contest_flusher(c, flush) : NULL;
    int status = flusher ? 0 : -1;
    for (size_t k = 0; k < 3 && status == 0; k++) {
        struct paged_plan plan =
            plan_of(k < 2 ? PAGED_ATTENTION : PAGED_GATHER, PAGED_TABLE, PAGED_BF16);
        plan.group = k < 2 ? groups[k] : 1;
        status = enter(c, cache, &plan, flusher, &entries[count]);
        count += 2;
    }
    for (size_t k = 0; k < count && status == 0; k++)
        status = ask(c, &entries[k]) == 0 ? record(c, &entries[k]) : -1;
    if (status == 0)
        status = contest_measure(c);
    contest_close(c);
    room_close(&room);
    return status;
}
