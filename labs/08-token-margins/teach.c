/*
 * teach.c: the same text under two plans, step by step.
 *
 * Every step of a text is given to both plans with the tokens so far taken from the text, so that
 * one flip does not hide the next (teacher forcing). First the model of the plans computes all
 * logits, and with them which steps flip, and to which token; then the kernels run. A flip that was
 * not said, or said and not seen, is a bug, as is a logit of other bits.
 *
 * Beside it stands what can be said with less: by how much any logit of a step changes (ε) and how
 * far its two best are apart (the margin). A flip needs margin <= 2ε.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labs/08-token-margins/margins.h"

enum { CHUNK = 128 }; /* rows of a step */

/* --- the sweep ---------------------------------------------------------------------------------
 */

/* Logits of a text under every plan, as the model says: [steps][vocabulary]. */
struct taught {
    unsigned steps;
    size_t vocabulary;
    float *said[PLANS];
    float *seen; /* of one plan at a time */
    /* Of the plan's kernels: */
    uint64_t wrong[PLANS];  /* logits of other bits than said */
    uint32_t *token[PLANS]; /* the token of each step */
};

static void taught_free(struct taught *t) {
    for (int p = 0; p < PLANS; p++) {
        free(t->said[p]);
        free(t->token[p]);
    }
    free(t->seen);
}

static int teach(struct lab_run *run, const struct stage *stage, size_t q, struct taught *t) {
    char why[GGUF_WHY] = "no memory for the logits of a text";
    t->steps = stage->length[q];
    t->vocabulary = stage->model.decoder->vocabulary;
    const size_t n = t->steps * t->vocabulary;
    const uint32_t *text = stage->text + q * stage->most;
    t->seen = malloc(n * sizeof(float));
    int status = t->seen ? 0 : -1;
    for (int p = 0; p < PLANS && status == 0; p++) {
        struct decoder_way way = stage_way(stage, (enum plan_id)p);
        way.engine = DECODER_MODEL;
        t->said[p] = malloc(n * sizeof(float));
        t->token[p] = calloc(t->steps, sizeof(uint32_t));
        status = t->said[p] && t->token[p] ? decoder_teach(&way, &stage->prompt[q], text, t->steps,
                                                           CHUNK, t->said[p], why)
                                           : -1;
    }
    /* All is said; now it is seen. */
    for (int p = 0; p < PLANS && status == 0; p++) {
        const struct decoder_way way = stage_way(stage, (enum plan_id)p);
        status = decoder_teach(&way, &stage->prompt[q], text, t->steps, CHUNK, t->seen, why);
        for (size_t i = 0; status == 0 && i < n; i++)
            t->wrong[p] += memcmp(&t->said[p][i], &t->seen[i], sizeof(float)) != 0;
        for (unsigned s = 0; status == 0 && s < t->steps; s++)
            t->token[p][s] = decoder_greedy(t->seen + s * t->vocabulary, t->vocabulary);
    }
    return status == 0 ? 0 : lab_error(run, "%s", why);
}

/* The most that any logit of a step changes. */
static double most_change(const float *a, const float *b, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)b[i] - a[i]));
    return most;
}

static void record_pair(struct lab_case *c, const struct taught *t, const struct pair *pair) {
    int64_t flips = 0, said = 0, missed = 0, wrongly = 0, other = 0, can = 0, beyond = 0, above = 0;
    for (unsigned s = 0; s < t->steps; s++) {
        const float *a = t->said[pair->a] + s * t->vocabulary,
                    *b = t->said[pair->b] + s * t->vocabulary;
        const uint32_t from = decoder_greedy(a, t->vocabulary),
                       to = decoder_greedy(b, t->vocabulary);
        const double margin = decoder_top(a, t->vocabulary).margin,
                     change = most_change(a, b, t->vocabulary);
        const bool is_said = from != to, is_seen = t->token[pair->a][s] != t->token[pair->b][s];
        said += is_said;
        flips += is_seen;
        missed += is_seen && !is_said;
        wrongly += is_said && !is_seen;
        other += is_said && is_seen && to != t->token[pair->b][s];
        can += margin <= 2 * change;
        above += is_seen && margin > change;
        beyond += is_seen && margin > 2 * change;
    }
    case_row(c);
    case_cell_text(c, "pair", pair->name);
    case_cell_text(c, "changes", pair->changes);
    case_cell_text(c, "under", pair->under);
    case_cell_int(c, "steps", t->steps);
    case_cell_int(c, "flips", flips);
    case_cell_int(c, "said", said);
    case_cell_int(c, "missed", missed);
    case_cell_int(c, "said wrongly", wrongly);
    case_cell_int(c, "another token", other);
    case_cell_int(c, "can flip", can);
    case_cell_int(c, "flips above", above);
    case_cell_int(c, "flips beyond", beyond);
    case_cell_int(c, "logits", (int64_t)(2 * t->steps * t->vocabulary));
    case_cell_int(c, "wrong bits", (int64_t)(t->wrong[pair->a] + t->wrong[pair->b]));
}

/* The base plan's margin at each step, and for each pair whether the step flipped: what a rule that
 * knows nothing but the margin has to go by. */
static void record_steps(struct lab_case *c, const struct taught *t) {
    double *margin = calloc(t->steps, sizeof(*margin));
    uint64_t *flipped = calloc(t->steps, sizeof(*flipped));
    for (unsigned s = 0; margin && flipped && s < t->steps; s++) {
        margin[s] = decoder_top(t->said[BF16_K1] + s * t->vocabulary, t->vocabulary).margin;
        for (int p = 0; p < PAIRS; p++)
            flipped[s] |= (uint64_t)(t->token[pairs[p].a][s] != t->token[pairs[p].b][s]) << p;
    }
    if (margin && flipped) {
        case_series_real(c, "margin", "1", margin, t->steps);
        case_series_count(c, "flipped", "1", flipped, t->steps);
    }
    free(margin);
    free(flipped);
}

int sweep_teach(struct lab_run *run, struct device *device) {
    const struct stage *stage = stage_of(run);
    if (!stage)
        return -1;
    lab_expect(run, stage_answered(stage));
    for (size_t q = 0; q < stage->questions && !lab_stopping(run); q++) {
        struct lab_case *c = lab_case_begin(run, device_id(device), "08/teach/%s/question=%zu",
                                            stage->model.name, q);
        struct taught taught = {0};
        if (!c)
            continue;
        if (stage->length[q] == 0) {
            lab_case_drop(c);
            continue;
        }
        int status = teach(run, stage, q, &taught);
        if (status == 0) {
            stage_params(c, stage, q);
            record_steps(c, &taught);
            for (int p = 0; p < PAIRS; p++)
                record_pair(c, &taught, &pairs[p]);
            status = lab_case_end(c);
        } else {
            lab_case_drop(c);
        }
        taught_free(&taught);
        if (status != 0)
            return -1;
    }
    return 0;
}

/* --- checks ------------------------------------------------------------------------------------
 */

double sum_of(const struct rows *rows, const char *pair, const char *column) {
    double sum = 0;
    for (size_t k = 0; k < rows->count; k++)
        if (!*pair || row_is(rows, k, "pair", pair))
            sum += row_number(rows, k, column);
    return sum;
}

/* --- M1: a change of ε flips margins up to 2ε, not only up to ε ---------------------------------
 */
void check_bound(const struct rows *rows, struct finding *f) {
    const double flips = sum_of(rows, "", "flips"), above = sum_of(rows, "", "flips above");
    for (size_t k = 0; k < rows->count; k++)
        if (row_number(rows, k, "flips") > 0)
            finding_control(f, answer_if(row_number(rows, k, "flips beyond") == 0),
                            "no step flips whose margin is more than twice the largest change");
    if (!(flips > 0)) {
        finding_not_testable(f, "no step flipped; --full has more of them");
        return;
    }
    const struct ratio r = number_share(above, flips);
    finding_count(f, answer_seen(r), NULL, 0);
    finding_number(f, "1", r, "flips whose margin was above the largest change of a logit");
    finding_say(f, "%.0f of %.0f flipped tokens had a margin above the largest change of a logit%s",
                above, flips, on_weights(rows));
    finding_settle(f, SETTLE_ALL, "");
}

/* --- M5: with both plans known, all flips are said before -------------------------------------
 */

struct step {
    double margin;
    bool flipped;
};

static int by_margin(const void *a, const void *b) {
    const struct step *x = a, *y = b;
    return (x->margin > y->margin) - (x->margin < y->margin);
}

/* All steps of a pair; malloc'ed. */
static struct step *steps_of(const struct rows *rows, int pair, size_t *count) {
    struct step *list = NULL;
    *count = 0;
    for (size_t k = 0; k < rows->count; k++) {
        const size_t n = row_series(rows, k, "margin");
        if (!row_is(rows, k, "pair", pairs[pair].name) || n != row_series(rows, k, "flipped"))
            continue;
        struct step *more = realloc(list, (*count + n + 1) * sizeof(*more));
        if (!more)
            break;
        list = more;
        for (size_t s = 0; s < n; s++)
            list[(*count)++] =
                (struct step){row_series_number(rows, k, "margin", s),
                              (uint64_t)row_series_number(rows, k, "flipped", s) >> pair & 1};
    }
    return list;
}

struct margin_rule margin_rule_of(const struct rows *rows, int pair) {
    struct margin_rule best = {NAN, 0, 0};
    size_t count, flips = 0, hits = 0;
    struct step *list = pairs[pair].a == BF16_K1 ? steps_of(rows, pair, &count) : NULL;
    double most = 0;
    if (!list)
        return best;
    qsort(list, count, sizeof(*list), by_margin);
    for (size_t i = 0; i < count; i++)
        flips += list[i].flipped;
    for (size_t i = 0; i < count && flips; i++) {
        hits += list[i].flipped;
        const double p = (double)hits / (double)(i + 1), r = (double)hits / (double)flips;
        if (hits && 2 * p * r / (p + r) > most) {
            most = 2 * p * r / (p + r);
            best = (struct margin_rule){list[i].margin, (double)(i + 1), (double)hits};
        }
    }
    free(list);
    return best;
}

static void say_margin_alone(const struct rows *rows, int pair, struct finding *f) {
    const struct margin_rule best = margin_rule_of(rows, pair);
    if (isnan(best.m))
        return;
    finding_number(f, "1", number_share(best.right, best.said),
                   "%s: by the margin alone, said rightly", pairs[pair].name);
    finding_number(f, "1", number_share(best.right, sum_of(rows, pairs[pair].name, "flips")),
                   "%s: by the margin alone, of the flips", pairs[pair].name);
}

void check_predicted(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++)
        finding_predicted(
            f,
            row_number(rows, k, "missed") == 0 && row_number(rows, k, "said wrongly") == 0 &&
                row_number(rows, k, "another token") == 0 && row_number(rows, k, "wrong bits") == 0,
            rows, k);
    for (int p = 0; p < PAIRS; p++) {
        const double flips = sum_of(rows, pairs[p].name, "flips"),
                     can = sum_of(rows, pairs[p].name, "can flip");
        finding_number(f, "1", number(flips), "%s: flips in %.0f steps", pairs[p].name,
                       sum_of(rows, pairs[p].name, "steps"));
        if (can > 0)
            finding_number(f, "1", number_share(flips, can),
                           "%s: of the %.0f that the bound 2e allows", pairs[p].name, can);
        say_margin_alone(rows, p, f);
    }
    finding_say(f, "%.0f flips of %.0f steps were said before: %.0f missed, %.0f said wrongly%s",
                sum_of(rows, "", "flips"), sum_of(rows, "", "steps"), sum_of(rows, "", "missed"),
                sum_of(rows, "", "said wrongly"), on_weights(rows));
    finding_settle(f, SETTLE_ALL, "some of the texts");
}

/* --- M6: flips are rare ------------------------------------------------------------------------
 *
 * 0.3 to 1.3 % of steps across models, as published; the check asks for the upper end.
 */
static struct ratio rate(const struct rows *rows, const char *pair) {
    return number_share(sum_of(rows, pair, "flips"), sum_of(rows, pair, "steps"));
}

void check_rare(const struct rows *rows, struct finding *f) {
    double flips = 0, steps = 0;
    for (int p = 0; p < PAIRS; p++) {
        const struct ratio r = rate(rows, pairs[p].name);
        if (strcmp(pairs[p].changes, "both") == 0 || !(sum_of(rows, pairs[p].name, "steps") > 0))
            continue; /* one change at a time */
        flips += sum_of(rows, pairs[p].name, "flips");
        steps += sum_of(rows, pairs[p].name, "steps");
        finding_count(f, answer_below(r, 0.013), NULL, 0);
        finding_number(f, "1", r, "%s (%s): flips a step", pairs[p].name, pairs[p].under);
    }
    const struct ratio all = number_share(flips, steps);
    finding_say(f, "%.2f %% of all steps flip, of any of these changes%s", 100 * all.value,
                on_weights(rows));
    finding_settle(f, SETTLE_ALL, "some of the pairs of plans");
}

/* --- Q5: with floats between kernels, another order flips fewer tokens -------------------------
 */
void check_floats(const struct rows *rows, struct finding *f) {
    const struct ratio bf16 = rate(rows, "k1-k2"), f32 = rate(rows, "f32-k1-k2");
    if (!(sum_of(rows, "f32-k1-k2", "steps") > 0 && sum_of(rows, "k1-k2", "steps") > 0)) {
        finding_not_testable(f, "both pairs of plans are needed");
        return;
    }
    finding_count(f, answer_greater(bf16, f32), NULL, 0);
    finding_number(f, "1", bf16,
                   "another order, rounded to bfloat16 between kernels: flips a step");
    finding_number(f, "1", f32, "another order, floats throughout: flips a step");
    finding_say(f,
                "another order flips %.2f %% of steps with bfloat16 between kernels and %.2f %% "
                "with floats%s",
                100 * bf16.value, 100 * f32.value, on_weights(rows));
    finding_settle(f, SETTLE_ALL, "");
}

/* --- Q6: roundings between kernels flip more tokens than another order does ---------------------
 */
void check_roundings(const struct rows *rows, struct finding *f) {
    const struct ratio rounding = rate(rows, "f32-bf16"), order = rate(rows, "f32-k1-k2");
    if (!(sum_of(rows, "f32-k1-k2", "steps") > 0 && sum_of(rows, "f32-bf16", "steps") > 0)) {
        finding_not_testable(f, "both pairs of plans are needed");
        return;
    }
    finding_count(f, answer_greater(rounding, order), NULL, 0);
    finding_number(f, "1", rounding, "roundings added, one order: flips a step");
    finding_number(f, "1", order, "another order, no roundings: flips a step");
    finding_number(f, "1", rate(rows, "k1-k2"), "another order, with the roundings: flips a step");
    finding_say(f, "adding roundings flips %.2f %% of steps, another order of floats %.2f %%%s",
                100 * rounding.value, 100 * order.value, on_weights(rows));
    finding_settle(f, SETTLE_ALL, "");
}
