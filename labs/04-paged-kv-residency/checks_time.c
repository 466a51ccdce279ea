/*
 * checks_time.c: K2, K3 and K7, judged from the recorded cases. (K4, what scatter costs:
 * checks_scatter.c.) Ratios are of speeds, paired, with 95 % intervals; texts give times, so the
 * inverse.
 */
#include <stdio.h>
#include <string.h>

#include "labs/04-paged-kv-residency/contest.h"

#define MIB 1048576.0

static int not_testable(struct finding *finding, const char *reason) {
    finding->verdict = VERDICT_NOT_TESTABLE;
    snprintf(finding->reason, sizeof finding->reason, "%s", reason);
    return 0;
}

static const char no_time[] = "no times were recorded on this device; run with --device cpu or "
                              "cuda";

static const char *id_of(const json_t *record) {
    const char *id = json_string_value(json_object_get(record, "id"));
    return id ? id : "";
}

/* --- K2 ----------------------------------------------------------------------------------------
 *
 * Refuting result: already with one query per KV head, a step takes much longer than the gather of
 * the same bytes (its arithmetic costs time of its own), and is no faster per byte when the cache
 * holds them (memory is not what it waits for).
 */

struct group {
    char id[240];
    double queries, flops_per_byte;
    struct ratio gather, cache; /* speed in memory over the gather's, and over its own in cache */
};

struct groups {
    struct group of[8];
    size_t count;
};

static int take_group(void *context, const json_t *record) {
    struct groups *groups = context;
    struct group *g = &groups->of[groups->count];
    if (groups->count == 8 || ratio_read(record, "over gather", &g->gather) != 0 ||
        ratio_read(record, "over in cache", &g->cache) != 0)
        return 0;
    snprintf(g->id, sizeof g->id, "%s", id_of(record));
    g->queries = case_number(record, "params", "group");
    g->flops_per_byte =
        case_number(record, "params", "flops") / case_number(record, "params", "bytes");
    groups->count++;
    return 0;
}

static enum bound bound_of(const struct group *g) {
    return bound_by(&g->gather, &g->cache);
}

static const char *const bound_words[] = {"memory", "arithmetic", "both", "not settled"};

static int say_roof(void *context, const json_t *record) {
    struct ratio roof;
    const char *op = case_text(record, "params", "op"), *map = case_text(record, "params", "map");
    if (op && map && strcmp(op, "attention") == 0 &&
        ratio_read(record, "roof fraction", &roof) == 0)
        text_add(context, 120, "%s%s %.2f", *(char *)context ? ", " : "", map, roof.value);
    return 0;
}

/* Which groups are bound by what, in the order they were measured: "memory with 1 and 2, both with
 * 4 and 8 queries per KV head". */
static void say_range(const struct groups *groups, const char *element, struct finding *finding) {
    char *range = finding->range;
    size_t size = sizeof finding->range;
    text_add(range, size, "%s%s:", *range ? "; " : "", element);
    for (size_t k = 0; k < groups->count; k++) {
        const struct group *g = &groups->of[k];
        if (k == 0 || bound_of(g) != bound_of(g - 1))
            text_add(range, size, "%s %s with %.0f", k ? "," : "", bound_words[bound_of(g)],
                     g->queries);
        else
            text_add(range, size, " and %.0f", g->queries);
    }
    text_add(range, size, " queries per KV head");
}

static void say_groups(const struct groups *groups, const char *element, const char *roof,
                       struct finding *finding) {
    char *text = finding->statement;
    size_t size = sizeof finding->statement;
    text_add(text, size, "%s%s: with", *text ? "; " : "", element);
    for (size_t k = 0; k < groups->count; k++)
        text_add(text, size, "%s%.0f", k ? "/" : " ", groups->of[k].queries);
    text_add(text, size, " queries per KV head a step takes ");
    for (size_t k = 0; k < groups->count; k++)
        text_add(text, size, "%s%.2f", k ? "/" : "", 1 / groups->of[k].gather.value);
    text_add(text, size, " times as long as reading its bytes, and runs ");
    for (size_t k = 0; k < groups->count; k++)
        text_add(text, size, "%s%.2f", k ? "/" : "", 1 / groups->of[k].cache.value);
    text_add(text, size, " times as fast in cache");
    if (*roof)
        text_add(text, size, "; of the read roof: %s", roof);
}

int check_bound(struct lab_run *run, const char *device_id, struct finding *finding) {
    static const char *const elements[] = {"f32", "bf16"};
    size_t refuted = 0, judged = 0;
    for (size_t e = 0; e < 2; e++) {
        struct groups groups = {.count = 0};
        char prefix[60], roof[120] = "";
        snprintf(prefix, sizeof prefix, "04/decode/group/%s/", elements[e]);
        lab_cases(run, prefix, device_id, take_group, &groups);
        snprintf(prefix, sizeof prefix, "04/decode/roof/%s/", elements[e]);
        lab_cases(run, prefix, device_id, say_roof, roof);
        if (groups.count == 0)
            continue;
        judged++;
        refuted += bound_of(&groups.of[0]) == BY_ARITHMETIC;
        for (size_t k = 0; k < groups.count; k++) {
            finding->checked++;
            finding->held += bound_of(&groups.of[k]) == BY_MEMORY;
            finding_evidence(finding, groups.of[k].id);
        }
        say_groups(&groups, elements[e], roof, finding);
        say_range(&groups, elements[e], finding);
    }
    if (judged == 0)
        return not_testable(finding, no_time);
    finding->verdict = refuted == judged                   ? VERDICT_REFUTED
                       : finding->held == finding->checked ? VERDICT_CONFIRMED
                                                           : VERDICT_BOUNDED;
    if (finding->verdict != VERDICT_BOUNDED)
        *finding->range = '\0';
    return 0;
}

/* --- K3 ----------------------------------------------------------------------------------------
 *
 * Refuting result: a step takes no longer after four times the last-level cache was streamed
 * through it than after nothing was.
 */

#define STREAMS_MOST 16
#define STREAM_SIZES 2

/* One size of the KV cache, by what was streamed, ascending. */
struct stream {
    double kv, bytes[STREAMS_MOST];
    struct ratio speeds[STREAMS_MOST]; /* over nothing streamed */
    size_t count;
    char last_id[240];
};

struct streams {
    struct stream of[STREAM_SIZES];
    size_t count;
};

static int take_stream(void *context, const json_t *record) {
    struct streams *streams = context;
    struct ratio speed;
    double kv = case_number(record, "params", "bytes");
    size_t k = 0;
    if (ratio_read(record, "over nothing streamed", &speed) != 0)
        return 0;
    while (k < streams->count && streams->of[k].kv != kv)
        k++;
    if (k == STREAM_SIZES || streams->of[k].count == STREAMS_MOST)
        return 0;
    struct stream *s = &streams->of[k];
    streams->count += k == streams->count;
    s->kv = kv;
    s->bytes[s->count] = case_number(record, "params", "read before");
    s->speeds[s->count++] = speed;
    snprintf(s->last_id, sizeof s->last_id, "%s", id_of(record));
    return 0;
}

/* True if it slows down. */
static bool judge_stream(const struct stream *s, struct finding *finding) {
    size_t last = s->count - 1, knee = stream_knee(s->speeds, s->count);
    bool slower = knee < s->count;
    finding->checked += 1 + last;
    finding->held += slower + stream_monotone(s->speeds, s->count);
    finding_evidence(finding, s->last_id);
    text_add(
        finding->statement, sizeof finding->statement,
        "%s%.0f MiB of keys and values: after reading %.0f MiB of other memory a step takes %.2f "
        "times as long (95 %% in %.2f to %.2f)",
        *finding->statement ? "; " : "", s->kv / MIB, s->bytes[last] / MIB,
        1 / s->speeds[last].value, 1 / s->speeds[last].high, 1 / s->speeds[last].low);
    if (slower && knee > 0)
        text_add(finding->statement, sizeof finding->statement,
                 ", half of the rise between %.0f and %.0f MiB", s->bytes[knee - 1] / MIB,
                 s->bytes[knee] / MIB);
    else if (slower)
        text_add(finding->statement, sizeof finding->statement, ", half of the rise by %.0f MiB",
                 s->bytes[knee] / MIB);
    return slower;
}

int check_residency(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct streams streams = {.count = 0};
    size_t slower = 0;
    lab_cases(run, "04/stream/", device_id, take_stream, &streams);
    if (streams.count == 0)
        return not_testable(finding, no_time);
    for (size_t k = 0; k < streams.count; k++)
        slower += judge_stream(&streams.of[k], finding);
    bool monotone = finding->held == finding->checked;
    finding->verdict = slower == 0 ? VERDICT_REFUTED
                       : monotone  ? VERDICT_CONFIRMED
                                   : VERDICT_BOUNDED;
    if (finding->verdict == VERDICT_BOUNDED)
        snprintf(finding->range, sizeof finding->range,
                 slower == streams.count ? "at the largest amounts streamed; between them it is "
                                           "not monotone"
                                         : "for one of the sizes of the KV cache");
    return 0;
}

/* --- K7 ----------------------------------------------------------------------------------------
 *
 * "Pressure leads to spills" at run time would show as registers or local bytes that change with
 * residency. If they are the same numbers warm and cold while the step's time differs, the compiler
 * has fixed them: the claim is refuted as stated.
 */

struct spills {
    struct finding *finding;
    char plan[PLAN_TEXT];
    double registers, local;
    size_t pairs, changed, slower;
    char text[400];
};

static int take_resources(void *context, const json_t *record) {
    struct spills *s = context;
    const char *plan = case_text(record, "params", "plan");
    const char *state = case_text(record, "params", "state");
    double registers = case_number(record, "counters", "registers per thread");
    double local = case_number(record, "counters", "local bytes per thread");
    if (!plan || !state)
        return 0;
    finding_evidence(s->finding, id_of(record));
    if (strcmp(state, "warm") == 0) {
        snprintf(s->plan, sizeof s->plan, "%s", plan);
        s->registers = registers;
        s->local = local;
        return 0;
    }
    if (strcmp(plan, s->plan) != 0)
        return 0;
    s->pairs++;
    s->changed += registers != s->registers || local != s->local;
    text_add(s->text, sizeof s->text, "%s%s: %.0f registers, %.0f bytes spilled",
             *s->text ? "; " : "", plan, registers, local);
    return 0;
}

static int take_slower(void *context, const json_t *record) {
    struct spills *s = context;
    struct ratio speed;
    if (ratio_read(record, "over warm", &speed) == 0)
        s->slower += speed.high < 1;
    return 0;
}

int check_spills(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct spills s = {.finding = finding};
    lab_cases(run, "04/resources/", device_id, take_resources, &s);
    lab_cases(run, "04/resources/", device_id, take_slower, &s);
    if (s.pairs == 0)
        return not_testable(finding, "registers and spills are those of GPU kernels, as a driver "
                                     "reports them; needs a GPU (--device cuda)");
    finding->checked = s.pairs;
    finding->held = s.changed;
    finding->verdict = s.changed ? VERDICT_CONFIRMED : VERDICT_REFUTED;
    if (!s.changed && s.slower == 0) {
        /* Nothing changed, so nothing was put to the test. */
        finding->verdict = VERDICT_BOUNDED;
        snprintf(finding->range, sizeof finding->range,
                 "no step was slower cold than warm here, so that there was no pressure to see");
    }
    snprintf(finding->statement, sizeof finding->statement,
             "registers and spills are constants of the binary: the same warm and cold for %zu of "
             "%zu kernels, while %zu of them took longer cold (%s)",
             s.pairs - s.changed, s.pairs, s.slower, s.text);
    return 0;
}
