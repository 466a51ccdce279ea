/*
 * load.c: R1. One question is asked again and again while a load of other requests runs beside it;
 * continuous batching (kernels/serving) decides who shares a step, and how many they are decides
 * the plan. Temperature 0, the same weights, the same machine: how many answers are there?
 *
 * Then one link of the chain is cut at a time:
 *     alone        no load
 *     free         the load, and the rule that counts rows
 *     slower       the same requests, and steps that take three times as long: other batches
 *     replayed     as slow, and who is in which step is replayed from `free`
 *     fixed        the load, and a plan that counts nothing
 *     floats       the load, the rule that counts rows, and no rounding between kernels
 *
 * How long a step takes is the cost model's, so that the load is a function of its seed alone and
 * the same on every machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/serving/serving.h"
#include "labs/09-batch-invariance/invariance.h"

enum { BATCH_MOST = 40, GROUP = 12, TEXTS_KEPT = 8, TEXT_BYTES = 1600 };

struct link {
    const char *name;
    enum rule rule;
    unsigned slower; /* times the model's duration */
    bool replays, alone;
};
static const struct link links[] = {
    {"alone", RULE_HEURISTIC, 1, false, true},   {"free", RULE_HEURISTIC, 1, false, false},
    {"slower", RULE_HEURISTIC, 3, false, false}, {"replayed", RULE_HEURISTIC, 3, true, false},
    {"fixed", RULE_FIXED, 1, false, false},      {"floats", RULE_HEURISTIC_F32, 1, false, false},
};
enum { ALONE, FREE, LINKS = sizeof links / sizeof *links };

struct size {
    unsigned completions, tokens;
};
static struct size size_of(const struct lab_run *run, bool real) {
    switch (lab_mode(run)) {
    case LAB_QUICK:
        return real ? (struct size){12, 32} : (struct size){60, 32};
    case LAB_DEFAULT:
        return (struct size){200, 48};
    default:
        return (struct size){1000, 96};
    }
}

/* --- a server ----------------------------------------------------------------------------------
 *
 * Even requests ask the question, odd ones others. Prompts are computed once, elsewhere, and
 * copied.
 */
struct server {
    const struct stage *stage;
    struct decoder_way way;
    struct size size;
    const struct link *link;
    struct decoder_cache cache; /* BATCH_MOST sequences, and one for each question's prompt */
    int64_t *request_of;        /* [BATCH_MOST]: who has the sequence; -1: nobody */
    uint32_t *text;             /* [requests][tokens] */
    unsigned *generated;        /* [requests] */
    float *logits;
    struct serving_schedule *recorded; /* of `free`; belongs to the sweep */
    uint64_t steps, rows;
    unsigned most;
};

static unsigned question_of(uint64_t request) {
    return request % 2 == 0 ? 0 : 1 + (unsigned)(request / 2 % (QUESTIONS - 1));
}

static int compute_prompts(struct server *s, char *why) {
    struct decoder_row row[256];
    for (unsigned q = 0; q < QUESTIONS; q++) {
        const struct bpe_tokens *prompt = &s->stage->prompt[q];
        struct decoder_step step = {.decoder = s->way.model->decoder,
                                    .cache = &s->cache,
                                    .plan = s->way.plan,
                                    .engine = s->way.engine,
                                    .threads = s->way.threads,
                                    .row = row};
        for (; step.rows + 1 < prompt->count && step.rows < 256; step.rows++)
            row[step.rows] =
                (struct decoder_row){prompt->id[step.rows], BATCH_MOST + q, step.rows, false};
        if (decoder_run(&step, NULL, why) != 0)
            return -1;
    }
    return 0;
}

static unsigned sequence_of(struct server *s, uint64_t request) {
    unsigned free = BATCH_MOST;
    for (unsigned i = 0; i < BATCH_MOST; i++) {
        if (s->request_of[i] == (int64_t)request)
            return i;
        if (s->request_of[i] < 0)
            free = i;
    }
    if (free < BATCH_MOST) {
        const unsigned q = question_of(request);
        s->request_of[free] = (int64_t)request;
        decoder_cache_copy(&s->cache, free, BATCH_MOST + q,
                           (unsigned)s->stage->prompt[q].count - 1);
    }
    return free;
}

/* One step of the server, for serving_run(). */
static int serve(void *self, const struct serving_batch *batch, struct serving_outcome *outcome,
                 char *why) {
    struct server *s = self;
    const struct serving_cost cost = serving_cost_default();
    struct decoder_row row[BATCH_MOST];
    char reason[GGUF_WHY] = "more rows than there is room for";
    struct decoder_step step = {.decoder = s->way.model->decoder,
                                .cache = &s->cache,
                                .plan = s->way.plan,
                                .engine = s->way.engine,
                                .threads = s->way.threads,
                                .row = row};
    for (; step.rows < batch->count && step.rows < BATCH_MOST; step.rows++) {
        const uint64_t r = batch->rows[step.rows].request;
        const struct bpe_tokens *prompt = &s->stage->prompt[question_of(r)];
        const unsigned n = s->generated[r];
        row[step.rows] = (struct decoder_row){
            n ? s->text[r * s->size.tokens + n - 1] : prompt->id[prompt->count - 1],
            sequence_of(s, r), (unsigned)prompt->count - 1 + n, true};
    }
    if (step.rows < batch->count || decoder_run(&step, s->logits, reason) != 0) {
        snprintf(why, SERVING_WHY, "%.200s", reason);
        return -1;
    }
    for (unsigned i = 0; i < step.rows; i++) {
        const uint64_t r = batch->rows[i].request;
        const size_t vocabulary = s->way.model->decoder->vocabulary;
        s->text[r * s->size.tokens + s->generated[r]++] =
            decoder_greedy(s->logits + i * vocabulary, vocabulary);
        if (s->generated[r] == s->size.tokens)
            s->request_of[row[i].sequence] = -1;
    }
    s->steps++;
    s->rows += step.rows;
    s->most = step.rows > s->most ? step.rows : s->most;
    outcome->duration_ns = serving_cost_ns(&cost, batch) * s->link->slower;
    return 0;
}

static void keep_step(void *self, const struct serving_step_record *record) {
    serving_schedule_add(self, record);
}

static struct serving_options options_of(const struct server *s, uint64_t seed) {
    return (struct serving_options){
        .trace = {.seed = seed,
                  .prompt_mean = 8,
                  .output_mean = s->size.tokens,
                  .length_most = 4096},
        .arrivals = SERVING_POISSON,
        /* A group lives for some `tokens` steps of 5 ms; about twenty requests are there at once.
         */
        .arrival_mean_ns = (uint64_t)s->size.tokens * 5000000 * GROUP / 20,
        .arrival_group = s->link->alone ? 1 : GROUP,
        .requests = 2 * (uint64_t)s->size.completions,
        .queue_most = SERVING_QUEUE_MOST,
        .prefill_elsewhere = true,
        .batcher = SERVING_BUDGET_ONLY,
        .batch_most = s->link->alone ? 1 : BATCH_MOST,
    };
}

static int run_server(struct server *s, uint64_t seed, char *why) {
    const struct serving_options options = options_of(s, seed);
    const bool records = strcmp(s->link->name, "free") == 0;
    const struct serving_observer observer = {.self = s->recorded, .step = keep_step};
    struct serving_loop *loop = NULL;
    if (compute_prompts(s, why) != 0 ||
        (s->link->replays
             ? serving_replay(&loop, &options, NULL, NULL, s->recorded, why)
             : serving_open(&loop, &options, NULL, records ? &observer : NULL, why)) != 0)
        return -1;
    int status = serving_run(loop, UINT64_MAX, serve, s, why);
    serving_close(loop);
    return status;
}

/* --- what came of it ---------------------------------------------------------------------------
 */

struct answer_text {
    const uint32_t *token;
    unsigned times;
};

/* Texts of one link, as long as the process: `slower` and `replayed` are compared with `free`. */
static uint32_t *texts_of[LINKS];

static size_t distinct(const uint32_t *text, const struct size *size, struct answer_text *list) {
    size_t count = 0;
    for (unsigned i = 0; i < size->completions; i++) {
        const uint32_t *t = text + (size_t)2 * i * size->tokens;
        size_t k = 0;
        while (k < count && memcmp(list[k].token, t, size->tokens * sizeof *t) != 0)
            k++;
        if (k == count)
            list[count++] = (struct answer_text){t, 0};
        list[k].times++;
    }
    return count;
}

static int most_often(const void *a, const void *b) {
    const struct answer_text *x = a, *y = b;
    return x->times != y->times ? (x->times < y->times) - (x->times > y->times)
                                : (x->token > y->token) - (x->token < y->token);
}

/* Printable ASCII; what else there is becomes "?". `ends` (or NULL): where tokens end, "3,11,…". */
static void say_text(const struct stage *stage, const uint32_t *token, unsigned n, char *out,
                     char *ends) {
    size_t at = 0, size = 0;
    for (unsigned i = 0; i < n; i++) {
        const struct gguf_text bytes = bpe_bytes(stage->model.bpe, token[i]);
        for (size_t b = 0; b < bytes.bytes && at + 1 < TEXT_BYTES; b++) {
            const char c = bytes.at[b];
            out[at++] = c == '\n' ? ' ' : c >= ' ' && c <= '~' ? c : '?';
        }
        if (ends && bytes.bytes && size + 8 < TEXT_BYTES)
            size += (size_t)sprintf(ends + size, "%s%zu", size ? "," : "", at);
    }
    out[at] = 0;
}

static unsigned first_difference(const uint32_t *a, const uint32_t *b, unsigned n) {
    unsigned i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

static int record(struct lab_run *run, const struct server *s, struct lab_case *c) {
    const unsigned completions = s->size.completions, tokens = s->size.tokens;
    struct answer_text *list = calloc(completions + 1, sizeof(*list));
    if (!list)
        return lab_error(run, "no memory");
    const size_t count = distinct(s->text, &s->size, list);
    const uint32_t *before = texts_of[FREE];
    unsigned as_free = 0, as_alone = 0;
    for (unsigned i = 0; i < completions; i++) {
        const size_t at = (size_t)2 * i * tokens;
        as_free += before && memcmp(s->text + at, before + at, tokens * sizeof *before) == 0;
        as_alone +=
            texts_of[ALONE] && memcmp(s->text + at, texts_of[ALONE], tokens * sizeof *before) == 0;
    }
    qsort(list, count, sizeof(*list), most_often);
    stage_params(c, s->stage, s->link->rule);
    case_param_text(c, "link", s->link->name);
    case_param_int(c, "completions", completions);
    case_param_int(c, "tokens", tokens);
    case_counter(c, "distinct", (double)count);
    case_counter(c, "most frequent", list[0].times);
    case_counter(c, "as free", as_free);
    case_counter(c, "as alone", as_alone);
    case_counter(c, "rows a step", (double)s->rows / (double)s->steps);
    case_counter(c, "most rows", s->most);
    for (size_t k = 0; k < count && k < TEXTS_KEPT; k++) {
        char text[TEXT_BYTES], ends[TEXT_BYTES] = "";
        const unsigned first = first_difference(list[0].token, list[k].token, tokens);
        say_text(s->stage, list[k].token, tokens, text, ends);
        case_row(c);
        case_cell_int(c, "times", list[k].times);
        case_cell_int(c, "first difference", first);
        case_cell_text(c, "text", text);
        case_cell_text(c, "ends", ends);
        say_text(s->stage, list[k].token + first, first < tokens, text, NULL);
        case_cell_text(c, "there", text);
    }
    free(list);
    return lab_case_end(c);
}

static void close_server(struct server *s) {
    decoder_cache_close(&s->cache);
    free(s->request_of);
    free(s->generated);
    free(s->logits);
}

static int open_server(struct server *s, char *why) {
    const struct decoder *d = s->stage->model.decoder;
    const size_t requests = 2 * (size_t)s->size.completions;
    unsigned longest = 0;
    for (size_t q = 0; q < QUESTIONS; q++)
        if (s->stage->prompt[q].count > longest)
            longest = (unsigned)s->stage->prompt[q].count;
    if (decoder_cache_open(&s->cache, d, (enum decoder_rounding)s->way.plan.rounding,
                           BATCH_MOST + QUESTIONS, longest + s->size.tokens, why) != 0)
        return -1;
    s->request_of = malloc(BATCH_MOST * sizeof(*s->request_of));
    s->generated = calloc(requests, sizeof(*s->generated));
    s->text = calloc(requests * s->size.tokens, sizeof(*s->text));
    s->logits = malloc((size_t)BATCH_MOST * d->vocabulary * sizeof(*s->logits));
    snprintf(why, GGUF_WHY, "no memory for a server");
    if (!s->request_of || !s->generated || !s->text || !s->logits)
        return -1;
    for (unsigned i = 0; i < BATCH_MOST; i++)
        s->request_of[i] = -1;
    return 0;
}

/* Links after `free` need its texts and schedule: a run that goes on where another stopped makes
 * them again. */
static int run_link(struct lab_run *run, const struct stage *stage, int link,
                    struct serving_schedule *recorded, struct lab_case *c) {
    char why[GGUF_WHY > SERVING_WHY ? GGUF_WHY : SERVING_WHY];
    struct server s = {.stage = stage,
                       .way = stage_way(stage, links[link].rule),
                       .size = size_of(run, stage->model.real),
                       .link = &links[link],
                       .recorded = recorded};
    /* One alone is like the next; three are enough to see it. */
    if (links[link].alone)
        s.size.completions = 3;
    int status = open_server(&s, why) != 0 || run_server(&s, lab_seed(run), why) != 0
                     ? lab_error(run, "%s", why)
                     : 0;
    close_server(&s);
    texts_of[link] = s.text;
    if (status != 0 || !c) {
        lab_case_drop(c);
        return status;
    }
    return record(run, &s, c);
}

int sweep_load(struct lab_run *run, struct device *device) {
    const struct stage *stage = stage_of(run);
    struct serving_schedule *recorded = NULL;
    int status = 0;
    if (!stage)
        return -1;
    lab_expect(run, LINKS);
    for (int link = 0; link < LINKS && status == 0 && !lab_stopping(run); link++) {
        struct lab_case *c = lab_case_begin(run, device_id(device), "09/load/%s/link=%s",
                                            stage->model.name, links[link].name);
        if (link == FREE) {
            const struct serving_trace trace = {.seed = lab_seed(run),
                                                .prompt_mean = 8,
                                                .output_mean =
                                                    size_of(run, stage->model.real).tokens,
                                                .length_most = 4096};
            recorded = serving_schedule_new(&trace);
            status = recorded ? 0 : lab_error(run, "no memory for a schedule");
        }
        if (status == 0 && (c || link == ALONE || link == FREE))
            status = run_link(run, stage, link, recorded, c);
        else
            lab_case_drop(c);
    }
    serving_schedule_free(recorded);
    for (int link = 0; link < LINKS; link++) {
        free(texts_of[link]);
        texts_of[link] = NULL;
    }
    return status;
}

/* --- R1 ----------------------------------------------------------------------------------------
 */

static size_t link_row(const struct rows *rows, const char *link) {
    for (size_t k = 0; k < rows->count; k++)
        if (row_is(rows, k, "link", link))
            return k;
    return rows->count;
}

void check_load(const struct rows *rows, struct finding *f) {
    const size_t alone = link_row(rows, "alone"), loaded = link_row(rows, "free");
    for (int l = 0; l < LINKS; l++) {
        const size_t k = link_row(rows, links[l].name);
        if (k == rows->count)
            continue;
        finding_evidence(f, rows, k);
        finding_number(f, "1", number(row_number(rows, k, "distinct")),
                       "%s: distinct answers of %.0f", links[l].name,
                       row_number(rows, k, "completions"));
        if (links[l].alone || links[l].rule == RULE_FIXED)
            finding_control(f, answer_if(row_number(rows, k, "distinct") == 1),
                            links[l].alone ? "without a load there is one answer"
                                           : "with a fixed plan there is one answer under load");
        if (links[l].replays)
            finding_control(
                f, answer_if(row_number(rows, k, "as free") == row_number(rows, k, "completions")),
                "where the batches are replayed, every answer is the recorded one");
    }
    if (alone == rows->count || loaded == rows->count) {
        finding_not_testable(f, "it needs the question alone, and beside the load");
        return;
    }
    const double n = row_number(rows, loaded, "completions"),
                 same = row_number(rows, loaded, "as alone");
    const struct ratio other = number_share(n - same, n);
    finding_number(f, "1", other, "under load: answers that are not the one given alone");
    finding_count(f, other.value > 0 ? ANSWER_HELD : answer_above(other, 0.05), rows, loaded);
    finding_say(f,
                "under load %.0f of %.0f askings got another answer than alone; different answers "
                "under load: %.0f%s",
                n - same, n, row_number(rows, loaded, "distinct"), on_weights(rows));
    finding_settle(f, SETTLE_ALL, "");
}
