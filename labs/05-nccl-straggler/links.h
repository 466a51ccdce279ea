/*
 * links.h: from a late rank to another plan, link by link.
 *
 * A chain is read from the rows of one case of C4, a row to a step: a run with a late rank beside
 * the same run without. Columns:
 *
 *     nth                        step of the round
 *     stall                      what was added to the culprit's computing, µs: the truth
 *     step us, … without         the step as the scheduler saw it: on rank 0; with sums one step
 *                                late, from one batch to the next
 *     others us, … without       the time in the sum, median of the ranks that are not the culprit
 *     rows, waiting, joined, … without, cut      the batch, and the requests around it
 *     class, plan, … without     its shape class; its plan
 *     same requests              1: the same ones in the same rows as without
 *
 * and of the case: "culprit", and "budget", the step that the batcher allows, µs; 0: any.
 */
#ifndef NANOLAB_LABS_05_LINKS_H
#define NANOLAB_LABS_05_LINKS_H

#include "harness/lab/rows.h"

/* In order: each rests on the one before. */
enum link {
    LINK_LATE,  /* somebody was late */
    LINK_SUM,   /* the others waited for it, half as long at least */
    LINK_STEP,  /* a step of the scheduler's went over its budget, or where there is none was longer
                   by half of that at least, … */
    LINK_BATCH, /* the batch after it was smaller, for requests were cut, … */
    LINK_QUEUE, /* who waited then, … */
    LINK_CLASS, /* and of another shape class, … */
    LINK_PLAN,  /* and of another plan */
    LINK_BURST, /* half of those who were cut, or more, joined again in one step */
    LINKS
};

struct chain {
    double culprit, at, late_us;    /* who, in which step first, by how much */
    double sum_us, step_us;         /* how much longer they were than without */
    double longer;                  /* the first step that was longer for the scheduler */
    double rows[2], waiting[2];     /* of the batch after it: with and without */
    const char *class[2], *plan[2]; /* borrowed from the rows */
    double burst, burst_at;         /* most who joined at once for it, and when */
    enum link missing;              /* the first one that the rows do not prove; LINKS: none */
    double changed; /* steps from the batch after until rows, class and plan were those without for
                       CHAIN_BACK steps in a row; or all that were seen */
    bool back;
    double again;     /* steps after that which differed again */
    double strangers; /* steps after the longer one with other requests in their rows */
    double seen;      /* steps after the longer one */
    double kept;      /* rows per second from `at` on, over those without */
    double left_us;   /* how much longer the others waited in steps with a cut batch and a late
                         rank: the median; NAN: there were none */
    bool noise; /* the run without went over the budget, or the two differed before anybody was
                   late: then they say nothing */
};
#define CHAIN_BACK 8

/* Of the rows [first, first + count). */
void chain_read(const struct rows *rows, size_t first, size_t count, struct chain *out);

#define CHAIN_SENTENCE 161
/* The chain as one sentence with its numbers, or up to the first link that is not proved. `out` has
 * CHAIN_SENTENCE bytes and is returned. */
char *chain_sentence(const struct chain *chain, char *out);

#endif
