/*
 * spills.c, K7: what the compiler decided about the kernels' registers and spills, asked of the
 * driver while the KV cache is in the last-level cache, and while it is not. And the step's time in
 * both, so that there is something to compare with. Only a GPU's driver can be asked.
 */
#include "labs/04-paged-kv-residency/residency.h"

#define HEADS 8
#define HEAD 128
#define BATCH 16
#define BYTES (8 * MIB)

/* --- sweep -------------------------------------------------------------------------------------
 */

/* Once the step has run in its state. */
static int ask(struct entrant *step, const struct job *before, struct device *device) {
    int registers = 0, local_bytes = 0;
    const struct job *job = entrant_job(step);
    if ((before && job_call(before) != 0) || job_call(job) != 0 || device_sync(device) != 0 ||
        paged_job_resources(job, &registers, &local_bytes) != 0)
        return -1;
    case_counter(entrant_case(step), "registers per thread", registers);
    case_counter(entrant_case(step), "local bytes per thread", local_bytes);
    return 0;
}

/* One plan, warm and cold. */
static int enter(struct memories *memories, struct contest *c, struct paged_memory *memory,
                 const struct paged_plan *plan, const struct job *reader, size_t reader_bytes) {
    struct lab_run *run = memories->run;
    struct paged_step step;
    struct kv_table table;
    struct entrant *e, *warm = NULL;
    char text[PLAN_TEXT];
    unsigned tokens = (unsigned)(BYTES / (2 * HEADS * HEAD * 2) / BATCH);
    int status = map_equal(&table, plan, HEADS, BATCH, tokens, 0, KV_MAP_PERMUTED, lab_seed(run));
    if (status != 0)
        return lab_error(run, "%s", device_error());
    status = step_of(run, memories->device, plan, HEADS, &table, &step);
    for (int cold = 0; cold < 2 && status == 0; cold++) {
        const struct job *before = cold ? reader : NULL;
        e = enter_step(run, c, memory, &step, "permuted", cold ? "cold" : "warm");
        status = e ? enter_after(memories, e, !cold, before, cold ? (double)reader_bytes : 0) : -1;
        if (status == 0 && ask(e, before, memories->device) != 0)
            status = lab_error(run, "registers of a step: %s", device_error());
        if (status == 0) {
            case_param_text(entrant_case(e), "plan", paged_plan_text(plan, text));
            entrant_speed_over(e, warm, "over warm");
        }
        warm = e;
    }
    kv_table_close(&table);
    return status;
}

int sweep_spills(struct lab_run *run, struct device *device) {
    static const struct {
        enum paged_op op;
        int group;
    } kernels[] = {{PAGED_ATTENTION, 1}, {PAGED_ATTENTION, 8}, {PAGED_GATHER, 1}};
    struct contest *c = contest_open(run, device, "04/resources");
    if (!c)
        return contest_skipped(run);
    struct memories memories = memories_open(run, device);
    size_t bytes = 2 * last_level_bytes(device);
    struct job *reader = memories_reader(&memories, bytes);
    struct paged_memory *memory = reader ? memories_huge(&memories, ELEMENT_BF16, BYTES) : NULL;
    int status = memory ? 0 : -1;
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels && status == 0; k++) {
        struct paged_plan plan = plan_of(kernels[k].op, PAGED_TABLE, ELEMENT_BF16);
        plan.group = kernels[k].group;
        status = enter(&memories, c, memory, &plan, reader, bytes);
    }
    *contest_limits(c) = mode_limits(run);
    status = status == 0 ? contest_end(c) : contest_drop(c);
    memories_close(&memories);
    return status;
}

/* --- check -------------------------------------------------------------------------------------
 *
 * "Pressure leads to spills" at run time would show as registers or local bytes that change with
 * residency. If they are the same numbers warm and cold while the step takes longer cold, the
 * compiler has fixed them. A step that does not take longer puts nothing to the test.
 */

void check_spills(const struct rows *rows, struct finding *f) {
    struct rows cold = rows_select(rows, "", "state=cold");
    struct rows warm = rows_select(rows, "", "state=warm");
    size_t slower = 0;
    for (size_t k = 0; k < cold.count; k++) {
        char term[200];
        enum answer longer = answer_below(row_ratio(&cold, k, "over warm"), 1);
        snprintf(term, sizeof term, "plan=%s", row_text(&cold, k, "plan"));
        size_t w = rows_find(&warm, term);
        if (w == warm.count)
            continue;
        double registers = row_number(&cold, k, "registers per thread");
        double local = row_number(&cold, k, "local bytes per thread");
        bool changed = registers != row_number(&warm, w, "registers per thread") ||
                       local != row_number(&warm, w, "local bytes per thread");
        slower += longer == ANSWER_HELD;
        finding_count(f, longer == ANSWER_HELD ? answer_if(changed) : ANSWER_OPEN, &cold, k);
        finding_number(f, "1", number(registers), "registers per thread, %s",
                       row_text(&cold, k, "plan"));
        finding_number(f, "bytes", number(local), "spilled per thread, %s",
                       row_text(&cold, k, "plan"));
    }
    finding_say(f,
                "%zu kernels took longer with their keys and values out of cache; registers or "
                "spills changed in %llu of them",
                slower, (unsigned long long)f->held);
    finding_settle(f, SETTLE_ANY, "for the kernels whose step took longer cold");
    rows_free(&cold);
    rows_free(&warm);
}
