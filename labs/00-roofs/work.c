/*
 * work.c: 00.1, every kernel does all of the work that it is timed for.
 *
 * Readers must return a checksum with a closed form, writers and copiers leave a pattern in a
 * poisoned target, multiply-adds end on values that are computed beforehand to the bit, atomics
 * leave a count (kernels/roofs/roofs.h). A kernel that skips work is our bug and no finding.
 */
#include "kernels/threads/threads.h"
#include "labs/00-roofs/roofs_lab.h"

static int prove(struct lab_run *run, struct device *device, struct roofs_memory *memory,
                 const struct roofs_plan *plan) {
    char text[ROOFS_TEXT];
    struct job job;
    struct lab_case *c =
        lab_case_begin(run, device_id(device), "00/proof/%s/threads=%u/bytes=%zu/%s",
                       roofs_op_name((enum roofs_op)plan->op), plan->threads, plan->bytes,
                       roofs_plan_text(plan, text));
    if (!c)
        return 0;
    if (roofs_job_open(&job, memory, plan) != 0) {
        lab_case_drop(c);
        return lab_error(run, "%s: %s", text, device_error());
    }
    /* Two calls, so that work skipped in a later one shows; then the proof. */
    bool proved = job_call(&job) == 0 && job_call(&job) == 0 && job_prove(&job) == 0;
    if (!proved)
        lab_note(run, "%s on %s: %s", text, device_id(device), device_error());
    case_param_text(c, "kernel", text);
    case_param_flag(c, "proved", proved);
    case_plan(c, job_plan(&job));
    job_close(&job);
    return lab_case_end(c);
}

static int prove_all(struct lab_run *run, struct device *device, struct roofs_memory *memory,
                     enum roofs_op op, size_t bytes) {
    struct roofs_plan plans[PLANS];
    unsigned threads = device_kind(device) == DEVICE_CPU ? pool_cpus() : 0;
    size_t n = roofs_variants(device, op, bytes, threads, plans, PLANS);
    lab_expect(run, n);
    for (size_t k = 0; k < n && !lab_stopping(run); k++) {
        if (plans[k].passes > 3)
            plans[k].passes = 3; /* a proof needs no long call */
        if (prove(run, device, memory, &plans[k]) != 0)
            return -1;
    }
    return 0;
}

int sweep_proofs(struct lab_run *run, struct device *device) {
    static const size_t sizes[] = {2 * ROOFS_PAGE, 10 * ROOFS_PAGE, 64 * ROOFS_PAGE};
    struct roofs_memory *memory;
    int status = 0;
    if (roofs_memory_open(&memory, device, sizes[2], sizes[2]) != 0)
        return lab_error(run, "%s: %s", device_id(device), device_error());
    for (int op = 0; op < ROOFS_OPS; op++)
        for (size_t s = 0; s < (op <= ROOFS_COPY ? 3 : 1) && status == 0; s++)
            status = prove_all(run, device, memory, (enum roofs_op)op, sizes[s]);
    roofs_memory_close(memory);
    return status;
}

void check_work(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++)
        finding_predicted(f, row_is(rows, k, "proved", "true"), rows, k);
    finding_say(f,
                "%llu of %zu kernels and footprints left the checksum, pattern, value or count "
                "that was computed beforehand",
                (unsigned long long)f->held, rows->count);
    settle(f, "kernels and footprints");
}
