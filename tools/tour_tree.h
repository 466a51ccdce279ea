/*
 * tour_tree.h: the step of the tour that finds the order in which a sum adds from its results
 * alone, of a kernel and of a library of this machine. Part of tour.c.
 */
#ifndef NANOLAB_TOOLS_TOUR_TREE_H
#define NANOLAB_TOOLS_TOUR_TREE_H

#include "tools/tour_sums.h"

enum { TREE_N = 16, LIBRARY_N = 100 };

/* The tree says which bits other numbers must give: asked of the function itself. */
static int try_tree(struct tour *t, const struct recover_target *target,
                    const struct recovery *found, size_t n, const char *name) {
    float x[LIBRARY_N], y[LIBRARY_N];
    double wide_x[LIBRARY_N], wide_y[LIBRARY_N], expected = 0, result = 0;
    struct data_options options = {.seed = t->seed + 1}, others = {.seed = t->seed + 2};
    if (data_fill(DATA_NORMAL, ELEMENT_F32, &options, x, n) != 0 ||
        data_fill(DATA_NORMAL, ELEMENT_F32, &others, y, n) != 0)
        return device_fail("out of memory; close other programs");
    for (size_t k = 0; k < n; k++) {
        wide_x[k] = x[k];
        wide_y[k] = y[k];
    }
    if (recovery_value(found, target, wide_x, target->dot ? wide_y : NULL, &expected) != 0)
        return device_fail("out of memory; close other programs");
    int status = target->dot ? target->dot(target->context, x, y, n, &result)
                             : target->sum(target->context, x, n, &result);
    if (status != 0)
        return -1;
    float values[2] = {(float)expected, (float)result};
    uint32_t bits[2];
    memcpy(bits, values, sizeof bits);
    compare_bits(t, name, foretold(t, bits[0]), bits[1], 8);
    put(t, "\n");
    return 0;
}

static void draw_tree(struct tour *t, const struct tree *tree) {
    char *text = NULL, *brackets = tree_text(tree), *words = tree_words(tree);
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int status = out ? tree_write_lines(tree, out, 2, t->screen.width, t->screen.utf8) : -1;
    if (out && fclose(out) != 0)
        status = -1;
    if (status == 0 && text && !t->plain) {
        put(t, text);
        put(t, "\n");
    } else if (brackets)
        say(t, "%s", brackets);
    if (words)
        say(t, "In words: %s, %zu additions deep.", words, tree_depth(tree));
    free(words);
    free(brackets);
    free(text);
}

/* --- a kernel ----------------------------------------------------------------------------------
 */

static int study_kernel(struct tour *t, const struct recover_target *target,
                        const struct sum_variant *variant) {
    struct recover_options options = {.seed = t->seed};
    struct recovery found = {0};
    if (recover(target, TREE_N, &options, &found) != 0)
        return device_fail("%s", found.why);
    if (found.status != RECOVER_FOUND) {
        recovery_free(&found);
        return device_fail("the kernel's tree was not found: %s", found.why);
    }
    say(t,
        "A kernel that adds %d numbers was called %zu times with numbers of our choice, and nobody "
        "looked into it. The tree behind its results:",
        TREE_N, found.calls);
    draw_tree(t, found.tree);
    struct tree *own = sum_variant_tree(variant, TREE_N);
    bool equal = own && tree_equal(own, found.tree);
    say(t, equal ? "That is the tree that the kernel's source has."
                 : "That is NOT the tree that the kernel's source has: our bug.");
    t->predicted++;
    t->broken += !equal;
    tree_free(own);
    say(t, "So the tree says what the kernel must give for other numbers, to the bit:");
    int status = try_tree(t, target, &found, TREE_N, "kernel");
    recovery_free(&found);
    return status;
}

static int kernel_tree(struct tour *t) {
    struct recover_target target = {0};
    struct sum_variant variant = {0};
    char why[SUM_WHY];
    if (sum_variant_parse("f32.v1.i1.b32", DEVICE_SIMT, &variant, why) != 0)
        return device_fail("%s", why);
    int status = plan_target_open(&target, &variant, TREE_N, t->simt);
    if (status == 0)
        status = study_kernel(t, &target, &variant);
    plan_target_close(&target);
    return status;
}

/* --- a library ---------------------------------------------------------------------------------
 */

#define LIBRARY "openblas-sdot"

static int study_library(struct tour *t, const struct recover_target *target, const char *version) {
    struct recover_options options = {.seed = t->seed};
    struct recovery found = {0};
    if (recover(target, LIBRARY_N, &options, &found) != 0)
        return device_fail("%s", found.why);
    char *words = found.tree ? tree_words(found.tree) : NULL;
    if (found.status == RECOVER_FOUND) {
        say(t, "The tree of %s, for %d products: %s; %zu additions deep.", version, LIBRARY_N,
            words ? words : "?", tree_depth(found.tree));
        say(t, "On another processor the same library chooses another tree, and other last bits.");
    } else
        say(t, "%s has no tree that could be told: %s.", version, found.why);
    int status =
        found.status == RECOVER_FOUND ? try_tree(t, target, &found, LIBRARY_N, "library") : 0;
    free(words);
    recovery_free(&found);
    return status;
}

static int library_tree(struct tour *t) {
    const struct tree_target *library = tree_target_named(LIBRARY);
    struct recover_target target = {0};
    char version[160] = LIBRARY;
    if (!library)
        return device_fail("%s is not in this build; run make build again", LIBRARY);
    if (library->open(&target, LIBRARY_N, t->cpu) != 0)
        return -1;
    library->version(version, sizeof version);
    int status = study_library(t, &target, version);
    library->close(&target);
    return status;
}

static int step_tree(struct tour *t) {
    say(t, "Which numbers meet first can be found out from results. In 1e30 + 1 - 1e30 the 1 is "
           "lost if it is added while the large number is there, and kept if it comes later. "
           "Asked for every pair of inputs, that gives the whole order: the summation tree.");
    if (ask(t, "How many calls does it take to find the order in which 16 numbers are added?") != 0)
        return 0;
    if (kernel_tree(t) != 0)
        return -1;
    recall(t);
    if (ask(t, "The same can be asked of a library that you did not write: the dot product of "
               "this machine's OpenBLAS. Does it add one by one?") != 0)
        return 0;
    if (library_tree(t) != 0)
        return -1;
    recall(t);
    return 0;
}

#endif
