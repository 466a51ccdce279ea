/*
 * straggler_read.h: logs of collectives that others have written.
 *
 *   nccl-tests 2.19, `-I 1 -J FILE` (JSON, version 3): each process' time of each iteration,
 *     results[].{out_of_place,in_place}_per_iter.per_process_max_times_us.
 *   NCCL Inspector (format v4.0), one JSON object for each collective that a rank has completed:
 *     header.{id,rank,n_ranks}, coll_perf.{coll,coll_sn,coll_msg_size_bytes,coll_exec_time_us,
 *     coll_timing_source}. The ranks' files are read together; each communicator becomes a log.
 *
 * The text may come from anywhere: whatever is wrong with it ends in one line of printable ASCII
 * that says where and what to do, and nothing of its text is kept but numbers and a name.
 */
#ifndef NANOLAB_KERNELS_STRAGGLER_STRAGGLER_READ_H
#define NANOLAB_KERNELS_STRAGGLER_STRAGGLER_READ_H

#include <stdio.h>

#include "kernels/straggler/straggler.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is larger is refused. A JSON text can take 50 times its size to read, an Inspector's object
 * by itself. */
#define STRAGGLER_DOCUMENT_MOST ((size_t)64 << 20)
#define STRAGGLER_OBJECT_MOST ((size_t)1 << 20)
#define STRAGGLER_TEXT_MOST ((size_t)1 << 30) /* of all files together */
#define STRAGGLER_RECORDS_MOST ((size_t)1 << 24)
#define STRAGGLER_CELLS_MOST                                                                       \
    ((size_t)1 << 24) /* ranks × steps of a log, and of all of a file's                           \
                       */
#define STRAGGLER_RANKS_MOST 65536
#define STRAGGLER_LOGS_MOST 1024

enum straggler_format { STRAGGLER_NCCL_TESTS, STRAGGLER_INSPECTOR };

struct straggler_read {
    enum straggler_format format;
    char name[32]; /* printable: a communicator's id, "group 3" or "" */
    struct straggler_log log;
    unsigned *id;                 /* [log.ranks]: what the source calls each: rank, or process */
    char blind[STRAGGLER_WHY];    /* what log.blind points to */
    char caveat[STRAGGLER_WHY];   /* why "nobody is late" is not certain, or "" */
    char notes[3][STRAGGLER_WHY]; /* what was left out or taken for granted, or "" */
};

struct straggler_reader;
/* NULL: no memory. */
struct straggler_reader *straggler_reader_open(void);
/* Adds one file's text. 0, or -1 with `why`. */
int straggler_reader_add(struct straggler_reader *reader, const char *text, size_t length,
                         char why[STRAGGLER_WHY]);
/* The same of all that `in` holds. */
int straggler_reader_add_file(struct straggler_reader *reader, FILE *in, char why[STRAGGLER_WHY]);
/* Ends the reading: the logs, which stay the reader's. 0, or -1 with `why`. */
int straggler_reader_end(struct straggler_reader *reader, struct straggler_read **logs,
                         size_t *count, char why[STRAGGLER_WHY]);
void straggler_reader_close(struct straggler_reader *reader);

#ifdef __cplusplus
}
#endif
#endif
