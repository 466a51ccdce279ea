/*
 * contest.h: steps and readers that are measured together, in the rounds of one bench group, so
 * that every ratio between them is paired; used by gather.c, decode.c and stream.c.
 *
 * Entrants are added one by one, then measured and recorded. A ratio is always speed over speed,
 * bytes of keys and values per second: below 1, the entrant is slower than what it is compared
 * with.
 */
#ifndef NANOLAB_LABS_04_CONTEST_H
#define NANOLAB_LABS_04_CONTEST_H

#include "harness/measure/roof.h"
#include "labs/04-paged-kv-residency/residency.h"

#define CONTEST_MOST 48
#define CONTEST_OVERS 3
#define CONTEST_TABLES 40
#define CONTEST_FLUSHERS 16

/* --- room.c ------------------------------------------------------------------------------------
 */

#define ROOM_CACHES 4

struct room {
    struct lab_run *run;
    struct device *device;
    struct cache caches[ROOM_CACHES];
    enum paged_element elements[ROOM_CACHES];
    size_t count;
    struct roofs_memory *memory;
    size_t most; /* a quarter of the memory that was free at first */
};
/* Empty: takes what groups ask for, and keeps it for the next ones. */
struct room room_open(struct lab_run *run, struct device *device);
void room_close(struct room *room);
/* A cache with room for `bytes` of keys and values together; ask for the largest first. 0, or -1
 * after lab_error(). *out is NULL where `kind` cannot be had: lab_note() says so. */
int room_cache(struct room *room, enum paged_element element, size_t bytes, enum pages_kind kind,
               struct cache **out);
/* In 2 MiB pages, or as the system does it. NULL after lab_error(). */
struct cache *room_huge_cache(struct room *room, enum paged_element element, size_t bytes);
/* Memory that readers and flushers read, the first time it is asked for: ask for the most. 0, or -1
 * after lab_error(). */
int room_memory(struct room *room, size_t bytes);

/* The last-level cache as the topology says; a default where it does not. In a virtual machine it
 * may be wrong, so it only sizes flushes and sweeps. */
size_t cache_last_level(const struct device *device);
/* The largest of bytes, bytes/2, … that is no more than room->most. */
size_t room_fitting(const struct room *room, size_t bytes);
/* attention.table.nhd.ELEMENT.b16.d128.g1.fixed.s1, or of slabs. */
struct paged_plan plan_of(enum paged_op op, enum paged_mapping mapping, enum paged_element element);

/* --- contest.c ---------------------------------------------------------------------------------
 */

struct entrant {
    char id[240];
    struct step *step;     /* owned; or … */
    struct roofs_job *job; /* … a reader of the roof */
    struct roofs_plan reader;
    const char *map;          /* "slab", or what the table's map is called */
    char arm[40];             /* what else the id says */
    struct roofs_job *before; /* read, untimed, before each sample of one call; NULL: warm */
    double before_bytes;
    bool rewarm; /* one untimed step before each sample, before anything is read */
    bool alone;  /* a sample is one call */
    struct {
        const struct entrant *of;
        const char *label; /* of the counters: "over LABEL", with "low" and "high" */
    } over[CONTEST_OVERS];
};

struct contest {
    struct lab_run *run;
    struct device *device;
    struct room *room;
    char prefix[120]; /* of all ids, without a slash at the end */
    struct bench_limits limits;
    size_t count;
    struct entrant entrants[CONTEST_MOST];
    struct kv_table tables[CONTEST_TABLES]; /* owned */
    size_t table_count;
    struct roofs_job *flushers[CONTEST_FLUSHERS]; /* owned */
    size_t flusher_count;
};

/* Whether an earlier session of this run has recorded the whole group. */
bool contest_done(struct lab_run *run, struct device *device, const char *prefix);
/* NULL after lab_error(). */
struct contest *contest_open(struct room *room, const char *prefix);
void contest_close(struct contest *contest);

/* A table of equal sequences for steps of `plan`, or one that an allocator's use has left (fifo).
 * NULL after lab_error(). pool_blocks 0: just enough. */
const struct kv_table *contest_table(struct contest *contest, const struct paged_plan *plan,
                                     unsigned kv_heads, unsigned sequences, unsigned tokens,
                                     unsigned pool_blocks, enum kv_map map);
const struct kv_table *contest_churned(struct contest *contest, const struct paged_plan *plan,
                                       unsigned sequences, unsigned tokens, unsigned pool_blocks);
/* A reader of the first `bytes` of the room's memory, to stream them through the caches before a
 * sample. NULL after lab_error(). */
struct roofs_job *contest_flusher(struct contest *contest, size_t bytes);

/* Adds a step, NULL after lab_error(). `map` is for the id; `like` as in step_open; `more` is added
 * to the id ("" for nothing). */
struct entrant *contest_step(struct contest *contest, struct cache *cache,
                             const struct paged_plan *plan, unsigned kv_heads,
                             const struct kv_table *table, const char *map, const struct step *like,
                             const char *more);
/* Compares an entrant with another; of NULL: nothing happens. */
void entrant_over(struct entrant *entrant, const struct entrant *of, const char *label);
/* Makes a sample one call, after `reader` (NULL: nothing) has read other memory, and, if `rewarm`,
 * after a step before that. */
void entrant_after_reading(struct entrant *entrant, struct roofs_job *reader, bool rewarm);
/* One step before each sample: for steps so short that waking the threads would count. */
void entrant_awake(struct entrant *entrant);

/* Adds every reader of the first `bytes` of the room's memory: the best of them, by its median,
 * is the roof, and steps get a counter "roof fraction", paired. 0, or -1 after lab_error(). */
int contest_readers(struct contest *contest, size_t bytes);

/* Measures and records all. A group that a signal stopped records nothing. 0, or -1 after
 * lab_error(). */
int contest_measure(struct contest *contest);

/* --- reading back ------------------------------------------------------------------------------
 */

/* A paired ratio of speeds with its 95 % interval. */
struct ratio {
    double value, low, high;
};
/* From a record's counters NAME, "NAME low" and "NAME high"; -1 if they are not there. */
int ratio_read(const json_t *record, const char *name, struct ratio *out);

/* --- judge.c -----------------------------------------------------------------------------------
 */

/* Adds to a text of `size` bytes, as far as it fits. */
void text_add(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum bound { BY_MEMORY, BY_ARITHMETIC, BY_BOTH, BY_UNSETTLED };
/* What a step waits for, from its speed over the gather of the same bytes, and its speed in memory
 * over its speed in cache, per byte. */
enum bound bound_by(const struct ratio *gather, const struct ratio *cache);

enum cost { COSTS, FREE, OPEN };
/* Whether a map costs time, from its speed over the identity map's. Open: not settled by these
 * samples. */
enum cost scatter_cost(const struct ratio *speed);
/* Whether the page size alone changes the cost of a map. */
bool pages_part(const struct ratio *small_pages, const struct ratio *huge_pages);

/* Speeds over that with nothing streamed, by what was streamed, ascending: the first one that shows
 * half of the last one's slow-down; n where the last is not slower. */
size_t stream_knee(const struct ratio *speeds, size_t n);
/* How many of the n - 1 steps from one to the next are not faster beyond both intervals. */
size_t stream_monotone(const struct ratio *speeds, size_t n);

#endif
