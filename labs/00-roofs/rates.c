/*
 * rates.c: 00.6 to 00.8, what needs no memory: multiply-adds, atomic updates, and the cost of
 * starting work. One thread and all of them are measured in one contest.
 */
#include "labs/00-roofs/roofs_lab.h"

/* How many of its unit a job does per second, where the harness has no name for it. */
static int add_updates(void *job, struct lab_case *record, const struct bench_result *r) {
    double updates = roofs_job_work(job);
    case_counter_ratio(record, "updates per second",
                       (struct ratio){updates / r->median, updates / r->high, updates / r->low});
    return 0;
}

/* All plans of an op with a number of threads, as threads=…/…; how many. */
static size_t enter_op(struct lab_run *run, struct contest *c, struct device *device,
                       struct roofs_memory *memory, enum roofs_op op, unsigned threads,
                       struct entrant **out) {
    struct roofs_plan plans[PLANS];
    char name[ROOFS_TEXT + 24], text[ROOFS_TEXT];
    size_t n = roofs_variants(device, op, 0, threads, plans, PLANS);
    for (size_t k = 0; k < n; k++) {
        snprintf(name, sizeof name, "threads=%u/%s", threads, roofs_plan_text(&plans[k], text));
        out[k] = enter_plan(run, c, memory, &plans[k], name);
        if (op == ROOFS_ATOMIC)
            entrant_finish(out[k], add_updates, (void *)entrant_job(out[k]));
    }
    return n;
}

/* What the claims compare. `one` and `all`: a kernel's plans with one thread and with all; the
 * same list twice where there is only one number of threads. */
static void compare(enum roofs_op op, struct entrant **one, struct entrant **all, size_t n) {
    switch (op) {
    case ROOFS_FMA32:
    case ROOFS_FMA64:
        for (size_t k = 0; k < n && all != one; k++) {
            entrant_speed_over(all[k], one[k], "over one thread");
            entrant_host(all[k]);
        }
        break;
    case ROOFS_ATOMIC: /* private, shared */
        if (all != one)
            entrant_over(all[0], one[0], "time over one thread");
        if (n > 1)
            entrant_over(all[1], all[0], "over private");
        break;
    default: /* a call, and handing it to all threads; or a launch, and one that is waited for */
        if (n > 1 || all != one)
            entrant_over(all[n - 1], one[0], "over plain");
    }
}

static int measure(struct lab_run *run, struct device *device, struct roofs_memory *memory,
                   enum roofs_op op) {
    struct contest *c = contest_open(run, device, "00/%s", roofs_op_name(op));
    struct entrant *entrants[2][PLANS] = {{NULL}};
    unsigned threads[2];
    size_t n = 0, counts = thread_counts(device, threads);
    if (!c)
        return contest_skipped(run);
    for (size_t t = 0; t < counts; t++)
        n = enter_op(run, c, device, memory, op, threads[t], entrants[t]);
    compare(op, entrants[0], entrants[counts - 1], n);
    return contest_end(c);
}

int sweep_rates(struct lab_run *run, struct device *device) {
    struct roofs_memory *memory;
    int status = 0;
    if (roofs_memory_open(&memory, device, 0, 0) != 0)
        return lab_error(run, "%s: %s", device_id(device), device_error());
    for (int op = ROOFS_FMA32; op < ROOFS_OPS && status == 0; op++)
        status = measure(run, device, memory, (enum roofs_op)op);
    roofs_memory_close(memory);
    return status;
}

/* --- 00.6: n threads do n times the multiply-adds of one ----------------------------------------
 *
 * Two hardware threads of one core share its multipliers; two cores do not. 10 % below n times is
 * still n times, 5 % above would be a mistake.
 *
 * Less than that refutes the claim only where the threads had the machine's CPUs to themselves.
 * Control 1: nothing moves these CPUs between cores. A virtual machine's host does, without a trace
 * inside: two of its CPUs are two cores in one second, and two threads of one core in the next.
 * Control 2, against other programs: updates of private addresses, which share no multiplier, run
 * at the same time. Where a thread waits for a CPU, they take twice as long or longer.
 */
struct shared_cpus {
    bool low, fixed;         /* less than n times somewhere; on CPUs known to be nobody's to move */
    enum answer all_at_once; /* control 2 */
};

/* Where something held, the claim is not refuted anyway, and how much did says more. */
static void control_cpus(const struct shared_cpus *cpus, struct finding *f) {
    if (!cpus->low || f->held > 0)
        return;
    finding_control(f, cpus->fixed ? ANSWER_HELD : ANSWER_OPEN,
                    "no host moves these CPUs between cores, as a virtual machine's may");
    finding_control(f, cpus->all_at_once,
                    "no other program has one of the CPUs: private updates of all threads take "
                    "less than twice as long as of one");
}

void check_threads(const struct rows *rows, struct finding *f) {
    struct shared_cpus cpus = {.fixed = true, .all_at_once = ANSWER_OPEN};
    double least = INFINITY, most = 0;
    for (size_t k = 0; k < rows->count; k++) {
        struct ratio r = row_ratio(rows, k, "over one thread");
        double n = row_number(rows, k, "threads");
        if (row_has(rows, k, "time over one thread"))
            cpus.all_at_once = answer_below(row_ratio(rows, k, "time over one thread"), 2);
        if (!row_has(rows, k, "over one thread"))
            continue;
        enum answer enough = answer_above(r, 0.9 * n);
        finding_count(f, answer_both(enough, answer_below(r, 1.05 * n)), rows, k);
        finding_number(f, "1", r, "speed of %.0f threads over one, %s %s", n,
                       row_text(rows, k, "plan.op"), row_text(rows, k, "kernel"));
        if (enough == ANSWER_AGAINST) {
            cpus.low = true;
            cpus.fixed = cpus.fixed && row_number(rows, k, "virtual machine") == 0;
        }
        least = fmin(least, r.value);
        most = fmax(most, r.value);
    }
    if (f->held + f->against + f->open == 0)
        finding_not_testable(f, "this machine offers one CPU; take one with more");
    finding_say(f, "all threads together do %.2f to %.2f times the multiply-adds of one", least,
                most);
    control_cpus(&cpus, f);
    settle(f, "types and instruction sets");
}

/* --- 00.7: a shared address costs more than private ones ----------------------------------------
 *
 * A cache line that two cores write to travels between them for every update. Control: the threads
 * did run at the same time; else there was nobody to share with.
 */
void check_shared(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++) {
        struct ratio r = row_ratio(rows, k, "over private");
        if (row_has(rows, k, "time over one thread"))
            finding_control(f, answer_below(row_ratio(rows, k, "time over one thread"), 2),
                            "private updates of all threads take less than twice as long as of "
                            "one");
        if (row_has(rows, k, "updates per second"))
            finding_number(f, "updates/s", row_ratio(rows, k, "updates per second"), "%s, %s",
                           row_text(rows, k, "kernel"), row_text(rows, k, "workers"));
        if (!row_has(rows, k, "over private"))
            continue;
        finding_count(f, answer_above(r, 1), rows, k);
        finding_say_part(
            f, 1, "an update of one shared address takes %.2f times as long as of private ones",
            r.value);
    }
    if (f->held + f->against + f->open == 0)
        finding_not_testable(f, "one thread alone has nobody to share an address with; take a "
                                "machine with more CPUs");
    settle(f, "comparisons");
}

/* --- 00.8: handing work over costs more than a plain call ---------------------------------------
 */
void check_hand_over(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++) {
        struct ratio r = row_ratio(rows, k, "over plain");
        finding_number(f, "s", row_ratio(rows, k, "@median"), "an empty call, %s, %s",
                       row_text(rows, k, "kernel"), row_text(rows, k, "workers"));
        if (!row_has(rows, k, "over plain"))
            continue;
        finding_count(f, answer_above(r, 1), rows, k);
        finding_say_part(
            f, 1, "handing work over takes %.1f times as long as a plain call or launch", r.value);
    }
    if (f->held + f->against + f->open == 0)
        finding_not_testable(f, "this machine offers one CPU; take one with more");
    settle(f, "comparisons");
}
