/*
 * reveal_answer.h: the answer of `nanolab reveal`, for people and for programs.
 */
#ifndef NANOLAB_TOOLS_REVEAL_ANSWER_H
#define NANOLAB_TOOLS_REVEAL_ANSWER_H

#include <jansson.h>
#include <stdio.h>

#include "harness/text.h"
#include "tools/reveal_subject.h"

/* Text of more characters is left to the drawing and to --json. */
#define TEXT_SHOWN 2000

struct reply {
    const struct subject *subject;
    const struct recovery *recovery;
    size_t n;
    enum element type, result;
    bool products;
    bool compared, equal;                     /* with the plan's own tree */
    const struct cub_plan *cub;               /* or NULL */
    struct ptx_noted launches[PTX_NOTED_MAX]; /* on a card that is not here */
    size_t launched;
    bool asked_code;
    struct code_answer code;
    char *words, *text;
    const char *hint; /* what to try, or NULL */
};

/* "x87", without what it is. */
static const char *format_name(enum recover_width width) {
    return width == RECOVER_WIDTH_X87    ? "x87"
           : width == RECOVER_WIDTH_F128 ? "f128"
                                         : recover_width_name(width);
}

/* From how many multiprocessors on each block takes one tile, so that the tree no longer changes;
 * more than the card has: it is not so here. 0: nobody knows. */
static size_t enough_sms(const struct reply *a) {
    if (!a->compared || !a->equal || !a->cub)
        return 0;
    if (a->cub->most_blocks == 1) /* whatever the card */
        return 1;
    size_t reach = cub_plan_reach(a->cub) / (size_t)a->subject->card.sms;
    return (a->n + reach - 1) / reach;
}

/* "PTX of compute_90" or "machine code of sm_90". */
static const char *rests_on(const struct reply *a, char text[64]) {
    int arch = a->launched ? a->launches[0].arch : a->subject->card.arch;
    snprintf(text, 64, "%s%d",
             a->subject->card.machine_code ? "machine code of sm_" : "PTX of compute_", arch);
    return text;
}

/* What ran, and as on what card. */
static void print_card(const struct reply *a) {
    char text[64];
    const struct subject *s = a->subject;
    printf("card     as on %s, %s: %d multiprocessor%s", s->model->model, s->model->name,
           s->card.sms, s->card.sms == 1 ? "" : "s");
    if (s->card.occupancy)
        printf(", %d block%s on each", s->card.occupancy, s->card.occupancy == 1 ? "" : "s");
    size_t enough = enough_sms(a);
    if (enough > (size_t)s->card.sms)
        printf("; their number is part of this tree");
    else if (enough > 1)
        printf("; %zu or more have this tree", enough);
    else if (enough)
        printf("; their number does not matter at this n");
    for (size_t k = 0; k < a->launched; k++)
        printf("%s%s, %u block%s of %u threads", k ? "; " : "\nlaunched ", a->launches[k].kernel,
               a->launches[k].grid[0], a->launches[k].grid[0] == 1 ? "" : "s",
               a->launches[k].block[0]);
    printf("\nrests on %s, run on the CPU: no GPU was asked\n", rests_on(a, text));
    if (a->code.inputs && !a->code.why_not[0])
        printf(
            "         %s machine code of sm_%d, which has the bits of %zu of %zu random inputs\n",
            a->code.agree == a->code.inputs ? "and" : "but NOT", s->card.arch, a->code.agree,
            a->code.inputs);
    else if (a->asked_code)
        printf("         machine code was not asked: %s\n", a->code.why_not);
}

static void print_text(const struct reply *a) {
    const struct recovery *f = a->recovery;
    bool products = a->subject->kind == SUBJECT_LIBRARY && a->products;
    fputs("target   ", stdout);
    text_print(stdout, a->subject->name);
    fputs(products ? " (dot product)\n         " : "\n         ", stdout);
    text_print(stdout, a->subject->what);
    putchar('\n');
    printf("n        %zu\n", a->n);
    if (a->subject->model)
        print_card(a);
    if (f->status != RECOVER_FOUND) {
        printf("verdict  no tree: %s\n", recover_status_name(f->status));
        printf("         %s\n", f->why);
        if (a->hint)
            printf("         %s\n", a->hint);
        printf("calls    %zu\n", f->calls);
        return;
    }
    printf("shape    %s\n", a->words ? a->words : "");
    printf("depth    %zu additions\n", tree_depth(f->tree));
    printf("rule     %s\n", f->rule);
    if (f->loses_negative_zero)
        printf("         a sum of -0 only is +0: it starts from +0\n");
    if (f->needs_aligned)
        printf(
            "         needs aligned inputs: it ends where they do not lie at a %zu-byte boundary\n",
            f->needs_aligned);
    if (f->address_matters)
        printf("         for inputs at a 64-byte boundary; at other addresses its bits differ\n");
    if (f->reads_behind || f->reads_before)
        printf("         reads beyond its inputs: it ends where the memory %s them cannot be "
               "touched\n",
               !f->reads_before   ? "behind"
               : !f->reads_behind ? "before"
                                  : "before or behind");
    if (f->remarks_missing)
        printf("         (a call at another address could not be made: %s)\n", device_error());
    printf("checks   %zu measured sizes agree with the tree, %zu fresh pairs, %zu with unequal "
           "units;\n         bits of %zu of %zu random inputs\n",
           f->rechecked, f->fresh, f->weighted, f->data_sets, f->data_sets);
    printf("calls    %zu to find the order, %zu in all\n", f->probes, f->calls);
    if (a->compared)
        printf("plan     %s the tree that %s%s\n", a->equal ? "this is" : "NOT",
               a->subject->kind == SUBJECT_PLAN ? "the plan's model has" : "CUB's source predicts",
               a->equal ? "" : ": our bug");
    if (a->text && strlen(a->text) <= TEXT_SHOWN)
        printf("tree     %s\n", a->text);
    printf("verdict  %s, %s\n", recover_status_name(f->status),
           f->reads_behind || f->reads_before ? "but it reads beyond its inputs"
                                              : "all checks passed");
}

/* --- for programs ----------------------------------------------------------------------------- */

/* An operand of an addition: ["sum", k], an earlier node; ["input", i]; ["product", i, how]: x[i] ×
 * y[i] rounded to a format, or "exact". */
static json_t *operand(const struct reply *a, tree_ref ref, const struct recover_step *step,
                       bool many) {
    const struct recover_arithmetic *how = &a->recovery->arithmetic;
    if (ref >= a->n)
        return json_pack("[s, I]", "sum", (json_int_t)(ref - a->n));
    if (!a->products)
        return json_pack("[s, I]", "input", (json_int_t)ref);
    bool exact = many ? how->whole[ref] : ref == step->whole;
    enum recover_width width = ref == step->other ? step->in : (enum recover_width)how->leaf[ref];
    return json_pack("[s, I, s]", "product", (json_int_t)ref, exact ? "exact" : format_name(width));
}

/* Addition number k: two operands are added in one format and rounded to another; more are cut
 * below 2^(E - fraction) of the largest, added exactly, and rounded once. */
static json_t *addition(const struct reply *a, size_t k) {
    const struct recovery *f = a->recovery;
    const struct recover_step *step = &f->arithmetic.step[k];
    tree_ref node = (tree_ref)(a->n + k);
    size_t count = tree_child_count(f->tree, node);
    json_t *operands = json_array();
    for (size_t c = 0; c < count; c++)
        json_array_append_new(operands, operand(a, tree_child(f->tree, node, c), step, count > 2));
    if (count == 2)
        return json_pack("{s:o, s:s, s:s}", "add", operands, "in", format_name(step->in), "to",
                         format_name(step->to));
    return json_pack(
        "{s:o, s:i, s:s, s:s}", "aligned", operands, "fraction", f->arithmetic.fraction, "rounding",
        f->arithmetic.toward_zero ? "toward zero" : "to nearest", "to", format_name(step->to));
}

/* Every member on a line, every addition too. */
static void print_object(json_t *o, const struct reply *a) {
    const char *key, *comma = "{\n";
    json_t *value;
    json_object_foreach(o, key, value) {
        printf("%s  \"%s\": ", comma, key);
        json_dumpf(value, stdout, JSON_ENCODE_ANY);
        comma = ",\n";
    }
    if (a->recovery->status == RECOVER_FOUND) {
        size_t count = a->n > 1 ? tree_root(a->recovery->tree) - a->n + 1 : 0;
        printf(",\n  \"additions\": [");
        for (size_t k = 0; k < count; k++) {
            json_t *one = addition(a, k);
            printf("%s\n    ", k ? "," : "");
            json_dumpf(one, stdout, 0);
            json_decref(one);
        }
        printf("%s]", count ? "\n  " : "");
    }
    printf("\n}\n");
}

static void add_card(json_t *o, const struct reply *a) {
    const struct subject *s = a->subject;
    char text[64];
    json_object_set_new(o, "arch", json_string(s->model->name));
    json_object_set_new(o, "multiprocessors", json_integer(s->card.sms));
    if (s->card.occupancy)
        json_object_set_new(o, "occupancy", json_integer(s->card.occupancy));
    if (enough_sms(a))
        json_object_set_new(o, "same_tree_from_multiprocessors",
                            json_integer((json_int_t)enough_sms(a)));
    json_object_set_new(o, "rests_on", json_string(rests_on(a, text)));
    if (a->asked_code)
        json_object_set_new(o, "machine_code",
                            a->code.why_not[0]
                                ? json_pack("{s:s}", "not_asked", a->code.why_not)
                                : json_pack("{s:I, s:I}", "inputs", (json_int_t)a->code.inputs,
                                            "agree", (json_int_t)a->code.agree));
    json_t *launches = json_array();
    for (size_t k = 0; k < a->launched; k++)
        json_array_append_new(launches,
                              json_pack("{s:s, s:I, s:I}", "kernel", a->launches[k].kernel,
                                        "blocks", (json_int_t)a->launches[k].grid[0], "threads",
                                        (json_int_t)a->launches[k].block[0]));
    json_object_set_new(o, "launched", launches);
}

static void add_found(json_t *o, const struct reply *a) {
    const struct recovery *f = a->recovery;
    json_object_set_new(o, "rule", json_string(f->rule));
    json_object_set_new(o, "shape", json_string(a->words ? a->words : ""));
    json_object_set_new(o, "depth", json_integer((json_int_t)tree_depth(f->tree)));
    json_object_set_new(o, "subnormals_flushed", json_boolean(f->subnormals_flushed));
    json_object_set_new(o, "loses_negative_zero", json_boolean(f->loses_negative_zero));
    json_object_set_new(o, "address_matters", json_boolean(f->address_matters));
    json_object_set_new(o, "needs_aligned", json_integer((json_int_t)f->needs_aligned));
    json_object_set_new(o, "reads_behind", json_boolean(f->reads_behind));
    json_object_set_new(o, "reads_before", json_boolean(f->reads_before));
    json_object_set_new(o, "remarks_missing", json_boolean(f->remarks_missing));
    if (a->compared)
        json_object_set_new(o, "equals_plan", json_boolean(a->equal));
    json_object_set_new(o, "tree", json_string(a->text ? a->text : ""));
    json_object_set_new(o, "inputs", json_string(element_word(a->type)));
    json_object_set_new(o, "result", json_string(element_word(a->result)));
    json_object_set_new(o, "products", json_boolean(a->products));
    /* How each input (or product) is rounded before anything else, if it is. */
    json_t *entering = json_array();
    for (size_t i = 0; i < a->n; i++)
        json_array_append_new(entering,
                              json_string(format_name((enum recover_width)f->arithmetic.leaf[i])));
    json_object_set_new(o, "entering_as", entering);
}

static void print_json(const struct reply *a) {
    const struct recovery *f = a->recovery;
    json_t *o = json_object();
    json_object_set_new(o, "target", text_json(a->subject->name));
    json_object_set_new(o, "what", text_json(a->subject->what));
    json_t *more = json_pack(
        "{s:s, s:I, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "device",
        a->subject->card.machine_code ? "sass" : device_kind_name(a->subject->device_kind), "n",
        (json_int_t)a->n, "verdict", recover_status_name(f->status), "found",
        f->status == RECOVER_FOUND, "probes", (json_int_t)f->probes, "calls", (json_int_t)f->calls,
        "rechecked", (json_int_t)f->rechecked, "fresh", (json_int_t)f->fresh, "weighted",
        (json_int_t)f->weighted, "data_sets", (json_int_t)f->data_sets);
    json_object_update(o, more);
    json_decref(more);
    if (a->subject->model)
        add_card(o, a);
    if (f->status == RECOVER_FOUND)
        add_found(o, a);
    else
        json_object_set_new(o, "why", json_string(f->why));
    if (a->hint)
        json_object_set_new(o, "hint", json_string(a->hint));
    print_object(o, a);
    json_decref(o);
}

#endif
