/*
 * straggler_nccl_tests.c: nccl-tests' JSON (2.19.6, src/util.cu, version 3), with a time of each
 * process and iteration (-I 1).
 *
 * Iterations follow each other at once. Without -z 3 one event ends an iteration and begins the
 * next, so that a process' row adds up to the whole time, whoever was late; with -z 3 there are two
 * for each iteration, after a barrier, and a process that comes late has a short one.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/straggler/straggler_read_inside.h"

struct table {
    const json_t *times, *rows; /* times_us, per_process_max_times_us */
    uint64_t bytes, skip;
    char where[64];
};

struct run {
    struct table *table;
    size_t tables, processes, iterations; /* iterations: of all tables, skipped ones left out */
    enum straggler_collective collective;
    int blocking;  /* -z; -1: not said */
    uint64_t gpus; /* of a process */
    const json_t *devices;
};

/* -z N, -zN, --blocking N, --blocking=N: the last one counts. */
static int blocking_of(const json_t *arguments, bool blocking) {
    int z = blocking ? -1 : 0;
    for (size_t k = 0; k < json_array_size(arguments); k++) {
        const char *text = json_string_value(json_array_get(arguments, k));
        const char *next = json_string_value(json_array_get(arguments, k + 1)), *value = NULL;
        if (!text)
            continue;
        if (strcmp(text, "-z") == 0 || strcmp(text, "--blocking") == 0)
            value = next;
        else if (strncmp(text, "--blocking=", 11) == 0)
            value = text + 11;
        else if (strncmp(text, "-z", 2) == 0)
            value = text + 2;
        if (value)
            z = value[0] >= '0' && value[0] <= '3' && !value[1] ? value[0] - '0' : -1;
    }
    return z;
}

/* By the program's name: the document does not say otherwise. */
static enum straggler_collective collective_of(const json_t *arguments) {
    static const struct {
        const char *program;
        enum straggler_collective collective;
    } known[] = {{"all_reduce_perf", STRAGGLER_ALL_REDUCE},
                 {"all_gather_perf", STRAGGLER_ALL_GATHER},
                 {"reduce_scatter_perf", STRAGGLER_REDUCE_SCATTER},
                 {"alltoall_perf", STRAGGLER_ALL_TO_ALL},
                 {"broadcast_perf", STRAGGLER_BROADCAST},
                 {"reduce_perf", STRAGGLER_REDUCE}};
    const char *program = json_string_value(json_array_get(arguments, 0));
    const char *slash = program ? strrchr(program, '/') : NULL;
    for (size_t k = 0; program && k < sizeof known / sizeof *known; k++)
        if (strcmp(slash ? slash + 1 : program, known[k].program) == 0)
            return known[k].collective;
    return STRAGGLER_OTHER;
}

/* nccl-tests writes a missing number as "nan". */
static int time_of(const json_t *value, double *us) {
    const char *text = json_string_value(value);
    *us = json_is_number(value) ? json_number_value(value) : NAN;
    return (json_is_number(value) && *us >= 0 && *us <= 1e15) || (text && strcmp(text, "nan") == 0)
               ? 0
               : -1;
}

static int check_table(struct run *run, struct table *t, char *why) {
    size_t count = json_array_size(t->times);
    if (!json_is_array(t->times) || count == 0)
        return straggler_fail(why, "%s: times_us is to be a list of numbers", t->where);
    if (t->rows && (!json_is_array(t->rows) || json_array_size(t->rows) == 0))
        return straggler_fail(why, "%s: per_process_max_times_us is to be a list of lists",
                              t->where);
    size_t rows = json_array_size(t->rows);
    if (rows > STRAGGLER_RANKS_MOST || (run->tables > 0 && rows != run->processes))
        return straggler_fail(why, "%s: %zu processes, and %zu before", t->where, rows,
                              run->processes);
    for (size_t r = 0; r < rows; r++) {
        const json_t *row = json_array_get(t->rows, r);
        if (!json_is_array(row) || json_array_size(row) != count)
            return straggler_fail(why,
                                  "%s.per_process_max_times_us[%zu]: %zu numbers, and times_us has "
                                  "%zu; see whether the file is whole",
                                  t->where, r, json_array_size(row), count);
        for (size_t i = 0; i < count; i++) {
            double us;
            if (time_of(json_array_get(row, i), &us) != 0)
                return straggler_fail(why, "%s.per_process_max_times_us[%zu][%zu] is no time in us",
                                      t->where, r, i);
        }
    }
    if (t->skip > count)
        return straggler_fail(why, "%s: skips %" PRIu64 " of %zu iterations", t->where, t->skip,
                              count);
    run->processes = rows;
    run->iterations += count - (size_t)t->skip;
    run->tables++;
    return 0;
}

static int find_tables(struct run *run, const json_t *results, char *why) {
    static const char *const places[] = {"out_of_place_per_iter", "in_place_per_iter"};
    for (size_t k = 0; k < json_array_size(results); k++) {
        const json_t *result = json_array_get(results, k);
        char where[64];
        snprintf(where, sizeof where, "results[%zu]", k);
        if (!json_is_object(result))
            return straggler_fail(why, "%s is no object", where);
        for (int p = 0; p < 2; p++) {
            const json_t *iterations = json_object_get(result, places[p]);
            if (!json_is_object(iterations))
                continue;
            struct table *t = run->table + run->tables;
            *t = (struct table){.times = json_object_get(iterations, "times_us"),
                                .rows = json_object_get(iterations, "per_process_max_times_us")};
            snprintf(t->where, sizeof t->where, "results[%zu].%s", k, places[p]);
            if (straggler_whole(result, "size", (uint64_t)1 << 53, &t->bytes, where, why) != 0 ||
                (json_object_get(iterations, "skipped_iterations") &&
                 straggler_whole(iterations, "skipped_iterations", UINT32_MAX, &t->skip, t->where,
                                 why) != 0) ||
                check_table(run, t, why) != 0)
                return -1;
        }
    }
    return 0;
}

/* The group of each process (NCCL_TESTS_SPLIT), 0 where the devices do not say. */
static void find_groups(const struct run *run, uint64_t *group) {
    char ignored[STRAGGLER_WHY];
    bool said = json_array_size(run->devices) == run->processes;
    for (size_t p = 0; p < run->processes; p++) {
        group[p] = 0;
        if (said && straggler_whole(json_array_get(run->devices, p), "group", UINT32_MAX, group + p,
                                    "", ignored) != 0)
            said = false;
    }
    for (size_t p = 0; p < run->processes && !said; p++)
        group[p] = 0;
}

static void explain(const struct run *run, struct straggler_read *read) {
    if (run->blocking < 0)
        straggler_fail(read->blind, "the arguments do not say which -z it ran with, and only -z 3 "
                                    "times each collective by itself");
    else if (run->blocking != 3)
        straggler_fail(read->blind,
                       "with -z %d each iteration is timed to the end of the next one before, so a "
                       "late process is in everybody's times alike; run again with -z 3",
                       run->blocking);
    else if (run->gpus > 1)
        straggler_fail(read->caveat,
                       "each time is that of the slowest of %" PRIu64 " GPUs of a process, and one "
                       "late GPU among them does not show",
                       run->gpus);
    else
        straggler_fail(read->caveat, "what delays a process after its first event, as launching "
                                     "the collective, is in its own time");
}

/* The processes of one group. */
static int make_log(struct straggler_reader *reader, const struct run *run, const uint64_t *group,
                    uint64_t which, bool only, char *why) {
    size_t ranks = 0, s = 0, rank = 0;
    for (size_t p = 0; p < run->processes; p++)
        ranks += group[p] == which;
    struct straggler_read *read =
        straggler_reader_log(reader, STRAGGLER_NCCL_TESTS, ranks, run->iterations, why);
    if (!read)
        return -1;
    if (!only)
        snprintf(read->name, sizeof read->name, "group %" PRIu64, which);
    read->log.resolution_us = 0.5; /* of CUDA's events */
    for (size_t p = 0; p < run->processes; p++)
        if (group[p] == which) {
            read->log.present[rank] = true;
            read->id[rank++] = (unsigned)p;
        }
    for (size_t t = 0; t < run->tables; t++)
        for (size_t i = run->table[t].skip; i < json_array_size(run->table[t].times); i++, s++) {
            read->log.step[s] = (struct straggler_step){run->collective, run->table[t].bytes, s};
            for (unsigned r = 0; r < ranks; r++) {
                const json_t *row = json_array_get(run->table[t].rows, read->id[r]);
                double us;
                time_of(json_array_get(row, i), &us);
                *straggler_at(&read->log, s, r) = (struct straggler_cell){NAN, 0, us, isfinite(us)};
            }
        }
    explain(run, read);
    return 0;
}

/* No rows: one process, or none that were timed. What there is are the slowest times. */
static int make_rowless(struct straggler_reader *reader, const struct run *run, char *why) {
    struct straggler_read *read = straggler_reader_log(reader, STRAGGLER_NCCL_TESTS, 1, 0, why);
    if (!read)
        return -1;
    if (run->tables == 0)
        straggler_fail(read->blind, "there is no time of each iteration; run again with -I 1");
    else
        straggler_fail(read->blind, "there is one process, and its times are those of its slowest "
                                    "GPU; run again under mpirun, a process for each GPU");
    return 0;
}

static int make_logs(struct straggler_reader *reader, struct run *run, char *why) {
    uint64_t *group = malloc((run->processes + 1) * sizeof *group);
    int status = group ? 0 : straggler_fail(why, "no memory for %zu processes", run->processes);
    if (status == 0)
        find_groups(run, group);
    bool only = true;
    for (size_t p = 1; status == 0 && p < run->processes; p++)
        only &= group[p] == group[0];
    for (size_t p = 0; status == 0 && p < run->processes; p++) {
        bool seen = false;
        for (size_t q = 0; q < p && !seen; q++)
            seen = group[q] == group[p];
        if (!seen)
            status = make_log(reader, run, group, group[p], only, why);
    }
    free(group);
    return status;
}

int straggler_read_nccl_tests(struct straggler_reader *reader, const json_t *document, char *why) {
    const json_t *results = json_object_get(document, "results");
    const json_t *config = json_object_get(document, "config");
    const json_t *arguments = json_object_get(document, "args");
    const char *blocking = json_string_value(json_object_get(config, "blocking_collectives"));
    uint64_t threads = 1, gpus = 1, version;
    if (straggler_whole(document, "version", 1000, &version, "the document", why) != 0 ||
        (json_object_get(config, "nthreads") &&
         straggler_whole(config, "nthreads", 65536, &threads, "config", why) != 0) ||
        (json_object_get(config, "ngpus") &&
         straggler_whole(config, "ngpus", 65536, &gpus, "config", why) != 0))
        return -1;
    struct run run = {.table = calloc(2 * json_array_size(results) + 1, sizeof *run.table),
                      .collective = collective_of(arguments),
                      .blocking = blocking_of(arguments, blocking && strcmp(blocking, "true") == 0),
                      .gpus = threads * gpus,
                      .devices = json_object_get(config, "devices")};
    int status = run.table
                     ? find_tables(&run, results, why)
                     : straggler_fail(why, "no memory for %zu results", json_array_size(results));
    if (status == 0)
        status = run.processes > 0 ? make_logs(reader, &run, why) : make_rowless(reader, &run, why);
    free(run.table);
    return status;
}
