/*
 * compare_text.c: a comparison for a person at a terminal: what differs first, then by how much.
 */
#include "harness/compare/compare_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_bits.h"
#include "harness/compare/compare_claims.h"
#include "harness/compare/compare_code_text.h"
#include "harness/compare/compare_pick.h"
#include "harness/compare/compare_question.h"
#include "harness/text.h"

#define LISTED 20 /* of any kind; --json has all */

static const char *plural(size_t n) {
    return n == 1 ? "" : "s";
}

/* What a side from another tool's file does not say. */
static void print_notes(const struct compare_side *side, char letter, FILE *to) {
    json_t *note;
    size_t k, n = json_array_size(side->notes);
    if (side->foreign)
        fprintf(to, "%c is from %s: times alone, without bits, plans or the machine\n", letter,
                side->foreign);
    json_array_foreach(side->notes, k, note) {
        if (k == LISTED)
            break;
        fprintf(to, "  %s\n", json_string_value(note));
    }
    if (n > LISTED)
        fprintf(to, "  and %zu more such\n", n - LISTED);
}

static void print_loads(const struct compare *c, FILE *to) {
    char says[COMPARE_LOADS_BYTES];
    if (c->busy > 0)
        fprintf(to,
                "Measured beside unlike load, so that %s can be compared: %s (%s).\n"
                "  What to do: %s.\n",
                c->busy == c->timed ? "no time" : "no time of a CPU",
                compare_loads_say(&c->loads, "B", says), c->loads.field, compare_loads_advice);
}

static void print_sides(const struct compare *c, FILE *to) {
    fprintf(to, "A %s (%zu session%s), B %s (%zu session%s): %zu cases on both", c->first->name,
            c->first->sessions, plural(c->first->sessions), c->second->name, c->second->sessions,
            plural(c->second->sessions), c->count);
    if (c->only[0] + c->only[1] > 0)
        fprintf(to, ", %zu on A alone, %zu on B alone", c->only[0], c->only[1]);
    fputc('\n', to);
    print_notes(c->first, 'A', to);
    print_notes(c->second, 'B', to);
    print_loads(c, to);
    compare_code_print(c, to);
}

/* --- claims ------------------------------------------------------------------------------------
 */

static const char *text_of(const json_t *list, size_t k) {
    const char *text = json_string_value(json_array_get(list, k));
    return text ? text : "-";
}

static void print_claim(const json_t *claim, FILE *to) {
    const json_t *verdicts = json_object_get(claim, "verdicts");
    const json_t *devices = json_object_get(claim, "devices");
    fputs("  ", to);
    text_print(to, json_string_value(json_object_get(claim, "id")));
    fprintf(to, "  A %s (%s), B %s (%s): ", text_of(verdicts, 0), text_of(devices, 0),
            text_of(verdicts, 1), text_of(devices, 1));
    text_print(to, json_string_value(json_object_get(claim, "claim")));
    fputc('\n', to);
    for (size_t k = 0; k < 2; k++) {
        const json_t *statement = json_array_get(json_object_get(claim, "statements"), k);
        if (!json_is_string(statement))
            continue;
        fprintf(to, "      %c: ", (char)('A' + k));
        text_print(to, json_string_value(statement));
        fputc('\n', to);
    }
}

static void print_relation(const struct compare *c, enum compare_relation relation,
                           const char *title, FILE *to) {
    json_t *claim;
    size_t k, n = 0;
    json_array_foreach(c->claims, k, claim) {
        if (compare_claims_relation(claim) != relation)
            continue;
        if (n++ == 0)
            fprintf(to, "\n%s:\n", title);
        if (n <= LISTED)
            print_claim(claim, to);
    }
    if (n > LISTED)
        fprintf(to, "  and %zu more; --json has them\n", n - LISTED);
}

/* "  S5  A: confirmed 4, bounded 1" */
static void print_sessions(const json_t *claim, FILE *to) {
    const char *verdict;
    json_t *count;
    fputs("  ", to);
    text_print(to, json_string_value(json_object_get(claim, "id")));
    for (size_t k = 0; k < 2; k++) {
        json_t *sessions = json_array_get(json_object_get(claim, "sessions"), k);
        const char *between = k ? "  B: " : "  A: ";
        if (json_object_size(sessions) < 2)
            continue;
        json_object_foreach(sessions, verdict, count) {
            fputs(between, to);
            text_print(to, verdict);
            fprintf(to, " %lld", (long long)json_integer_value(count));
            between = ", ";
        }
    }
    fputc('\n', to);
}

static void print_claims(const struct compare *c, FILE *to) {
    json_t *claim;
    size_t k, n = 0;
    if (compare_claims_count(c->claims, COMPARE_CONTRADICTION) == 0)
        fprintf(to, "\nClaims: no verdict of A contradicts one of B (%zu on both).\n",
                json_array_size(c->claims));
    print_relation(c, COMPARE_CONTRADICTION, "Claims whose verdicts contradict each other", to);
    print_relation(c, COMPARE_OTHER_VERDICT,
                   "Claims with another verdict, as two runs of one machine may have", to);
    json_array_foreach(c->claims, k, claim) {
        if (!json_is_true(json_object_get(claim, "varies")))
            continue;
        if (n++ == 0)
            fprintf(to, "\nClaims about which a side's sessions do not agree (in how many):\n");
        if (n <= LISTED)
            print_sessions(claim, to);
    }
}

/* --- times -------------------------------------------------------------------------------------
 */

static void print_pair(const struct compare_pair *p, FILE *to) {
    const struct compare_times *t = &p->times;
    fprintf(to, "  %7.3f", t->ratio.value);
    if (isfinite(t->ratio.low))
        fprintf(to, "  %7.3f to %7.3f", t->ratio.low, t->ratio.high);
    if (isfinite(p->normalised.value))
        fprintf(to, "  over roofs %7.3f", p->normalised.value);
    if (isfinite(compare_cycles_ratio(p)))
        fprintf(to, "  in cycles %7.3f", compare_cycles_ratio(p));
    fputs("  ", to);
    text_print(to, p->first->id);
    fprintf(to, " (%s", p->first->device);
    if (strcmp(p->first->device, p->second->device) != 0)
        fprintf(to, ", %s", p->second->device);
    fputs(")\n", to);
}

static int print_verdict(const struct compare *c, enum compare_verdict verdict, const char *what,
                         FILE *to) {
    size_t n;
    const struct compare_pair **list = compare_pick(c, verdict, &n);
    if (!list)
        return -1;
    if (n > 0) {
        fprintf(to, "\n%s (B's time over A's, with its %.0f %% interval):\n", what,
                100 * c->rule.confidence);
        for (size_t k = 0; k < n && k < LISTED; k++)
            print_pair(list[k], to);
        if (n > LISTED)
            fprintf(to, "  and %zu more; --json has them\n", n - LISTED);
    }
    free(list);
    return 0;
}

static void print_times(const struct compare *c, FILE *to) {
    fprintf(to, "\nTimes, %zu cases:", c->timed);
    for (int v = 0; v < COMPARE_VERDICTS; v++)
        fprintf(to, "%s %zu %s", v ? "," : "", c->verdicts[v],
                compare_verdict_name((enum compare_verdict)v));
    fprintf(to, ".\n");
    if (isfinite(c->mean))
        fprintf(to, "On average B takes %.3f times as long as A", c->mean);
    if (isfinite(c->mean) && isfinite(c->normalised_mean))
        fprintf(to, "; each over its own roof, %.3f times", c->normalised_mean);
    if (isfinite(c->mean))
        fprintf(to, ".\n");
}

/* Why nothing is said of a case, and how many there are. */
static void print_reasons(const struct compare *c, FILE *to) {
    struct compare_open_cases open[COMPARE_REASON_COUNT];
    size_t more = 0;
    compare_ambiguous(c, open);
    for (int r = 0; r < COMPARE_REASON_COUNT; r++) {
        if (open[r].count > 0)
            fprintf(to, "  ambiguous, %zu: %s\n", open[r].count,
                    compare_reason_what((enum compare_reason)r));
        more = open[r].most > more ? open[r].most : more;
    }
    if (open[COMPARE_ONE_SESSION].count > 0)
        fprintf(to, "  measure more than once a side (nanolab run --sessions 5), or name runs of "
                    "one unchanged machine with --calibrate\n");
    if (more > 0)
        fprintf(to, "  %s%zu more sessions a side would settle the widest of them\n",
                more > COMPARE_MORE_TOLD ? "over " : "",
                more > COMPARE_MORE_TOLD ? (size_t)COMPARE_MORE_TOLD : more);
}

/* --- fields, bits ------------------------------------------------------------------------------
 */

static void print_fields(const struct compare *c, FILE *to) {
    const struct compare_fields fields = compare_fields(c);
    for (size_t k = 0; k < fields.count; k++)
        fprintf(to, "  not comparable, %zu: %s differs\n", fields.list[k].count,
                fields.list[k].name);
    if (c->busy > 0)
        fprintf(to, "  not comparable, %zu: %s\n", c->busy, compare_reason_what(COMPARE_BUSY));
}

static void print_bits(const struct compare *c, FILE *to) {
    struct compare_groups groups;
    char says[COMPARE_G1_BYTES];
    const struct compare_g1 g1 = compare_g1(c);
    size_t n = 0;
    fprintf(to, "\nBits: equal in %zu cases, different in %zu, varying on one side in %zu.\n",
            c->bits_equal, c->bits_differ, c->bits_vary);
    if (c->bits_arrival > 0)
        fprintf(to, "  In %zu more the order decides in which updates arrive, by design.\n",
                c->bits_arrival);
    fprintf(to, "  G1 %s: %s.\n", compare_g1_verdict(&g1), compare_g1_says(&g1, says));
    compare_bits_groups(c, &groups);
    for (size_t k = 0; k < groups.count; k++)
        fprintf(to, "  different, %zu: %s\n", groups.list[k].count,
                *groups.list[k].why ? groups.list[k].why : "NO RECORDED FIELD DIFFERS");
    if (groups.left_out > 0)
        fprintf(to, "  different, %zu: by other fields\n", groups.left_out);
    for (int first = 1; first >= 0; first--)
        for (size_t k = 0; k < c->count && n < LISTED; k++) {
            const struct compare_pair *p = &c->pairs[k];
            if (p->bits != COMPARE_BITS_DIFFER || compare_is_unexplained(c, p) != first)
                continue;
            fputs("    ", to);
            text_print(to, p->first->id);
            fprintf(to, " (%s, %s)\n", p->first->device, p->second->device);
            n++;
        }
    if (c->bits_differ > n)
        fprintf(to, "    and %zu more; --json has them\n", c->bits_differ - n);
}

static void print_differences(const struct compare *c, FILE *to) {
    json_t *one;
    size_t k;
    if (json_array_size(c->differences) == 0)
        return;
    fprintf(to, "\nMachine and software differ in:");
    json_array_foreach(c->differences, k, one) {
        if (k == LISTED) {
            fprintf(to, " and %zu more", json_array_size(c->differences) - k);
            break;
        }
        fputs(k ? ", " : " ", to);
        text_print(to, json_string_value(json_object_get(one, "field")));
    }
    fprintf(to, "\n");
}

int compare_print(const struct compare *c, FILE *to) {
    print_sides(c, to);
    print_claims(c, to);
    print_times(c, to);
    print_reasons(c, to);
    print_fields(c, to);
    int status = print_verdict(c, COMPARE_SLOWER, "Slower", to);
    if (status == 0)
        status = print_verdict(c, COMPARE_FASTER, "Faster", to);
    if (status == 0)
        status = compare_meter_print(c, to);
    print_bits(c, to);
    compare_questions_print(c, to);
    print_differences(c, to);
    return status;
}
