/*
 * links.c: see links.h.
 */
#include "labs/05-nccl-straggler/links.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "harness/lab/sentence.h"
#include "harness/measure/stats.h"

struct steps {
    const struct rows *rows;
    size_t first, count;
};

static double get(const struct steps *s, size_t k, const char *column) {
    return row_number(s->rows, s->first + k, column);
}

static const char *word(const struct steps *s, size_t k, const char *column) {
    return row_text(s->rows, s->first + k, column);
}

/* With over without. */
static double more(const struct steps *s, size_t k, const char *with, const char *without) {
    return get(s, k, with) - get(s, k, without);
}

static bool same(const struct steps *s, size_t k) {
    return get(s, k, "rows") == get(s, k, "rows without") &&
           strcmp(word(s, k, "class"), word(s, k, "class without")) == 0 &&
           strcmp(word(s, k, "plan"), word(s, k, "plan without")) == 0;
}

static bool over_budget(const struct steps *s, size_t k) {
    double budget = get(s, k, "budget");
    return budget > 0 && get(s, k, "step us without") > budget;
}

/* --- links -------------------------------------------------------------------------------------
 */

/* Over its budget; where there is none, longer by `us`. */
static bool is_longer(const struct steps *s, size_t k, double us) {
    double budget = get(s, k, "budget");
    return budget > 0 ? get(s, k, "step us") > budget
                      : more(s, k, "step us", "step us without") >= us;
}

static size_t first_longer(const struct steps *s, size_t from, double us) {
    while (from < s->count && !is_longer(s, from, us))
        from++;
    return from;
}

static void read_batch(const struct steps *s, size_t k, struct chain *out) {
    out->rows[0] = get(s, k, "rows");
    out->rows[1] = get(s, k, "rows without");
    out->waiting[0] = get(s, k, "waiting");
    out->waiting[1] = get(s, k, "waiting without");
    out->class[0] = word(s, k, "class");
    out->class[1] = word(s, k, "class without");
    out->plan[0] = word(s, k, "plan");
    out->plan[1] = word(s, k, "plan without");
}

static void read_burst(const struct steps *s, size_t k, struct chain *out) {
    for (; k < s->count; k++)
        if (more(s, k, "joined", "joined without") > out->burst) {
            out->burst = more(s, k, "joined", "joined without");
            out->burst_at = get(s, k, "nth");
        }
}

static enum link first_missing(const struct steps *s, size_t at, size_t longer,
                               const struct chain *c) {
    if (at == s->count)
        return LINK_LATE;
    if (!(c->sum_us >= c->late_us / 2))
        return LINK_SUM;
    if (longer + 1 >= s->count)
        return LINK_STEP;
    double cut = get(s, longer + 1, "cut");
    if (!(cut > 0 && c->rows[0] < c->rows[1]))
        return LINK_BATCH;
    if (!(c->waiting[0] > c->waiting[1]))
        return LINK_QUEUE;
    if (strcmp(c->class[0], c -> class[1]) == 0)
        return LINK_CLASS;
    if (strcmp(c->plan[0], c->plan[1]) == 0)
        return LINK_PLAN;
    return c->burst >= cut / 2 ? LINKS : LINK_BURST;
}

/* --- afterwards --------------------------------------------------------------------------------
 */

static void read_return(const struct steps *s, size_t from, struct chain *out) {
    size_t run = 0, k = from;
    for (; k < s->count && run < CHAIN_BACK; k++)
        run = same(s, k) ? run + 1 : 0;
    out->back = run == CHAIN_BACK;
    out->seen = (double)(s->count - from);
    out->changed = out->back ? (double)(k - CHAIN_BACK - from) : out->seen;
    for (; k < s->count; k++)
        out->again += !same(s, k);
    for (k = from; k < s->count; k++)
        out->strangers += get(s, k, "same requests") != 1;
}

static double rows_per_us(const struct steps *s, size_t from, const char *rows, const char *us) {
    double sum = 0, time = 0;
    for (size_t k = from; k < s->count; k++) {
        sum += get(s, k, rows);
        time += get(s, k, us);
    }
    return sum / time;
}

/* A smaller batch computes for a shorter time; what it waits for a late rank is what is asked. */
static double wait_left(const struct steps *s, size_t from, double normal_us) {
    double *wait = malloc((s->count + 1) * sizeof *wait);
    size_t n = 0;
    for (size_t k = from; wait && k < s->count; k++)
        if (get(s, k, "stall") > 0 && get(s, k, "rows") < get(s, k, "rows without"))
            wait[n++] = get(s, k, "others us") - normal_us;
    double left = wait ? stats_median(wait, n) : NAN;
    free(wait);
    return left;
}

void chain_read(const struct rows *rows, size_t first, size_t count, struct chain *out) {
    struct steps s = {rows, first, count};
    size_t at = 0;
    *out = (struct chain){.class = {"", ""}, .plan = {"", ""}, .left_us = NAN, .kept = NAN};
    while (at < count && !(get(&s, at, "stall") > 0)) {
        out->noise = out->noise || !same(&s, at);
        at++;
    }
    for (size_t k = 0; k < count; k++)
        out->noise = out->noise || over_budget(&s, k);
    size_t longer = count;
    if (at < count) {
        out->culprit = get(&s, at, "culprit");
        out->at = get(&s, at, "nth");
        out->late_us = get(&s, at, "stall");
        out->sum_us = more(&s, at, "others us", "others us without");
        longer = first_longer(&s, at, out->late_us / 2);
        out->kept = rows_per_us(&s, at, "rows", "step us") /
                    rows_per_us(&s, at, "rows without", "step us without");
        out->left_us = wait_left(&s, at, get(&s, at, "others us without"));
    }
    if (longer + 1 < count) {
        out->longer = get(&s, longer, "nth");
        out->step_us = more(&s, longer, "step us", "step us without");
        read_batch(&s, longer + 1, out);
        read_burst(&s, longer + 1, out);
    }
    /* Where no step was longer, whatever else changed did so after the late rank. */
    read_return(&s, longer + 1 < count ? longer + 1 : at < count ? at + 1 : count, out);
    out->missing = first_missing(&s, at, longer, out);
}

/* --- the sentence ------------------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 3))) static void say(char *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    sentence_append(out, CHAIN_SENTENCE, 12, format, args);
    va_end(args);
}

static void say_batch(const struct chain *c, char *out) {
    say(out, ": sums took %.1f ms longer, step %.0f had %.0f rows, not %.0f", c->sum_us / 1e3,
        c->longer + 1, c->rows[0], c->rows[1]);
    if (c->missing > LINK_CLASS)
        say(out, ", class %s, not %s", c->class[0], c -> class[1]);
    if (c->missing > LINK_PLAN)
        say(out, ", plan %s, not %s", c->plan[0], c->plan[1]);
}

char *chain_sentence(const struct chain *c, char *out) {
    *out = '\0';
    if (c->missing == LINK_LATE) {
        say(out, "nobody was late: there is no chain");
        return out;
    }
    say(out, "rank %.0f was %.1f ms late in step %.0f", c->culprit, c->late_us / 1e3, c->at);
    if (c->missing == LINK_SUM)
        say(out, "; the others waited %.1f ms longer: the chain does not begin", c->sum_us / 1e3);
    else if (c->missing == LINK_STEP)
        say(out, ": sums took %.1f ms longer; no batch came later: the chain ends at the sum",
            c->sum_us / 1e3);
    else if (c->missing == LINK_BATCH)
        say(out, ": sums and step took %.1f ms longer; nobody was cut: the chain ends at the step",
            c->step_us / 1e3);
    else
        say_batch(c, out);
    if (c->missing == LINK_QUEUE)
        say(out, "; nobody waited: it ends at the batch");
    else if (c->missing == LINK_CLASS && strcmp(c->plan[0], c->plan[1]) != 0)
        say(out, ", of one class, and yet plan %s, not %s", c->plan[0], c->plan[1]);
    else if (c->missing == LINK_CLASS)
        say(out, ", of one class: it ends at the batch");
    else if (c->missing == LINK_PLAN)
        say(out, "; one plan: it ends at the class");
    else if (c->missing >= LINK_BURST && c->back)
        say(out, "; back after %.0f step%s", c->changed, c->changed == 1 ? "" : "s");
    else if (c->missing >= LINK_BURST)
        say(out, "; never back in %.0f steps", c->seen);
    return out;
}
