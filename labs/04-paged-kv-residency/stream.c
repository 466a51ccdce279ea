/*
 * stream.c: arm E and K3, what of the KV cache survives in the last-level cache between two steps.
 * A step warms the cache; then other memory is read, as the weights of the other layers would be;
 * then the step is timed. The memory is read and not written, so that no write-back falls into the
 * step.
 */
#include <math.h>

#include "labs/04-paged-kv-residency/timed.h"

#define HEADS 8
#define SEQUENCES 16
#define SAMPLES 31 /* of one short step each */

/* Up to four times the last-level cache as the machine tells it, and at least 64 MiB, since it may
 * not tell the truth. */
static size_t most_streamed(const struct memories *memories) {
    size_t most = 64 * MIB, wanted = 4 * last_level_bytes(memories->device);
    while (most < wanted && most < 1024 * MIB)
        most *= 2;
    return memories_fitting(memories, most);
}

/* `streamed` bytes of other memory are read between the step that warms and the one that is
 * timed. */
static struct entrant *enter(struct contest *c, struct shape s, size_t streamed) {
    const struct paged_plan plan = plan_of(PAGED_ATTENTION, PAGED_TABLE, ELEMENT_F32);
    const struct job *reader = streamed ? memories_reader(s.memories, streamed) : NULL;
    char arm[40];
    snprintf(arm, sizeof arm, "streamed=%zuMiB", streamed / MIB);
    s.arm = arm;
    struct entrant *e = streamed && !reader ? NULL : enter_map(c, &s, plan, KV_MAP_IDENTITY, NULL);
    if (!e || enter_after(s.memories, e, true, reader, (double)streamed) != 0)
        return NULL;
    snprintf(arm, sizeof arm, "%.0f MiB", entrant_job(e)->bytes / MIB);
    case_param_text(entrant_case(e), "kv", arm);
    return e;
}

static int sweep_size(struct memories *memories, size_t bytes) {
    struct contest *c =
        contest_open(memories->run, memories->device, "04/stream/kv=%zuMiB", bytes / MIB);
    if (!c)
        return contest_skipped(memories->run);
    size_t most = most_streamed(memories), least = on_gpu(memories->device) ? 8 * MIB : MIB;
    struct shape s = {.memories = memories,
                      .memory = memories_huge(memories, ELEMENT_F32, bytes),
                      .kv_heads = HEADS,
                      .sequences = SEQUENCES,
                      .tokens = (unsigned)(bytes / token_bytes(ELEMENT_F32, HEADS) / SEQUENCES)};
    struct bench_limits *limits = contest_limits(c);
    *limits = mode_limits(memories->run);
    limits->min_samples = limits->min_samples < SAMPLES ? SAMPLES : limits->min_samples;
    limits->max_samples = limits->max_samples < SAMPLES ? SAMPLES : limits->max_samples;
    /* The most is asked for first: all amounts are of one piece of memory. */
    struct entrant *warm = s.memory && memories_source(memories, most) ? enter(c, s, 0) : NULL;
    if (!warm)
        return contest_drop(c);
    entrant_over(warm, warm, "over nothing streamed"); /* 1: where the plot begins */
    for (size_t streamed = least; streamed <= most; streamed *= 2) {
        struct entrant *e = enter(c, s, streamed);
        if (!e)
            return contest_drop(c);
        entrant_over(e, warm, "over nothing streamed");
    }
    return contest_end(c);
}

int sweep_stream(struct lab_run *run, struct device *device) {
    static const size_t cpu_sizes[] = {8 * MIB, 2 * MIB}, gpu_sizes[] = {24 * MIB, 8 * MIB};
    const size_t *sizes = on_gpu(device) ? gpu_sizes : cpu_sizes;
    struct memories memories = memories_open(run, device);
    int status = sweep_size(&memories, sizes[0]);
    if (status == 0)
        status = sweep_size(&memories, sizes[1]);
    memories_close(&memories);
    return status;
}

/* --- K3 ----------------------------------------------------------------------------------------
 *
 * Refuting result: a step takes no longer after four times the last-level cache was streamed
 * through it than after nothing was. The control: reading more never makes it faster, beyond both
 * intervals; where it does, something else was at work.
 */
#define SLOWER 1.05 /* less is what two runs of one step differ by */

/* What was read where half of the last one's slow-down is there; NaN where there is none. */
static double half_of_rise(const struct rows *rows, size_t first, size_t last) {
    double half = 0.5 * (row_number(rows, last, "over nothing streamed") - 1);
    for (size_t k = first; k <= last && half > 0; k++)
        if (row_number(rows, k, "over nothing streamed") - 1 >= half)
            return row_number(rows, k, "read before");
    return NAN;
}

void check_residency(const struct rows *rows, struct finding *f) {
    struct rows steps = rows_select(rows, "04/stream/", "state=cold");
    rows_sort(&steps, "bytes;read before");
    for (size_t first = 0, count = 0; rows_group(&steps, "bytes", &first, &count);) {
        size_t last = first + count - 1;
        double mib = row_number(&steps, first, "bytes") / MIB;
        struct ratio slower = row_ratio(&steps, last, "over nothing streamed");
        enum answer answer = answer_above(slower, SLOWER);
        finding_count(f, answer, &steps, last);
        for (size_t k = first + 1; k <= last; k++)
            finding_control(
                f,
                answer_if(answer_greater(row_ratio(&steps, k - 1, "over nothing streamed"),
                                         row_ratio(&steps, k, "over nothing streamed")) !=
                          ANSWER_HELD),
                "a step is not faster after more was read");
        finding_say_part(f, 2, "%s%.0f MiB: %.2f times as long after %.0f MiB read",
                         first ? "; " : "", mib, slower.value,
                         row_number(&steps, last, "read before") / MIB);
        finding_number(f, "1", slower, "%.0f MiB: time after the most was read, over nothing read",
                       mib);
        finding_number(f, "bytes", number(half_of_rise(&steps, first, last)),
                       "%.0f MiB: read before where half of the rise is there", mib);
        finding_range(f, "%s%.0f MiB of keys and values: %s", first ? "; " : "", mib,
                      answer == ANSWER_HELD      ? "slower"
                      : answer == ANSWER_AGAINST ? "as fast as ever"
                                                 : "not settled");
    }
    finding_settle(f, SETTLE_ALL, "some sizes");
    rows_free(&steps);
}
