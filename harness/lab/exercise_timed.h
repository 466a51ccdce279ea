/*
 * exercise_timed.h: how a timed answer is judged. exercise/checks/NAME.c defines EXERCISE_ALONE and
 * includes exercise.h and then this file.
 *
 * - The clock, the seed and the verdict are here, in a process of their own. An answer is stopped
 *   (SIGSTOP) while its next task is made and its caches are emptied, and the clock runs before it
 *   goes on. It has no thread and no timer, so it does nothing while the clock stands.
 * - What counts is the processor time that the kernel keeps account of for each process, so that a
 *   busy machine does not make an answer slow. Nothing in that process can change it.
 * - Every call has new numbers, and its result is checked: there is no other call.
 * - By turns with it a reader of our own reads the same memory, as cold (kernels/roofs). The
 * fastest of its calls is the roof. An answer that takes less than 0.9 of the reader's time has not
 * read the memory, whatever it says, and is not believed.
 * - A slow answer is not wrong: its speed is told beside the roof, and no more.
 */
#ifndef NANOLAB_HARNESS_EXERCISE_TIMED_H
#define NANOLAB_HARNESS_EXERCISE_TIMED_H

#include "harness/lab/exercise.h"

#ifndef EXERCISE_ANSWERS

#include "kernels/roofs/roofs_inside.h"

/* Calls that are timed; of the share of the roof that a call reaches, the median counts, and by the
 * order of the samples it lies between number 4 and 12 of 15 with 96 % (1 - 2 · 576 / 2^15). */
enum { TIMED_CALLS = 15, TIMED_LOW = 3, TIMED_HIGH = 11 };
#define TIMED_FLOOR 0.9

struct timed {
    double bytes[TIMED_CALLS]; /* that each call has to read */
    double seconds[TIMED_CALLS];
    double roof[2 * TIMED_CALLS]; /* bytes per second of the reader's calls */
    unsigned calls, roofs;
    bool stands; /* the answering process is stopped */
};

static int timed_ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double timed_roof(const struct timed *t) {
    double most = 0;
    for (unsigned k = 0; k < t->roofs; k++)
        most = fmax(most, t->roof[k]);
    return most;
}

/* The first call that is faster than memory can be read, or -1. */
static int timed_impossible(const struct timed *t) {
    for (unsigned k = 0; k < t->calls; k++)
        if (t->seconds[k] < TIMED_FLOOR * t->bytes[k] / timed_roof(t))
            return (int)k;
    return -1;
}

/* The share of the roof: the median of the calls, and the ends of its interval. Of TIMED_CALLS. */
static void timed_share(const struct timed *t, double *low, double *median, double *high) {
    double share[TIMED_CALLS];
    for (unsigned k = 0; k < TIMED_CALLS; k++)
        share[k] = t->bytes[k] / t->seconds[k] / timed_roof(t);
    qsort(share, TIMED_CALLS, sizeof *share, timed_ascending);
    *low = share[TIMED_LOW];
    *median = share[TIMED_CALLS / 2];
    *high = share[TIMED_HIGH];
}

/* Says what a whole series of calls is worth: 0, or 1 with the reason. */
static int timed_verdict(struct exercise *e, const struct timed *t) {
    int k = timed_impossible(t);
    double low, median, high, best = 0, roof = timed_roof(t);
    if (k >= 0)
        return not_yet(e,
                       "Impossible: call %d took %.3g ms for %.0f MB, which is %.3g GB/s. The "
                       "fastest of %u readings of the same memory reached %.3g GB/s, so all of it "
                       "cannot have been read.",
                       k + 1, t->seconds[k] * 1e3, t->bytes[k] / 1e6,
                       t->bytes[k] / t->seconds[k] / 1e9, t->roofs, roof / 1e9);
    timed_share(t, &low, &median, &high);
    for (unsigned c = 0; c < t->calls; c++)
        best = fmax(best, t->bytes[c] / t->seconds[c]);
    snprintf(e->score, sizeof e->score,
             "It reads %.3g GB/s, which is %.2f of the roof (%.2f to %.2f, median of %d calls of "
             "%.0f MB), and in its fastest call %.2f of it; the roof, %.3g GB/s, is the fastest of "
             "%u readings",
             median * roof / 1e9, median, low, high, TIMED_CALLS, t->bytes[0] / 1e6, best / roof,
             roof / 1e9, t->roofs);
    return 0;
}

/* --- caches and the roof -----------------------------------------------------------------------
 */

/* Bytes that are read to empty the caches: four times the largest, as the system says, and at least
 * 64 MiB; 512 MiB at most, since nobody may wait. */
static size_t timed_flush_bytes(void) {
    long level3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
    size_t bytes = level3 > 0 ? 4 * (size_t)level3 : (size_t)128 << 20;
    bytes = bytes < (size_t)64 << 20 ? (size_t)64 << 20 : bytes;
    return bytes > (size_t)512 << 20 ? (size_t)512 << 20 : bytes;
}

/* Processor time that a process has had, in seconds. */
static double timed_used(clockid_t clock) {
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int timed_read(const void *from, size_t bytes, unsigned which, double *seconds) {
    static const struct { int streams, prefetch; } ways[] = {{1, 0}, {4, 0}, {1, 4096}, {8, 4096}};
    const unsigned count = sizeof ways / sizeof *ways;
    struct roofs_plan plan = {.op = ROOFS_READ, .isa = roofs_isa_best(), .threads = 1, .passes = 1};
    uint64_t sum = 0;
    struct roofs_work work = {.plan = &plan, .source = from, .counters = &sum};
    plan.streams = ways[which % count].streams;
    plan.prefetch = ways[which % count].prefetch;
    plan.bytes = bytes / (8 * ROOFS_PAGE) * (8 * ROOFS_PAGE);
    double begin = timed_used(CLOCK_PROCESS_CPUTIME_ID);
    int status = roofs_ops_cpu.run[ROOFS_READ](&work);
    *seconds = timed_used(CLOCK_PROCESS_CPUTIME_ID) - begin;
    return status;
}

static void timed_flush(void) {
    static char *other;
    static size_t bytes;
    double seconds;
    if (!other) {
        bytes = timed_flush_bytes();
        other = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (other == MAP_FAILED) {
            fprintf(stderr, "exercise: no memory to empty the caches with\n");
            exit(2);
        }
        memset(other, 1, bytes);
    }
    timed_read(other, bytes, 0, &seconds);
}

/* --- calls -------------------------------------------------------------------------------------
 */

/* Stops the answering process and waits until it stands. */
static void timed_stop(struct exercise *e, struct timed *t) {
    siginfo_t info;
    if (t->stands)
        return;
    kill(e->child, SIGSTOP);
    waitid(P_PID, (id_t)e->child, &info, WSTOPPED | WEXITED | WNOWAIT);
    if (info.si_code == CLD_STOPPED) /* whoever ended is for exercise_reply to find */
        waitid(P_PID, (id_t)e->child, &info, WSTOPPED);
    t->stands = true;
}

/*
 * One timed call. `make` writes a task to `in` and returns its bytes; `data` and `data_bytes` are
 * what of it the answer has to read. The answer is in `out`. 0; or 1 when the check is over.
 */
static int timed_ask(struct exercise *e, struct timed *t,
                     size_t (*make)(struct exercise *e, void *in, size_t *data, size_t *data_bytes),
                     void *out, size_t out_bytes) {
    size_t data, data_bytes;
    double seconds;
    clockid_t clock;
    if (clock_getcpuclockid(e->child, &clock) != 0)
        return not_yet(e, "It cannot be timed: %s.", strerror(errno));
    timed_stop(e, t);
    make(e, e->memory, &data, &data_bytes);
    /* The reader has its turn before the answer or after it. */
    for (int turn = 0, first = (int)random_below(e, 2); turn < 2; turn++) {
        timed_flush();
        if (turn == first) {
            timed_read(e->memory + data, data_bytes, t->roofs, &seconds);
            t->roof[t->roofs++] = (double)data_bytes / seconds;
            continue;
        }
        exercise_poison(e, out_bytes);
        e->number = random_bits(e);
        if (write(e->requests, &e->number, sizeof e->number) < 0 && errno != EPIPE)
            return not_yet(e, "It cannot be asked: %s.", strerror(errno));
        double begin = timed_used(clock);
        e->end = exercise_now() + e->seconds; /* for each call: what the judge does is no fault */
        kill(e->child, SIGCONT);
        t->stands = false;
        if (exercise_reply(e) != 0)
            return 1;
        timed_stop(e, t); /* it has nothing to do any more; if it had, it would count */
        t->seconds[t->calls] = timed_used(clock) - begin;
        if (!(t->seconds[t->calls] > 0)) /* nobody keeps account of it any more */
            return not_yet(e, "It ended after it answered.");
        t->bytes[t->calls++] = (double)data_bytes;
        memcpy(out, e->memory + EXERCISE_BYTES, out_bytes);
    }
    return 0;
}

/* Where a call looks impossible, the roof may have been measured in a slow moment: it is measured
 * again, on the last task, as often as before. */
static void timed_doubt(struct exercise *e, struct timed *t, size_t data, size_t data_bytes) {
    double seconds;
    timed_stop(e, t);
    while (timed_impossible(t) >= 0 && t->roofs < 2 * TIMED_CALLS) {
        timed_flush();
        timed_read(e->memory + data, data_bytes, t->roofs, &seconds);
        t->roof[t->roofs++] = (double)data_bytes / seconds;
    }
}

/* Lets it go on, to its end. */
static void timed_end(struct exercise *e) {
    if (e->child > 0)
        kill(e->child, SIGCONT);
}

#endif
#endif
