/*
 * compare_question_tree.c: the order of additions that a case's plan stands for, from the families
 * that define plans (compare_question.h).
 */
#include "harness/compare/compare_question.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/sum/sum.h"
#include "kernels/sum/sum_cpu.h"
#include "kernels/tree/tree.h"

const char *compare_plan_of(const char *id, char out[COMPARE_PLAN_BYTES]) {
    static const char mark[] = "/plan=";
    const char *at = strstr(id, mark);
    size_t length = at ? strcspn(at + sizeof mark - 1, "/") : 0;
    out[0] = '\0';
    if (length > 0 && length < COMPARE_PLAN_BYTES)
        snprintf(out, COMPARE_PLAN_BYTES, "%.*s", (int)length, at + sizeof mark - 1);
    return out;
}

/* A plan's text says everything: one that is not what is made of it again is another program's. */
static struct tree *gpu_tree(const char *text, size_t n) {
    struct sum_plan plan;
    char why[SUM_WHY], again[SUM_TEXT];
    if (sum_plan_parse(text, &plan, why) != 0 || strcmp(sum_plan_text(&plan, again), text) != 0)
        return NULL;
    return sum_tree(&plan, n);
}

static struct tree *cpu_tree(const char *text, size_t n) {
    struct sum_cpu_plan plan;
    char why[SUM_WHY], again[SUM_TEXT];
    if (sum_cpu_plan_parse(text, &plan, why) != 0 ||
        strcmp(sum_cpu_plan_text(&plan, again), text) != 0 || sum_cpu_plan_check(&plan, NULL) != 0)
        return NULL;
    return sum_cpu_tree(&plan, n);
}

char *compare_plan_tree(const char *plan, size_t n) {
    if (n < 3 || n > COMPARE_PREDICTED || !*plan)
        return NULL;
    struct tree *tree = gpu_tree(plan, n);
    if (!tree)
        tree = cpu_tree(plan, n);
    char *text = tree ? tree_text(tree) : NULL;
    tree_free(tree);
    return text;
}

size_t compare_case_inputs(const struct compare_case *c) {
    const char *at = strstr(c->id, "/n="), *text = at ? at + 3 : NULL;
    char *end;
    if (!text)
        text = compare_settings_param(c->settings, "n");
    if (!text || *text < '1' || *text > '9')
        return 0;
    unsigned long long n = strtoull(text, &end, 10);
    return (*end == '\0' || *end == '/') && n < SIZE_MAX ? (size_t)n : 0;
}

static char *tree_of(const struct compare_case *c) {
    char plan[COMPARE_PLAN_BYTES];
    return compare_plan_tree(compare_plan_of(c->id, plan), compare_case_inputs(c));
}

uint64_t compare_case_tree(const struct compare_case *c) {
    char *text = tree_of(c);
    uint64_t hash = COMPARE_HASH;
    if (!text)
        return 0;
    compare_hash_text(&hash, text);
    free(text);
    return hash ? hash : 1;
}

int compare_two_trees(const struct compare_two *two, struct compare_trees *out) {
    char *a = two->first ? tree_of(two->first) : NULL;
    char *b = two->second ? tree_of(two->second) : NULL;
    int status = a && b ? compare_trees(a, b, out) : 1;
    free(a);
    free(b);
    return status;
}
