/*
 * price.c: what a fixed plan costs, and whether a step is as fast as memory allows. One step of
 * one, eight and thirty-two requests, by the rule that counts rows and by a plan that counts
 * nothing, measured in turns.
 */
#include <math.h>
#include <stdlib.h>

#include "harness/lab/contest.h"
#include "kernels/decoder/decoder_job.h"
#include "labs/09-batch-invariance/invariance.h"

enum { POSITION = 32 };

static const unsigned batches[] = {1, 8, 32};
static const enum rule ways[] = {RULE_HEURISTIC, RULE_FIXED};
enum { BATCHES = sizeof batches / sizeof *batches, WAYS = sizeof ways / sizeof *ways };

static int enter(struct lab_run *run, struct device *device, const struct stage *stage,
                 struct contest *c, unsigned batch, struct roofs_memory **memory) {
    struct entrant *entrants[WAYS];
    double bytes = 0;
    for (int w = 0; w < WAYS; w++) {
        struct decoder_way way = stage_way(stage, ways[w]);
        way.plan.terms = DECODER_BLOCKS; /* the fastest that a processor has */
        struct job job;
        if (decoder_job_open(&job, &way, batch, POSITION) != 0)
            return lab_error(run, "%s: %s", device_id(device), device_error());
        bytes = job.bytes;
        entrants[w] = contest_enter(c, &job, "rule=%s", rule_names[ways[w]]);
        case_param_text(entrant_case(entrants[w]), "model", stage->model.name);
        case_param_text(entrant_case(entrants[w]), "rule", rule_names[ways[w]]);
        case_param_int(entrant_case(entrants[w]), "batch", batch);
    }
    entrant_over(entrants[1], entrants[0], "over heuristic");
    if (batch > 1)
        return 0;
    /* One row reads all weights and does little with them: what memory gives is its limit. */
    const size_t whole = (size_t)64 * ROOFS_PAGE; /* so that threads and streams have whole pages */
    const size_t read = (size_t)bytes / whole * whole;
    if (roofs_memory_open(memory, device, read, 0) != 0)
        return lab_error(run, "%s: %s", device_id(device), device_error());
    if (contest_readers(c, *memory, read) != 0)
        return -1;
    for (int w = 0; w < WAYS; w++) {
        entrant_roof(entrants[w]);
        entrant_host(entrants[w]); /* 09.2 must know it */
    }
    return 0;
}

int sweep_price(struct lab_run *run, struct device *device) {
    const struct stage *stage = stage_of(run);
    if (!stage)
        return -1;
    for (int b = 0; b < BATCHES && !lab_stopping(run); b++) {
        struct contest *c =
            contest_open(run, device, "09/price/%s/batch=%u", stage->model.name, batches[b]);
        struct roofs_memory *memory = NULL;
        if (!c) {
            if (contest_skipped(run) != 0)
                return -1;
            continue;
        }
        int status = enter(run, device, stage, c, batches[b], &memory);
        status = status == 0 ? contest_end(c) : contest_drop(c);
        roofs_memory_close(memory);
        if (status != 0)
            return -1;
    }
    return 0;
}

/* --- checks ------------------------------------------------------------------------------------
 */

/* --- 09.1: a fixed plan takes at most a tenth longer --------------------------------------------
 */
void check_price(const struct rows *rows, struct finding *f) {
    double least = INFINITY, most = 0;
    for (size_t k = 0; k < rows->count; k++) {
        const struct ratio r = row_ratio(rows, k, "over heuristic");
        if (!row_has(rows, k, "over heuristic"))
            continue;
        finding_count(f, answer_below(r, 1.1), rows, k);
        finding_number(f, "1", ratio_inverse(r), "batch of %.0f: tokens per second over the rule's",
                       row_number(rows, k, "batch"));
        least = fmin(least, r.value);
        most = fmax(most, r.value);
    }
    finding_say(f, "a fixed plan takes %.2f to %.2f times as long as the rule that counts rows%s",
                least, most, on_weights(rows));
    finding_settle(f, SETTLE_ALL, "some of the batches");
}

/* --- 09.2: one request is decoded at 0.6 of the speed at which memory can be read ----------------
 *
 * Control: the CPUs are this machine's own. What two CPUs of a virtual machine can read halves or
 * doubles from one run to the next, with the host's other guests, while a step takes as long as
 * before: then the fraction says more of the host than of the step.
 */
void check_roof(const struct rows *rows, struct finding *f) {
    double least = INFINITY, most = 0;
    if (*on_weights(rows)) {
        finding_not_testable(f, "the small random model is not bound by memory; make model brings "
                                "one that is");
        return;
    }
    for (size_t k = 0; k < rows->count; k++) {
        const struct ratio r = row_ratio(rows, k, "roof fraction");
        if (!row_has(rows, k, "rule") || !row_has(rows, k, "roof fraction"))
            continue;
        finding_count(f, answer_above(r, 0.6), rows, k);
        finding_control(f, row_number(rows, k, "virtual machine") == 0 ? ANSWER_HELD : ANSWER_OPEN,
                        "no host shares out these CPUs and their memory, as a virtual machine's "
                        "does");
        finding_number(f, "1", r, "%s: of the speed at which memory is read",
                       row_text(rows, k, "rule"));
        finding_number(f, "s", row_ratio(rows, k, "@median"), "%s: a token",
                       row_text(rows, k, "rule"));
        least = fmin(least, r.value);
        most = fmax(most, r.value);
    }
    finding_say(f, "a token of one request takes its weights at %.2f to %.2f of the read roof",
                least, most);
    finding_settle(f, SETTLE_ALL, "some of the plans");
}
