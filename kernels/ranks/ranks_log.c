/*
 * ranks_log.c: from a run's files to its log, and from the log to what rules and theory ask for.
 * A file is not believed: it may have been cut short by the death of who wrote it.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernels/ranks/ranks_inside.h"

__attribute__((format(printf, 2, 3))) static int refuse(char *why, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, RANKS_WHY, format, arguments);
    va_end(arguments);
    return -1;
}

void ranks_log_close(struct ranks_log *log) {
    free(log->step);
    free(log->cell);
    for (unsigned k = 0; k < RANKS_ARMS_MOST; k++)
        free(log->output[k]);
    *log = (struct ranks_log){0};
}

/* --- files ------------------------------------------------------------------------------------ */

/* The file of that name and its size; NULL with `why`. */
static FILE *open_file(const char *folder, const char *name, uint64_t *bytes, char *why) {
    char path[4096];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &status) != 0) {
        refuse(why, "cannot read the ranks' %s: %s", name, strerror(errno));
        if (file)
            fclose(file);
        return NULL;
    }
    *bytes = (uint64_t)status.st_size;
    return file;
}

static bool is_time(double us) {
    return isfinite(us) && fabs(us) <= 1e15; /* 30 years */
}

/* A step that the plan has in this place, of cells that can be. */
static int check_step(const struct ranks_log *log, size_t k, const unsigned *order, char *why) {
    const struct ranks_plan *plan = &log->plan;
    const struct ranks_step *s = &log->step[k];
    if (s->round != k / plan->steps / plan->arms || s->arm != order[k / plan->steps % plan->arms] ||
        s->step != k % plan->steps)
        return refuse(why, "the ranks' log: entry %zu is step %u of arm %u in round %u", k, s->step,
                      s->arm, s->round);
    if (s->shape_class < -1 || s->shape_class >= SERVING_SHAPE_CLASS_COUNT ||
        s->bytes > RANKS_BYTES_MOST)
        return refuse(why, "the ranks' log: entry %zu has shape class %d and %" PRIu64 " bytes", k,
                      s->shape_class, s->bytes);
    for (unsigned r = 0; r < plan->ranks; r++) {
        const struct ranks_cell *c = ranks_at(log, k, r);
        if (!is_time(c->compute_us) || !is_time(c->stall_us) || !is_time(c->start_us) ||
            !is_time(c->end_us) || !is_time(c->outer_start_us) || !is_time(c->outer_end_us) ||
            c->compute_us < 0 || c->end_us < c->start_us || c->outer_end_us < c->outer_start_us)
            return refuse(why, "the ranks' log: entry %zu: rank %u has times that cannot be", k, r);
        if (memchr(c->variant, '\0', sizeof c->variant) == NULL)
            return refuse(why, "the ranks' log: entry %zu: rank %u has a variant without end", k,
                          r);
    }
    return 0;
}

static int read_steps(FILE *file, struct ranks_log *log, char *why) {
    const struct ranks_plan *plan = &log->plan;
    unsigned order[RANKS_ARMS_MOST];
    for (size_t k = 0; k < log->steps; k++) {
        if (k % ((size_t)plan->arms * plan->steps) == 0)
            ranks_order(plan, (unsigned)(k / plan->steps / plan->arms), order);
        if (fread(&log->step[k], sizeof *log->step, 1, file) != 1 ||
            fread(ranks_at(log, k, 0), sizeof *log->cell, plan->ranks, file) != plan->ranks)
            return refuse(why, "cannot read the ranks' log: %s", strerror(errno));
        if (check_step(log, k, order, why) != 0)
            return -1;
    }
    return 0;
}

static int read_log(const char *folder, struct ranks_log *log, char *why) {
    uint64_t bytes, ranks = log->plan.ranks;
    uint64_t due =
        sizeof(struct ranks_file) + log->steps * (sizeof *log->step + ranks * sizeof *log->cell);
    struct ranks_file head;
    FILE *file = open_file(folder, "log", &bytes, why);
    if (!file)
        return -1;
    int status = 0;
    if (bytes != due)
        status = refuse(why, "the ranks' log has %" PRIu64 " bytes, not %" PRIu64, bytes, due);
    else if (fread(&head, sizeof head, 1, file) != 1 ||
             memcmp(head.magic, RANKS_MAGIC, sizeof head.magic) != 0 || head.ranks != ranks ||
             head.step_bytes != sizeof *log->step || head.cell_bytes != sizeof *log->cell)
        status = refuse(why, "the ranks' log was written by another build; run make again");
    else if (head.machines < 1 || head.machines > ranks)
        status = refuse(why, "the ranks' log: %" PRIu32 " machines of %" PRIu64 " ranks",
                        head.machines, ranks);
    else
        status = read_steps(file, log, why);
    log->machines = status == 0 ? head.machines : 0;
    fclose(file);
    return status;
}

/* Of the arm's first step, where in a serving loop the batch decides. */
static uint64_t output_bytes(const struct ranks_log *log, unsigned arm) {
    for (size_t k = 0; k < log->steps; k++)
        if (log->step[k].arm == arm)
            return log->step[k].bytes;
    return 0;
}

static int read_output(const char *folder, struct ranks_log *log, unsigned arm, char *why) {
    uint64_t bytes, due = output_bytes(log, arm);
    char name[32];
    snprintf(name, sizeof name, "output-%u", arm);
    FILE *file = open_file(folder, name, &bytes, why);
    if (!file)
        return -1;
    int status = 0;
    if (bytes != due)
        status = refuse(why, "rank 0's result has %" PRIu64 " bytes, not %" PRIu64, bytes, due);
    else if (!(log->output[arm] = malloc(due + 1)))
        status = refuse(why, "no memory for a result of %" PRIu64 " bytes", due);
    else if (fread(log->output[arm], 1, due, file) != due)
        status = refuse(why, "cannot read rank 0's result: %s", strerror(errno));
    fclose(file);
    return status;
}

int ranks_log_read(const char *folder, const struct ranks_plan *plan, struct ranks_log *log,
                   char *why) {
    *log =
        (struct ranks_log){.plan = *plan, .steps = (size_t)plan->rounds * plan->arms * plan->steps};
    log->step = calloc(log->steps, sizeof *log->step);
    log->cell = calloc(log->steps * plan->ranks, sizeof *log->cell);
    int status = log->step && log->cell ? 0 : refuse(why, "no memory for %zu steps", log->steps);
    if (status == 0)
        status = read_log(folder, log, why);
    for (unsigned k = 0; k < plan->arms && status == 0; k++)
        if (plan->arm[k].keep_output)
            status = read_output(folder, log, k, why);
    if (status != 0)
        ranks_log_close(log);
    return status;
}

/* --- what is asked of it ---------------------------------------------------------------------- */

static bool is_of(const struct ranks_log *log, size_t k, unsigned arm, int round) {
    return log->step[k].arm == arm && (round < 0 || log->step[k].round == (uint32_t)round);
}

static size_t count_of(const struct ranks_log *log, unsigned arm, int round) {
    size_t count = 0;
    for (size_t k = 0; k < log->steps; k++)
        count += is_of(log, k, arm, round);
    return count;
}

/* What comes before the sum across groups: computing, and the sum in the group. */
static struct straggler_cell cell_of(const struct ranks_cell *c, bool outer) {
    double before = c->compute_us + (c->end_us - c->start_us);
    if (outer)
        return (struct straggler_cell){before, c->outer_start_us, c->outer_end_us, true};
    return (struct straggler_cell){c->compute_us, c->start_us, c->end_us, true};
}

int ranks_straggler_log(const struct ranks_log *log, unsigned arm, int round, bool outer,
                        unsigned member, struct straggler_log *out, double **stall_us) {
    unsigned all = log->plan.ranks, group = log->plan.group ? log->plan.group : all;
    unsigned first = outer ? member % group : member / group * group, stride = outer ? group : 1;
    unsigned ranks = outer ? all / group : group;
    size_t steps = count_of(log, arm, round), n = 0;
    double *truth = stall_us ? calloc(steps * ranks + 1, sizeof *truth) : NULL;
    if ((stall_us && !truth) || straggler_log_open(out, ranks, steps) != 0) {
        free(truth);
        return -1;
    }
    out->has_compute = true;
    out->overlapped = log->plan.arm[arm].one_late;
    out->common_clock = log->plan.engine == RANKS_SMPI;
    for (size_t k = 0; k < log->steps; k++) {
        if (!is_of(log, k, arm, round))
            continue;
        /* Between two rounds something else ran: the sequence has a gap. */
        out->step[n] = (struct straggler_step){STRAGGLER_ALL_REDUCE, log->step[k].bytes,
                                               n + log->step[k].round};
        for (unsigned r = 0; r < ranks; r++) {
            const struct ranks_cell *c = ranks_at(log, k, first + r * stride);
            *straggler_at(out, n, r) = cell_of(c, outer);
            if (truth)
                truth[n * ranks + r] = c->stall_us;
        }
        n++;
    }
    for (unsigned r = 0; r < ranks; r++) {
        out->present[r] = true;
        out->launched[r] = steps;
    }
    if (stall_us)
        *stall_us = truth;
    return 0;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double *ranks_step_times(const struct ranks_log *log, unsigned arm, size_t *count) {
    unsigned ranks = log->plan.ranks;
    bool one_late = log->plan.arm[arm].one_late, groups = log->plan.group != 0;
    double *times = malloc((count_of(log, arm, -1) + 1) * sizeof *times);
    double *own = malloc(ranks * sizeof *own);
    *count = 0;
    for (size_t k = 0; times && own && k < log->steps; k++) {
        /* A round's steps of an arm lie one after another. */
        if (!is_of(log, k, arm, -1) || (one_late && log->step[k].step == 0))
            continue;
        for (unsigned r = 0; r < ranks; r++) {
            const struct ranks_cell *c = ranks_at(log, k, r);
            double end = groups ? c->outer_end_us : c->end_us;
            own[r] = one_late ? end - ranks_at(log, k - 1, r)->end_us
                              : c->compute_us + (end - c->start_us);
        }
        times[(*count)++] = median(own, ranks);
    }
    free(own);
    if (!own) {
        free(times);
        times = NULL;
    }
    return times;
}
