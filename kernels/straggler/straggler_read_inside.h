/*
 * straggler_read_inside.h: what the readers of foreign logs share.
 */
#ifndef NANOLAB_KERNELS_STRAGGLER_STRAGGLER_READ_INSIDE_H
#define NANOLAB_KERNELS_STRAGGLER_STRAGGLER_READ_INSIDE_H

#include <jansson.h>

#include "kernels/straggler/straggler_inside.h"
#include "kernels/straggler/straggler_read.h"

/* One collective of one rank, as the Inspector has it. */
struct straggler_record {
    uint64_t sequence, bytes;
    double us;
    unsigned communicator, rank;
    unsigned char collective;
    bool on_host; /* timed where it was queued, not where it ran */
};

struct straggler_communicator {
    char id[32];
    unsigned ranks;
};

struct straggler_reader {
    struct straggler_read *log;
    size_t logs, cells;
    struct straggler_record *record;
    size_t records, room;
    struct straggler_communicator *communicator;
    unsigned communicators;
    unsigned last; /* the communicator of the last record */
    size_t bytes, unfinished, on_kernel_cpu, p2p;
};

/* `text` as printable ASCII, cut. */
void straggler_harmless(char *out, size_t size, const char *text);
/* The next log, open and empty, its ids 0, 1, 2, …; NULL with `why`. */
struct straggler_read *straggler_reader_log(struct straggler_reader *reader,
                                            enum straggler_format format, size_t ranks,
                                            size_t steps, char *why);
/* A whole number 0 … most at `key`. 0, or -1 with `why`, which begins with `where`. */
int straggler_whole(const json_t *object, const char *key, uint64_t most, uint64_t *out,
                    const char *where, char *why);

/* All of `document` is nccl-tests' JSON. */
int straggler_read_nccl_tests(struct straggler_reader *reader, const json_t *document, char *why);
/* One object of an Inspector's file, which begins at `line`. */
int straggler_read_inspector(struct straggler_reader *reader, const json_t *object, size_t line,
                             char *why);
/* Logs of all that was read of Inspectors' files. */
int straggler_end_inspector(struct straggler_reader *reader, char *why);

#endif
