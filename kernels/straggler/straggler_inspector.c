/*
 * straggler_inspector.c: NCCL Inspector's records (nccl, plugins/profiler/inspector, format v4.0).
 *
 * A record is written when a collective has completed, and its time is that of its kernel: from
 * where it begins to run on the rank, waiting for the others included, to its end. A collective
 * that hangs is in nobody's file, and what others have completed a rank has been in, whether it is
 * in that rank's file or not.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/straggler/straggler_read_inside.h"

/* --- reading -----------------------------------------------------------------------------------
 */

static unsigned char collective_of(const char *name) {
    static const struct {
        const char *name;
        enum straggler_collective collective;
    } known[] = {{"AllReduce", STRAGGLER_ALL_REDUCE},
                 {"AllGather", STRAGGLER_ALL_GATHER},
                 {"ReduceScatter", STRAGGLER_REDUCE_SCATTER},
                 {"All2All", STRAGGLER_ALL_TO_ALL},
                 {"AlltoAll", STRAGGLER_ALL_TO_ALL},
                 {"Broadcast", STRAGGLER_BROADCAST},
                 {"Reduce", STRAGGLER_REDUCE}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strcmp(name, known[k].name) == 0)
            return (unsigned char)known[k].collective;
    return STRAGGLER_OTHER;
}

/* The communicator's number, a new one if it is new; -1 with `why`. */
static int find_communicator(struct straggler_reader *reader, const char *id, unsigned ranks,
                             const char *where, char *why) {
    char shown[sizeof reader->communicator->id];
    straggler_harmless(shown, sizeof shown, id);
    unsigned c = reader->last;
    if (c >= reader->communicators || strcmp(reader->communicator[c].id, shown) != 0)
        for (c = 0; c < reader->communicators; c++)
            if (strcmp(reader->communicator[c].id, shown) == 0)
                break;
    if (c == STRAGGLER_LOGS_MOST)
        return straggler_fail(why, "%s: more than %d communicators; give fewer files", where,
                              STRAGGLER_LOGS_MOST);
    if (c == reader->communicators) {
        struct straggler_communicator *more =
            realloc(reader->communicator, (c + 1) * sizeof *reader->communicator);
        if (!more)
            return straggler_fail(why, "no memory for %u communicators", c + 1);
        reader->communicator = more;
        memcpy(more[c].id, shown, sizeof shown);
        more[c].ranks = ranks;
        reader->communicators++;
    } else if (reader->communicator[c].ranks != ranks)
        return straggler_fail(why,
                              "%s: communicator %s has %u ranks here and %u before; give the "
                              "files of one run",
                              where, shown, ranks, reader->communicator[c].ranks);
    reader->last = c;
    return (int)c;
}

static int keep(struct straggler_reader *reader, const struct straggler_record *record,
                const char *where, char *why) {
    if (reader->records == STRAGGLER_RECORDS_MOST)
        return straggler_fail(why, "%s: more than %zu records; give less", where,
                              STRAGGLER_RECORDS_MOST);
    if (reader->records == reader->room) {
        size_t room = reader->room ? 2 * reader->room : 1024;
        struct straggler_record *more = realloc(reader->record, room * sizeof *more);
        if (!more)
            return straggler_fail(why, "no memory for %zu records", room);
        reader->record = more;
        reader->room = room;
    }
    reader->record[reader->records++] = *record;
    return 0;
}

int straggler_read_inspector(struct straggler_reader *reader, const json_t *object, size_t line,
                             char *why) {
    char where[32];
    const json_t *header = json_object_get(object, "header");
    const json_t *perf = json_object_get(object, "coll_perf");
    const char *id = json_string_value(json_object_get(header, "id"));
    snprintf(where, sizeof where, "line %zu", line);
    if (json_is_object(json_object_get(object, "p2p_perf"))) {
        reader->p2p++;
        return 0;
    }
    const char *name = json_string_value(json_object_get(perf, "coll"));
    if (!json_is_object(header) || !id || !json_is_object(perf) || !name)
        return straggler_fail(why,
                              "%s: no record of NCCL Inspector (header.id, coll_perf.coll); leave "
                              "the line out",
                              where);
    uint64_t rank, ranks, sequence, bytes, us;
    const uint64_t most = (uint64_t)1 << 53; /* exact as a double */
    if (straggler_whole(header, "n_ranks", STRAGGLER_RANKS_MOST, &ranks, where, why) != 0 ||
        straggler_whole(header, "rank", ranks ? ranks - 1 : 0, &rank, where, why) != 0 ||
        straggler_whole(perf, "coll_sn", most, &sequence, where, why) != 0 ||
        straggler_whole(perf, "coll_msg_size_bytes", most, &bytes, where, why) != 0 ||
        straggler_whole(perf, "coll_exec_time_us", most, &us, where, why) != 0)
        return -1;
    if (ranks == 0)
        return straggler_fail(why, "%s: a communicator of no ranks", where);
    const char *source = json_string_value(json_object_get(perf, "coll_timing_source"));
    int c = find_communicator(reader, id, (unsigned)ranks, where, why);
    if (c < 0)
        return -1;
    reader->on_kernel_cpu += source && strcmp(source, "kernel_cpu") == 0;
    const struct straggler_record record = {.sequence = sequence,
                                            .bytes = bytes,
                                            .us = (double)us,
                                            .communicator = (unsigned)c,
                                            .rank = (unsigned)rank,
                                            .collective = collective_of(name),
                                            .on_host =
                                                source && strcmp(source, "collective_cpu") == 0};
    return keep(reader, &record, where, why);
}

/* --- from records to logs ----------------------------------------------------------------------
 */

static int by_place(const void *a, const void *b) {
    const struct straggler_record *x = a, *y = b;
    if (x->communicator != y->communicator)
        return x->communicator < y->communicator ? -1 : 1;
    if (x->collective != y->collective) /* each has a count of its own */
        return x->collective < y->collective ? -1 : 1;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

static bool same_step(const struct straggler_record *x, const struct straggler_record *y) {
    return x->collective == y->collective && x->sequence == y->sequence;
}

struct findings {
    unsigned absent, first_absent; /* ranks without a record */
    size_t incomplete, sizes, on_host;
};

/* What can be said of why, worst first. */
static void explain(struct straggler_reader *reader, struct straggler_read *read,
                    const struct findings *f) {
    const struct straggler_log *log = &read->log;
    size_t n = 0;
    if (f->absent > 0)
        straggler_fail(read->blind,
                       "%u of the %u ranks have no record (the first is rank %u), and an absent "
                       "one may be late; give the files of all ranks",
                       f->absent, log->ranks, f->first_absent);
    else if (f->on_host > 0)
        straggler_fail(read->blind,
                       "%zu records are timed where they were queued (collective_cpu), not where "
                       "they ran; leave NCCL_INSPECTOR_REQUIRE_KERNEL_TIMING at 1",
                       f->on_host);
    else if (f->incomplete == log->steps)
        straggler_fail(read->blind, "no collective has a record of every rank");
    if (f->incomplete > 0 && f->absent == 0)
        straggler_fail(read->notes[n++],
                       "%zu of %zu collectives lack a rank's record and are left out; others "
                       "completed them, so the record is missing, not the rank",
                       f->incomplete, log->steps);
    if (f->sizes > 0 && n < 3)
        straggler_fail(read->notes[n++],
                       "%zu collectives have another size on some rank, and are left out: ranks "
                       "that call different collectives",
                       f->sizes);
    if (n < 3 && (reader->unfinished || reader->p2p || reader->on_kernel_cpu))
        straggler_fail(read->notes[n++],
                       "in all files: %zu cut off last records and %zu point-to-point ones left "
                       "out, %zu timed by the host's clock (kernel_cpu)",
                       reader->unfinished, reader->p2p, reader->on_kernel_cpu);
    straggler_fail(read->caveat, "a collective that hangs is in nobody's file");
}

/* Records [0, count) of one communicator, in order. */
static int make_log(struct straggler_reader *reader, const struct straggler_record *record,
                    size_t count, char *why) {
    const struct straggler_communicator *c = reader->communicator + record->communicator;
    size_t steps = 1;
    for (size_t k = 1; k < count; k++)
        steps += !same_step(record + k, record + k - 1);
    struct straggler_read *read =
        straggler_reader_log(reader, STRAGGLER_INSPECTOR, c->ranks, steps, why);
    if (!read)
        return -1;
    memcpy(read->name, c->id, sizeof read->name);
    read->log.resolution_us = 1;
    struct findings f = {0};
    for (size_t k = 0, s = 0; k < count; k++) {
        const struct straggler_record *r = record + k;
        bool first = k == 0 || !same_step(r, r - 1);
        s += first && k > 0;
        if (!first && r->rank == r[-1].rank)
            return straggler_fail(
                why,
                "communicator %s: rank %u has %s number %" PRIu64 " twice; give "
                "each file once, of one run",
                c->id, r->rank, straggler_collective_name((enum straggler_collective)r->collective),
                r->sequence);
        struct straggler_step *step = read->log.step + s;
        if (first)
            *step = (struct straggler_step){(enum straggler_collective)r->collective, r->bytes,
                                            r->sequence};
        else if (step->bytes != r->bytes) {
            f.sizes += step->collective != STRAGGLER_OTHER;
            step->collective = STRAGGLER_OTHER;
        }
        *straggler_at(&read->log, s, r->rank) = (struct straggler_cell){NAN, 0, r->us, true};
        read->log.present[r->rank] = true;
        f.on_host += r->on_host;
    }
    for (size_t s = 0; s < steps; s++)
        f.incomplete += !straggler_is_whole(&read->log, s);
    for (unsigned r = c->ranks; r-- > 0;)
        if (!read->log.present[r]) {
            f.absent++;
            f.first_absent = r;
        }
    explain(reader, read, &f);
    return 0;
}

int straggler_end_inspector(struct straggler_reader *reader, char *why) {
    qsort(reader->record, reader->records, sizeof *reader->record, by_place);
    for (size_t from = 0, to; from < reader->records; from = to) {
        for (to = from; to < reader->records &&
                        reader->record[to].communicator == reader->record[from].communicator;)
            to++;
        if (make_log(reader, reader->record + from, to - from, why) != 0)
            return -1;
    }
    return 0;
}
