/*
 * compare.h: what differs between result folders, and why (`nanolab compare`).
 *
 * A side is what one argument names: a result folder, or a folder of them, session-1, session-2, …,
 * as `nanolab run --sessions` makes. The first side is what the others are compared with. In the
 * place of a result folder may stand its archive, or a file of another tool (compare_foreign.h).
 *
 * Cases are joined by id and kind of device, whatever machines they come from; what is left of an
 * id on both sides, on devices of other kinds, is joined too (bits of a simulated GPU beside those
 * of a real one). Times are compared by sessions (compare_times.h), bits by equality. Two that did
 * not do the same are not compared; the field in which they differ is named.
 */
#ifndef NANOLAB_HARNESS_COMPARE_H
#define NANOLAB_HARNESS_COMPARE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/compare/compare_arrival.h"
#include "harness/compare/compare_code.h"
#include "harness/compare/compare_load.h"
#include "harness/compare/compare_meter.h"
#include "harness/compare/compare_settings.h"
#include "harness/compare/compare_times.h"

#define COMPARE_SIDES_MOST 16
#define COMPARE_FIELD_BYTES 96

/* Where a CPU's case has its data: in memory that asks for large pages where they are allowed, as
 * most do (kernels/device); in pages whose size was proven (its parameter "pages", "4k" or "2m");
 * or as the system does it by itself ("any"). */
enum compare_pages { COMPARE_PAGES_ASKED, COMPARE_PAGES_OWN, COMPARE_PAGES_ANY };

/* One case of one side. */
struct compare_case {
    char *id;
    const char *lab; /* the side's own */
    char device[24];
    struct compare_time *times; /* [timed], a session's each */
    size_t timed, room;
    double roof;   /* its counter "roof fraction": the mean over sessions; NaN: none */
    size_t roofs;  /* sessions with one */
    uint64_t bits; /* of all bit patterns and trees that it recorded, of its first session */
    uint64_t rows; /* of what its rows were asked for: their number, and texts that are no bits */
    bool has_bits;
    bool bits_vary;                    /* another session had others */
    struct compare_arrival arrival;    /* what of them the order of updates decides */
    bool has_tree;                     /* the text of a summation tree is among them */
    bool throttled;                    /* a GPU's clocks were held back while it was measured */
    uint16_t use;                      /* which of the side's uses of code */
    unsigned char pages;               /* enum compare_pages */
    struct compare_settings *settings; /* of the first session; NULL: not known (foreign) */
    struct compare_meter meter;        /* clock and energy */
};

struct compare_side {
    char name[256]; /* the argument's last part, made harmless */
    size_t sessions;
    json_t *folders;     /* [the sessions' folders or archives]: to read again what is not kept */
    const char *foreign; /* whose file it is: "Google Benchmark's JSON"; NULL: our own results */
    json_t *notes;       /* texts, made harmless: what of others' files was not taken, and why */
    json_t *run;         /* run.json of the first session */
    struct compare_load loads[COMPARE_SESSIONS_MOST]; /* [load_count], of our own results */
    size_t load_count;
    json_t *claims;             /* over the sessions: compare_claims.h */
    struct compare_case *cases; /* sorted by id and device */
    size_t count;
    void *shapes;    /* of the cases' settings */
    size_t bytes;    /* kept of shapes and cases, about */
    json_t *models;  /* {device: its model}, of the first session that has it */
    json_t *code;    /* {lab: SHA-256 of its executable}, of the first session that has it */
    json_t *kernels; /* {lab: {"kernels", "changes"}} of its start record */
    struct compare_use *uses; /* of code by cases */
    size_t use_count;
};

/* 0, or -1 with error_text(); close it either way. */
int compare_side_open(struct compare_side *side, const char *path);
/* One whose sessions are these folders or archives. */
int compare_side_open_list(struct compare_side *side, const char *name, const char *const *paths,
                           size_t count);
/* Several at once, on as many threads as may run; the error is that of the first that failed. Close
 * all of them either way. */
int compare_sides_open(struct compare_side *sides, const char *const *paths, size_t count);
void compare_side_close(struct compare_side *side);

/* Whether other runs of it on one machine have other bits. */
bool compare_bits_vary(const struct compare_case *c);

/* "cuda:0" and "cuda:1" are of one kind. */
bool compare_same_kind(const char *a, const char *b);

enum compare_bits {
    COMPARE_NO_BITS,
    COMPARE_BITS_EQUAL,
    COMPARE_BITS_DIFFER,
    COMPARE_BITS_VARY,   /* a session of one side has others */
    COMPARE_BITS_ARRIVAL /* the order in which updates arrive decides them: compare_arrival.h */
};
#define COMPARE_BITS_KINDS 5
const char *compare_bits_name(enum compare_bits bits);

struct compare_pair {
    const struct compare_case *first, *second;
    struct compare_times times; /* reason COMPARE_NO_TIME where it is no case of time */
    struct ratio normalised;    /* each over its own roof; value alone; NaN: unknown */
    enum compare_bits bits;
    unsigned char code;              /* enum compare_code */
    char field[COMPARE_FIELD_BYTES]; /* of params, plan or machine in which the two differ, or "" */
};

struct compare {
    const struct compare_side *first, *second;
    struct compare_rule rule;
    struct compare_pair *pairs; /* in the order of ids */
    size_t count;
    size_t only[2];                    /* cases that one side alone has */
    size_t verdicts[COMPARE_VERDICTS]; /* of cases with time on both sides, or on one */
    size_t timed;                      /* pairs with time on both sides */
    struct compare_loads loads;        /* of the two sides */
    size_t busy;                       /* pairs not comparable for that */
    size_t bits_equal, bits_differ, bits_vary, bits_arrival;
    double mean, normalised_mean; /* compare_mean() of comparable ratios; NaN without any */
    json_t *claims;               /* that both have: compare_claims.h */
    json_t *differences;          /* of machine and software: [{"field", "values": [.., ..]}] */
    json_t *other_code;           /* names of labs whose executables are not equal */
    bool same_code;               /* of all pairs */
    size_t code[3];               /* pairs by enum compare_code */
    json_t *other_kernels;        /* [{"kernel", "cases"}] whose code is not equal */
    struct compare_code_cell *code_cells;
    size_t code_cell_count;
    struct compare_change *changes; /* [change_count], of results/changes.tsv */
    size_t change_count;
    struct compare_questions *questions; /* answered by other plans: compare_question.h */
    struct compare_explained *explained; /* cases explained: compare_explain.h */
    size_t explained_count;
};

/* Bands, for sides of one session: bands[k] belongs to the k-th case of `first`; NULL: none. 0, or
 * -1 with error_text(); close it either way. */
int compare_open(struct compare *c, const struct compare_side *first,
                 const struct compare_side *second, const struct compare_rule *rule,
                 const struct compare_band *bands);
void compare_close(struct compare *c);
/* Bands from sides of one machine that nothing was changed between: of each case of `first`, the
 * spread over all their sessions. malloc'ed; NULL with error_text(). */
struct compare_band *compare_bands(const struct compare_side *first,
                                   const struct compare_side *const *sides, size_t count);

/* Everything as one JSON object, in which each case is a line: they are written one after another,
 * since 100,000 as JSON would take more memory than all the rest. 0, or -1: no memory. */
int compare_json_print(const struct compare *c, FILE *to);

#endif
