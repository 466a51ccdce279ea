/*
 * checks_scatter.c: K4, what scattered blocks cost, where, and whether the page size is why.
 *
 * Refuting result: with every block size, page size and width the permuted map reads its bytes as
 * fast as the identity map does, to within a few percent, in the same rounds.
 *
 * Translation is named as the cause only where changing the page size alone changes the cost of the
 * same map, beyond both intervals, and where pointer chases say so as well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/04-paged-kv-residency/contest.h"

#define SCATTERS_MOST 96

/* A scattered gather, compared with the identity map over the same pages. */
struct scatter {
    char id[240], width[12], map[24], pages[8];
    double block, block_bytes;
    struct ratio speed;
};

struct scatters {
    struct scatter of[SCATTERS_MOST];
    size_t count;
};

static void copy(char *to, size_t size, const char *from) {
    snprintf(to, size, "%s", from ? from : "?");
}

/* "04/gather/block/WIDTH/…": permuted gathers, block by block. */
static int take(void *context, const json_t *record) {
    struct scatters *all = context;
    struct scatter *s = &all->of[all->count];
    const char *id = json_string_value(json_object_get(record, "id"));
    const char *op = case_text(record, "params", "op");
    if (all->count == SCATTERS_MOST || !id || !op || strcmp(op, "gather") != 0 ||
        ratio_read(record, "over identity", &s->speed) != 0)
        return 0;
    copy(s->id, sizeof s->id, id);
    copy(s->width, sizeof s->width, strstr(id, "/narrow/") ? "narrow" : "wide");
    copy(s->map, sizeof s->map, case_text(record, "params", "map"));
    copy(s->pages, sizeof s->pages, case_text(record, "params", "pages"));
    s->block = case_number(record, "params", "block");
    s->block_bytes = case_number(record, "params", "block bytes");
    all->count++;
    return 0;
}

static void size_text(double bytes, char text[24]) {
    if (bytes >= 1048576)
        snprintf(text, 24, "%.4g MiB", bytes / 1048576);
    else if (bytes >= 1024)
        snprintf(text, 24, "%.4g KiB", bytes / 1024);
    else
        snprintf(text, 24, "%.0f bytes", bytes);
}

static const char *pages_text(const struct scatter *s) {
    return strcmp(s->pages, "4k") == 0   ? "4 KiB pages"
           : strcmp(s->pages, "2m") == 0 ? "2 MiB pages"
                                         : "the device's pages";
}

static int by_pages_and_bytes(const void *a, const void *b) {
    const struct scatter *x = a, *y = b;
    int pages = strcmp(x->pages, y->pages);
    return pages                              ? pages
           : x->block_bytes != y->block_bytes ? (x->block_bytes > y->block_bytes ? 1 : -1)
                                              : strcmp(x->id, y->id);
}

/* The cost at each block's contiguous bytes, by page size. Two costs of the same bytes are the two
 * widths. */
static void say_blocks(const struct scatters *all, struct finding *finding) {
    char *text = finding->statement, bytes[24];
    size_t size = sizeof finding->statement;
    text_add(text, size,
             "permuted over identity, by contiguous bytes of keys in a block (twice: one head "
             "of bf16, eight of f32)");
    for (size_t k = 0; k < all->count; k++) {
        const struct scatter *s = &all->of[k], *before = k ? s - 1 : NULL;
        bool other_pages = !before || strcmp(before->pages, s->pages) != 0;
        size_text(s->block_bytes, bytes);
        if (other_pages)
            text_add(text, size, "; %s: %s ", pages_text(s), bytes);
        else if (before->block_bytes == s->block_bytes)
            text_add(text, size, " and ");
        else
            text_add(text, size, ", %s ", bytes);
        text_add(text, size, "x%.2f", 1 / s->speed.value);
    }
}

static void say_range(const struct scatters *all, size_t costs, struct finding *finding) {
    char bytes[24];
    double largest[2] = {0, 0};
    const char *pages[2] = {NULL, NULL};
    if (costs == 0) {
        text_add(finding->range, sizeof finding->range,
                 "not shown anywhere; whatever there is lies within the intervals");
        return;
    }
    for (size_t k = 0; k < all->count; k++) {
        const struct scatter *s = &all->of[k];
        size_t side = pages[0] && strcmp(pages[0], s->pages) != 0;
        pages[side] = s->pages;
        if (scatter_cost(&s->speed) == COSTS && s->block_bytes > largest[side])
            largest[side] = s->block_bytes;
    }
    for (size_t side = 0; side < 2 && pages[side]; side++) {
        size_text(largest[side], bytes);
        text_add(finding->range, sizeof finding->range, "%s%s%s in %s", side ? "; " : "",
                 largest[side] > 0 ? "blocks of up to " : "none", largest[side] > 0 ? bytes : "",
                 strcmp(pages[side], "4k") == 0   ? "4 KiB pages"
                 : strcmp(pages[side], "2m") == 0 ? "2 MiB pages"
                                                  : "the device's pages");
    }
}

/* --- the cause ---------------------------------------------------------------------------------
 */

/* Where the same map costs more in 4 KiB pages, beyond both intervals; of `pairs` compared. */
static size_t page_size_matters(const struct scatters *all, size_t *pairs,
                                const struct scatter **most) {
    size_t count = 0;
    double gap = 0;
    *pairs = 0;
    for (size_t k = 0; k < all->count; k++)
        for (size_t j = 0; j < all->count; j++) {
            const struct scatter *small = &all->of[k], *huge = &all->of[j];
            if (strcmp(small->pages, "4k") != 0 || strcmp(huge->pages, "2m") != 0 ||
                strcmp(small->width, huge->width) != 0 || small->block != huge->block)
                continue;
            ++*pairs;
            if (!pages_part(&small->speed, &huge->speed))
                continue;
            count++;
            if (huge->speed.value - small->speed.value > gap) {
                gap = huge->speed.value - small->speed.value;
                *most = small;
            }
        }
    return count;
}

static void say_cause(struct lab_run *run, const char *device_id, const struct scatters *all,
                      struct finding *finding) {
    const struct scatter *most = NULL;
    char chases[300] = "", bytes[24];
    size_t pairs, matters = page_size_matters(all, &pairs, &most);
    if (pairs == 0)
        return;
    if (matters == 0) {
        text_add(
            finding->statement, sizeof finding->statement,
            "; the page size alone changes none of %zu costs beyond the intervals: translation is "
            "not shown to be the cause",
            pairs);
        return;
    }
    size_text(most->block_bytes, bytes);
    text_add(finding->statement, sizeof finding->statement,
             "; the page size alone changes %zu of %zu costs, most at %s", matters, pairs, bytes);
    if (knee_is_translation(run, device_id, chases, sizeof chases))
        text_add(finding->statement, sizeof finding->statement,
                 ", and pointer chases agree that it is address translation: %s", chases);
}

int check_scatter(struct lab_run *run, const char *device_id, struct finding *finding) {
    struct scatters *all = calloc(1, sizeof *all);
    size_t costs = 0, open = 0;
    if (!all)
        return lab_error(run, "out of memory");
    lab_cases(run, "04/gather/block/", device_id, take, all);
    if (all->count == 0) {
        free(all);
        finding->verdict = VERDICT_NOT_TESTABLE;
        snprintf(finding->reason, sizeof finding->reason,
                 "no times were recorded on %s; run with --device cpu or cuda", device_id);
        return 0;
    }
    qsort(all->of, all->count, sizeof *all->of, by_pages_and_bytes);
    for (size_t k = 0; k < all->count; k++) {
        enum cost cost = scatter_cost(&all->of[k].speed);
        costs += cost == COSTS;
        open += cost == OPEN;
        finding_evidence(finding, all->of[k].id);
    }
    finding->checked = all->count;
    finding->held = costs;
    finding->verdict = costs == all->count       ? VERDICT_CONFIRMED
                       : costs == 0 && open == 0 ? VERDICT_REFUTED
                                                 : VERDICT_BOUNDED;
    say_blocks(all, finding);
    if (finding->verdict == VERDICT_BOUNDED)
        say_range(all, costs, finding);
    say_cause(run, device_id, all, finding);
    free(all);
    return 0;
}
