/*
 * chunks.c: the same request, its prompt in pieces: in chunks of some tokens, after a prefix that
 * another request left in the cache, or its next tokens verified several at once, as speculative
 * decoding does. None of it changes what is computed for a token; all of it changes the number of
 * rows that a step has.
 */
#include <stdlib.h>
#include <string.h>

#include "labs/09-batch-invariance/invariance.h"

enum { NEXT = 8 }; /* tokens that are verified */

struct piece {
    const char *how;
    unsigned chunk;  /* rows of a step; 0: all */
    unsigned prefix; /* tokens that another sequence has computed */
    unsigned verify; /* rows of a step from the last token of the prompt on; 0: 1 */
};
static const struct piece pieces[] = {
    {"whole", 0, 0, 0},   {"chunk", 16, 0, 0},  {"chunk", 32, 0, 0},  {"chunk", 1, 0, 0},
    {"prefix", 0, 32, 0}, {"verify", 0, 0, 2},  {"verify", 0, 0, 4},  {"verify", 0, 0, 8},
    {"chunk", 64, 0, 0},  {"chunk", 128, 0, 0}, {"chunk", 256, 0, 0}, {"prefix", 0, 256, 0},
};
/* The first ones are for a question, all of them for a long text. */
enum { SHORT_PIECES = 8, PIECES = sizeof pieces / sizeof *pieces, LONG = 330 };

/* Logits of the prompt's last token and of the NEXT tokens after it, `text`; they are given. */
static int in_pieces(const struct bpe_tokens *prompt, const struct decoder_way *way,
                     const struct piece *piece, const uint32_t *text, float *logits, char *why) {
    const struct decoder *d = way->model->decoder;
    const unsigned before = (unsigned)prompt->count, all = before + NEXT;
    struct decoder_cache cache;
    struct decoder_row *row = calloc(all + 1, sizeof(*row));
    if (!row || decoder_cache_open(&cache, d, (enum decoder_rounding)way->plan.rounding, 2, all,
                                   why) != 0) {
        free(row);
        return -1;
    }
    struct decoder_step step = {.decoder = d,
                                .cache = &cache,
                                .plan = way->plan,
                                .engine = way->engine,
                                .device = way->device,
                                .threads = way->threads};
    int status = 0;
    unsigned from = 0;
    if (piece->prefix) {
        for (unsigned i = 0; i < piece->prefix; i++)
            row[i] = (struct decoder_row){prompt->id[i], 1, i, false};
        step.row = row;
        step.rows = piece->prefix;
        status = decoder_run(&step, NULL, why);
        from = decoder_cache_share(&cache, 0, 1, piece->prefix);
    }
    for (unsigned i = 0; i < all; i++)
        row[i] = (struct decoder_row){i < before ? prompt->id[i] : text[i - before], 0, i,
                                      i + 1 >= before};
    /* The prompt to its last token but one, then the last and what follows. */
    for (unsigned at = from; at < all && status == 0; at += step.rows) {
        const unsigned left = at < before - 1 ? before - 1 - at : all - at;
        const unsigned most = at < before - 1 ? (piece->chunk ? piece->chunk : left)
                              : piece->verify ? piece->verify
                                              : 1;
        step.row = row + at;
        step.rows = left < most ? left : most;
        status = decoder_run(&step, logits, why);
        for (unsigned r = 0; r < step.rows; r++)
            logits += row[at + r].wanted ? d->vocabulary : 0;
    }
    decoder_cache_close(&cache);
    free(row);
    return status;
}

static int one_case(struct lab_run *run, const struct stage *stage, struct lab_case *c,
                    enum rule rule) {
    const size_t vocabulary = stage->model.decoder->vocabulary, n = (1 + NEXT) * vocabulary;
    const struct decoder_way way = stage_way(stage, rule);
    struct decoder_way model = way;
    uint32_t text[NEXT] = {0}, ids[LONG];
    /* A question in a quick run, else a long text. */
    const bool is_short = lab_mode(run) == LAB_QUICK;
    const struct bpe_tokens long_text = {.id = ids, .count = LONG},
                            *prompt = is_short ? &stage->prompt[0] : &long_text;
    const int count = is_short ? SHORT_PIECES : PIECES;
    unsigned length;
    float *memory = malloc(3 * n * sizeof(*memory)), *whole = memory, *seen, *said;
    char why[GGUF_WHY] = "no memory for logits";
    stage_long_text(stage, ids, LONG);
    int status = memory ? decoder_continue(&way, prompt, 1, NEXT, text, &length, why) : -1;
    model.engine = DECODER_MODEL;
    stage_params(c, stage, rule);
    case_param_int(c, "tokens", (int64_t)prompt->count);
    for (int p = 0; p < count && status == 0; p++) {
        seen = p == 0 ? whole : memory + n;
        said = memory + 2 * n;
        /* A fixed plan has one prediction for all pieces. */
        const bool known = p > 0 && way.plan.rule == DECODER_FIXED;
        status = (!known && in_pieces(prompt, &model, &pieces[p], text, said, why) != 0) ||
                         in_pieces(prompt, &way, &pieces[p], text, seen, why) != 0
                     ? -1
                     : 0;
        if (status != 0)
            break;
        case_row(c);
        case_cell_text(c, "how", pieces[p].how);
        case_cell_int(c, "size", pieces[p].chunk + pieces[p].prefix + pieces[p].verify);
        case_cell_int(c, "logits", (int64_t)n);
        case_cell_int(c, "other bits", (int64_t)other_bits(whole, seen, n));
        case_cell_int(c, "steps", 1 + NEXT);
        case_cell_int(c, "other tokens", (int64_t)other_tokens(whole, seen, 1 + NEXT, vocabulary));
        case_cell_int(c, "wrong bits", (int64_t)other_bits(said, seen, n));
    }
    free(memory);
    if (status == 0)
        return lab_case_end(c);
    lab_case_drop(c);
    return lab_error(run, "%s", why);
}

/* The claims ask these two; the others are for the table of a full run. */
static bool is_asked(const struct lab_run *run, enum rule rule) {
    return rule == RULE_HEURISTIC || rule == RULE_FIXED || lab_mode(run) == LAB_FULL;
}

int sweep_chunks(struct lab_run *run, struct device *device) {
    const struct stage *stage = stage_on(run, device);
    if (!stage)
        return -1;
    for (int rule = 0; rule < RULES; rule++)
        lab_expect(run, is_asked(run, (enum rule)rule));
    for (int rule = 0; rule < RULES && !lab_stopping(run); rule++) {
        if (!is_asked(run, (enum rule)rule))
            continue;
        struct lab_case *c = lab_case_begin(run, device_id(device), "09/chunks/%s/rule=%s",
                                            stage->model.name, rule_names[rule]);
        if (c && one_case(run, stage, c, (enum rule)rule) != 0)
            return -1;
    }
    return 0;
}

/* --- checks ------------------------------------------------------------------------------------
 */

static void count(const struct rows *rows, const char *rule, const char *how, double *other,
                  double *all) {
    *other = *all = 0;
    for (size_t k = 0; k < rows->count; k++)
        if (row_is(rows, k, "rule", rule) && row_is(rows, k, "how", how)) {
            *all += 1;
            *other += row_number(rows, k, "other bits") > 0;
        }
}

static void controls(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++) {
        finding_control(f, answer_if(row_number(rows, k, "wrong bits") == 0),
                        "every logit has the bits that the model of the plan says");
        if (row_is(rows, k, "rule", "fixed"))
            finding_control(f, answer_if(row_number(rows, k, "other bits") == 0),
                            "with a fixed plan no piece changes a bit");
    }
}

/* --- B3: prefix reuse and chunks of a prompt change bits, too ------------------------------------
 */
void check_chunks(const struct rows *rows, struct finding *f) {
    double other, all;
    controls(rows, f);
    for (size_t k = 0; k < rows->count; k++)
        if (row_is(rows, k, "rule", "heuristic") &&
            (row_is(rows, k, "how", "chunk") || row_is(rows, k, "how", "prefix"))) {
            finding_count(f, answer_if(row_number(rows, k, "other bits") > 0), rows, k);
            finding_number(
                f, "1", number(row_number(rows, k, "other bits") / row_number(rows, k, "logits")),
                "%s of %.0f: logits with other bits", row_text(rows, k, "how"),
                row_number(rows, k, "size"));
        }
    count(rows, "heuristic", "chunk", &other, &all);
    finding_say(f, "%.0f of %.0f sizes of chunks change bits", other, all);
    count(rows, "heuristic", "prefix", &other, &all);
    finding_say(f, ", and %.0f of %.0f reused prefixes%s", other, all, on_weights(rows));
    finding_settle(f, SETTLE_MOST, "some of the ways");
}

/* --- B5: verifying several tokens at once gives the bits of one at a time ------------------------
 */
void check_verify(const struct rows *rows, struct finding *f) {
    double other, all;
    controls(rows, f);
    for (size_t k = 0; k < rows->count; k++)
        if (row_is(rows, k, "how", "verify") && row_is(rows, k, "rule", "heuristic"))
            finding_count(f, answer_if(row_number(rows, k, "other bits") == 0), rows, k);
    count(rows, "heuristic", "verify", &other, &all);
    finding_say(f, "verifying 2 to 8 tokens at once changes bits in %.0f of %.0f sizes", other,
                all);
    count(rows, "fixed", "verify", &other, &all);
    finding_say(f, ", and in %.0f of %.0f with a fixed plan%s", other, all, on_weights(rows));
    finding_settle(f, SETTLE_ALL, "some of the sizes");
}
