/*
 * Lab 00, roofs: what are this machine's limits?
 *
 * The denominators of every other lab: how fast memory is read, written and copied at each
 * footprint, how many multiply-adds and atomic updates per second there are, what a call, a
 * hand-over to other threads or a launch costs. Each is the best of several kernels, and every
 * kernel proves that it did its work. README.md tells the same story in words; the arms are work.c
 * (00.1), memory.c (00.2 to 00.5) and rates.c (00.6 to 00.8).
 */
#include "kernels/threads/threads.h"
#include "labs/00-roofs/roofs_lab.h"

static const struct claim claims[] = {
    {"00.1", "Every kernel does all of the work that it is timed for.",
     .refuted_by = "a checksum, pattern, value or count other than the one computed beforehand",
     .on = CLAIM_BITS, .cases = "00/proof/", .sweep = sweep_proofs, .check = check_work},
    {"00.2", "A small footprint is read faster than a large one: caches show.",
     .refuted_by = "the smallest footprint read no faster than the largest with every thread count",
     .on = CLAIM_TIME, .cases = "00/caches/", .sweep = sweep_caches, .check = check_caches},
    {"00.3", "A copy is no faster than reading and writing by themselves allow.",
     .refuted_by = "copies of over twice the bytes per second of reading or writing everywhere",
     .on = CLAIM_TIME, .cases = "00/memory/", .sweep = sweep_memory, .check = check_copy},
    {"00.4", "Two ways to measure agree: whole calls, and the slope over passes.",
     .refuted_by = "three passes whose time is not three times that of one, beyond 5 %",
     .on = CLAIM_TIME, .cases = "00/slope/", .sweep = sweep_slope, .check = check_slope},
    {"00.5", "One stream of loads is enough to read memory at full speed.",
     .refuted_by = "a reader with more streams that is over 2 % faster with every thread count",
     .on = CLAIM_TIME, .cases = "00/caches/", .sweep = sweep_caches, .check = check_streams},
    {"00.6", "n threads do n times the multiply-adds of one.",
     .refuted_by = "less than 0.9 n, or more than 1.05 n times, with every instruction set",
     .on = CLAIM_TIME,
     .only = LAB_ON(DEVICE_CPU), /* a GPU's kernel is not given a number of threads to run on */
     .cases = "00/fma32/ 00/fma64/ 00/atomic/", .sweep = sweep_rates, .check = check_threads},
    {"00.7", "An atomic update of a shared address costs more than one of a private address.",
     .refuted_by = "updates of one address that are no slower than those of private addresses",
     .on = CLAIM_TIME, .cases = "00/atomic/", .sweep = sweep_rates, .check = check_shared},
    {"00.8",
     "Handing work over (to threads, or a launch that is waited for) costs more than a plain call, "
     "or a launch that is not.",
     .refuted_by = "a hand-over that takes no longer than a plain call", .on = CLAIM_TIME,
     .cases = "00/empty/", .sweep = sweep_rates, .check = check_hand_over},
};

static const struct quantity quantities[] = {
    {"kernel", "", "the plan, as in roofs_plan_text()"},
    {"threads", "1", "CPU threads that work; 0: a GPU's whole grid"},
    {"workers", "", "the same in words"},
    {"proved", "", "whether the work was all done"},
    {"footprint", "", "the smallest or the largest of the run"},
    {"over memory", "1", "speed over that of the fastest reader of the largest footprint"},
    {"over best", "1", "speed over that of the fastest kernel of the same op and footprint"},
    {"over reading", "1", "bytes per second over those of the fastest reader"},
    {"over writing", "1", "bytes per second over those of the fastest writer"},
    {"over one pass", "1", "time over that of a call of one pass"},
    {"over one thread", "1", "speed over that of one thread with the same instructions"},
    {"virtual machine", "1", "1: a host decides on which cores these CPUs run; 0: none does"},
    {"time over one thread", "1", "time over that of one thread's updates"},
    {"over private", "1", "time over that of updates of private addresses"},
    {"over plain", "1", "time over that of a plain call, or of a launch that is not waited for"},
    {"updates per second", "updates/s", "atomic additions of one call over its median time"},
};

static const struct kernels_used kernels[] = {
    {"00/", "roofs/"},
};

static const struct table_spec tables[] = {
    {"bandwidth", "00/memory/",
     "device; threads = workers; op = plan.op; bytes = plan.bytes; "
     "gbps, low, high = bytes per second / 1e9~; kernel",
     .where = "over best=1", .sort = "device;plan.op;threads;plan.bytes"},
    {"readers", "00/memory/",
     "device; threads = workers; kernel; bytes = plan.bytes; "
     "gbps, low, high = bytes per second / 1e9~",
     .where = "plan.op=read", .sort = "device;threads;kernel;plan.bytes"},
    {"streams", "00/caches/",
     "device; threads = workers; footprint; bytes = plan.bytes; kernel; "
     "gbps, low, high = bytes per second / 1e9~; times memory = over memory",
     .sort = "device;threads;plan.bytes"},
    {"multiply-adds", "00/fma32/ 00/fma64/",
     "device; type = plan.op; kernel; threads = workers; "
     "gflops, low, high = flops per second / 1e9~; times one thread = over one thread",
     .sort = "device;plan.op;kernel;threads"},
    {"atomics", "00/atomic/",
     "device; kernel; threads = workers; million per second, low, high = updates per second / "
     "1e6~; "
     "time over private = over private",
     .sort = "device;threads;kernel"},
    {"calls", "00/empty/",
     "device; kernel; threads = workers; us, low, high = @median / 1e-6~; "
     "time over plain = over plain",
     .sort = "device;threads;kernel"},
};

size_t thread_counts(const struct device *device, unsigned threads[THREAD_COUNTS]) {
    if (device_kind(device) != DEVICE_CPU) {
        threads[0] = 0;
        return 1;
    }
    threads[0] = 1;
    threads[1] = pool_cpus();
    return threads[1] > 1 ? 2 : 1;
}

void settle(struct finding *f, const char *what) {
    finding_range(f, "%llu of %llu %s", (unsigned long long)f->held,
                  (unsigned long long)(f->held + f->against + f->open), what);
    finding_settle(f, SETTLE_ALL, "");
}

struct entrant *enter_plan(struct lab_run *run, struct contest *c, struct roofs_memory *memory,
                           const struct roofs_plan *plan, const char *name) {
    unsigned threads = plan->isa == ROOFS_GPU ? 0 : plan->threads;
    char text[ROOFS_TEXT];
    struct job job;
    if (roofs_job_open(&job, memory, plan) != 0)
        lab_error(run, "%s: %s", name, device_error());
    struct entrant *e = contest_enter(c, &job, "%s", name);
    case_param_text(entrant_case(e), "kernel", roofs_plan_text(plan, text));
    case_param_int(entrant_case(e), "threads", threads);
    snprintf(text, sizeof text, threads == 1 ? "%u thread" : "%u threads", threads);
    case_param_text(entrant_case(e), "workers", threads == 0 ? "whole grid" : text);
    return e;
}

const struct lab lab = {
    .number = 0,
    .name = "roofs",
    .question = "What are this machine's limits?",
    .needs = "a CPU; a GPU if there is one",
    .takes = "quick 25 s, default 4 min on two cores",
    .bits_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_SIMT) | LAB_ON(DEVICE_PTX) |
                    LAB_ON(DEVICE_SASS) | LAB_ON(DEVICE_CUDA),
    .time_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA),
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .quantities = quantities,
    .quantity_count = sizeof quantities / sizeof *quantities,
    .kernels = kernels,
    .kernel_count = sizeof kernels / sizeof *kernels,
    .tables = tables,
    .table_count = sizeof tables / sizeof *tables,
};
