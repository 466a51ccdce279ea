/*
 * compare_code_text.c: what a comparison says of code and of changes in how was measured, on a
 * terminal, on its page and as JSON.
 */
#include <string.h>

#include "harness/compare/compare_code_text.h"
#include "harness/page/escape.h"
#include "harness/text.h"

#define LISTED 10      /* kernels and labs in a sentence; --json has all */
#define CASE_KERNELS 8 /* in a case's line */

/* A stranger's name, as the place wants it. */
static void name(FILE *to, const char *text, bool page) {
    if (page)
        escape_inline(to, text);
    else
        text_print(to, text);
}

static void lab_names(const struct compare *c, FILE *to, bool page) {
    size_t n = json_array_size(c->other_code);
    for (size_t k = 0; k < n && k < LISTED; k++) {
        fputs(k ? ", " : "", to);
        name(to, json_string_value(json_array_get(c->other_code, k)), page);
    }
    if (n > LISTED)
        fprintf(to, " and %zu more", n - LISTED);
}

static void kernel_names(const struct compare *c, FILE *to, bool page) {
    size_t n = json_array_size(c->other_kernels);
    for (size_t k = 0; k < n && k < LISTED; k++) {
        const json_t *one = json_array_get(c->other_kernels, k);
        fputs(k ? ", " : "", to);
        name(to, json_string_value(json_object_get(one, "kernel")), page);
        fprintf(to, " (%lld)", (long long)json_integer_value(json_object_get(one, "cases")));
    }
    if (n > LISTED)
        fprintf(to, " and %zu more", n - LISTED);
}

static void say_code(const struct compare *c, const char *side, FILE *to, bool page) {
    const size_t *code = c->code;
    const char *bold = page ? "**" : "", *end = page ? "\n\n" : "\n";
    if (c->same_code)
        fprintf(to,
                "%sThe same machine code on A and %s:%s what differs is the machine, or what else "
                "it did.%s",
                bold, side, bold, end);
    if (c->same_code || c->count == 0)
        return;
    if (code[COMPARE_CODE_DIFFERS] > 0) {
        fprintf(to, "%sOther machine code on %s in %zu of %zu cases%s", bold, side,
                code[COMPARE_CODE_DIFFERS], c->count, bold);
        if (code[COMPARE_CODE_EQUAL] > 0)
            fprintf(to, ", the same in %zu", code[COMPARE_CODE_EQUAL]);
        if (code[COMPARE_CODE_UNKNOWN] > 0)
            fprintf(to, ", not recorded in %zu", code[COMPARE_CODE_UNKNOWN]);
        fputs(". Kernels, with how many cases run them: ", to);
        kernel_names(c, to, page);
        fprintf(to, ".%s", end);
    } else if (code[COMPARE_CODE_EQUAL] > 0) {
        fprintf(to,
                "%sThe same machine code on A and %s in %zu of %zu cases%s, not recorded in the "
                "others.%s",
                bold, side, code[COMPARE_CODE_EQUAL], c->count, bold, end);
    }
    if (code[COMPARE_CODE_UNKNOWN] > 0 && json_array_size(c->other_code) > 0) {
        fprintf(to, "%sOther executables on %s:%s ", bold, side, bold);
        lab_names(c, to, page);
        fprintf(to, ".%s", end);
    }
}

static void say_change(const struct compare_change *one, const char *side, FILE *to, bool page) {
    const size_t *cases = one->cases;
    fputs(page ? "- " : "", to);
    if (cases[0] > 0 && cases[1] > 0)
        fprintf(to, "A and %s, %zu and %zu cases, ", side, cases[0], cases[1]);
    else
        fprintf(to, "%s, %zu case%s, ", cases[0] > 0 ? "A" : side, cases[0] + cases[1],
                cases[0] + cases[1] == 1 ? "" : "s");
    fprintf(to, "measured before: %s (%s, %s)\n", one->change->what, one->change->version,
            one->change->date);
}

/* What both were measured before in the same cases does not tell them apart: one line is enough for
 * all of it. */
static void say_changes(const struct compare *c, const char *side, FILE *to, bool page) {
    size_t said = 0, alike = 0, most = 0;
    for (size_t k = 0; k < c->change_count; k++) {
        const size_t *cases = c->changes[k].cases;
        if (cases[0] + cases[1] == 0)
            continue;
        if (cases[0] == cases[1]) {
            alike++;
            most = cases[0] > most ? cases[0] : most;
            continue;
        }
        say_change(&c->changes[k], side, to, page);
        said++;
    }
    if (alike > 0 && said > 0 && page)
        fputc('\n', to); /* no item of the list */
    if (alike > 0)
        fprintf(to,
                "Both were measured before %zu change%s in how something is measured, in up to %zu "
                "cases; %s names them.\n",
                alike, alike == 1 ? "" : "s", most, page ? "`--json`" : "--json");
    if (said + alike > 0 && page)
        fputc('\n', to);
}

void compare_code_print(const struct compare *c, FILE *to) {
    say_code(c, "B", to, false);
    say_changes(c, "B", to, false);
}

void compare_code_markdown(const struct compare *c, const char *side, FILE *to) {
    say_code(c, side, to, true);
    say_changes(c, side, to, true);
}

/* --- JSON --------------------------------------------------------------------------------------
 */

json_t *compare_code_json(const struct compare *c) {
    return json_pack("{s:I, s:I, s:I, s:O?}", "equal", (json_int_t)c->code[COMPARE_CODE_EQUAL],
                     "differ", (json_int_t)c->code[COMPARE_CODE_DIFFERS], "unknown",
                     (json_int_t)c->code[COMPARE_CODE_UNKNOWN], "kernels", c->other_kernels);
}

json_t *compare_changes_json(const struct compare *c) {
    json_t *list = json_array();
    for (size_t k = 0; k < c->change_count; k++) {
        const struct build_change *change = c->changes[k].change;
        const size_t *cases = c->changes[k].cases;
        if (cases[0] + cases[1] > 0)
            json_array_append_new(list, json_pack("{s:I, s:s, s:s, s:s, s:s, s:[I, I]}", "number",
                                                  (json_int_t)k + 1, "cases", change->cases,
                                                  "version", change->version, "date", change->date,
                                                  "what", change->what, "counts",
                                                  (json_int_t)cases[0], (json_int_t)cases[1]));
    }
    return list;
}

int compare_code_case_json(const struct compare *c, const struct compare_pair *p, json_t *into) {
    const json_t *other = compare_code_other(c, p);
    json_t *before = NULL;
    int status = json_object_set_new(into, "code",
                                     json_string(compare_code_name((enum compare_code)p->code)));
    if (other) {
        json_t *some = json_array();
        for (size_t k = 0; k < json_array_size(other) && k < CASE_KERNELS; k++)
            json_array_append(some, json_array_get(other, k));
        status |= json_object_set_new(into, "kernels", some);
    }
    for (size_t k = 0; k < c->change_count; k++)
        for (int side = 0; side < 2; side++) {
            if (!compare_code_before(c, side == 0 ? p->first : p->second, side, k))
                continue;
            if (!before)
                before = json_pack("[[], []]");
            status |= json_array_append_new(json_array_get(before, (size_t)side),
                                            json_integer((json_int_t)k + 1));
        }
    if (before)
        status |= json_object_set_new(into, "measured_before", before);
    return status;
}
