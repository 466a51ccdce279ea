/*
 * compare_tree.c: see compare_tree.h. Texts come from strangers: nothing recurses, and each is read
 * once.
 */
#include "harness/compare/compare_tree.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* A leaf or an inner node; text[begin] … text[end - 1]. */
struct node {
    uint32_t begin, end, leaves, depth;
    uint32_t child, last, next, above; /* first and last child, next sibling; NONE */
    uint64_t hash;                     /* of what is below */
};

struct tree {
    const char *text;
    struct node *nodes;
    uint32_t count;
};

static uint64_t mix(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint32_t add_node(struct tree *t, size_t begin, uint32_t above) {
    uint32_t k = t->count++;
    t->nodes[k] = (struct node){.begin = (uint32_t)begin,
                                .child = NONE,
                                .last = NONE,
                                .next = NONE,
                                .above = above,
                                .hash = 0x243f6a8885a308d3u};
    if (above != NONE) {
        struct node *parent = &t->nodes[above];
        if (parent->last == NONE)
            parent->child = k;
        else
            t->nodes[parent->last].next = k;
        parent->last = k;
    }
    return k;
}

/* When a node's end is read: what it adds to the one above. */
static void end_node(struct tree *t, uint32_t k, size_t end) {
    struct node *n = &t->nodes[k];
    n->end = (uint32_t)end;
    if (n->above == NONE)
        return;
    struct node *parent = &t->nodes[n->above];
    parent->leaves += n->leaves;
    parent->depth = n->depth + 1 > parent->depth ? n->depth + 1 : parent->depth;
    parent->hash = mix(parent->hash, n->hash);
}

/* 0, or 1: no tree. No byte begins more than one node, so `nodes` has room. */
static int parse(struct tree *t) {
    uint32_t open = NONE;
    size_t at = 0;
    while (t->text[at]) {
        char c = t->text[at];
        if (t->count > 0 && open == NONE)
            return c == '\0' ? 0 : 1; /* something behind the root */
        if (c == '(') {
            open = add_node(t, at++, open);
        } else if (c == ')') {
            if (open == NONE || t->nodes[open].child == NONE)
                return 1;
            end_node(t, open, ++at);
            open = t->nodes[open].above;
        } else if (isdigit((unsigned char)c)) {
            uint32_t leaf = add_node(t, at, open);
            uint64_t number = 0;
            for (; isdigit((unsigned char)t->text[at]); at++)
                number = 10 * number + (uint64_t)(t->text[at] - '0');
            t->nodes[leaf].leaves = 1;
            t->nodes[leaf].hash = mix(1, number);
            end_node(t, leaf, at);
        } else if (c == ' ' && open != NONE) {
            at++;
        } else {
            return 1;
        }
    }
    return open == NONE && t->count > 0 ? 0 : 1;
}

static int read_tree(struct tree *t, const char *text) {
    size_t length = strnlen(text, COMPARE_TREE_BYTES + 1);
    *t = (struct tree){.text = text};
    if (length > COMPARE_TREE_BYTES)
        return 1;
    t->nodes = malloc((length + 1) * sizeof *t->nodes);
    return t->nodes ? parse(t) : -1;
}

/* --- where they part ---------------------------------------------------------------------------
 */

/* The only child that differs, counted from 1, in k[]; 0: there are several, or another number. */
static size_t one_child(const struct tree t[2], uint32_t k[2]) {
    uint32_t a = t[0].nodes[k[0]].child, b = t[1].nodes[k[1]].child, found[2] = {NONE, NONE};
    size_t place = 0, differ = 0, n = 0;
    for (; a != NONE && b != NONE; a = t[0].nodes[a].next, b = t[1].nodes[b].next) {
        n++;
        if (t[0].nodes[a].hash == t[1].nodes[b].hash)
            continue;
        differ++;
        place = n;
        found[0] = a;
        found[1] = b;
    }
    if (a != NONE || b != NONE || differ != 1)
        return 0;
    k[0] = found[0];
    k[1] = found[1];
    return place;
}

/* The end of a way that is too long for `out` is what is kept of it. */
static void add_step(struct compare_trees *out, size_t child) {
    char step[24];
    size_t n = strlen(out->place), more = (size_t)snprintf(step, sizeof step, ", %zu", child);
    if (n + more >= sizeof out->place) {
        memmove(out->place, out->place + n / 2, n - n / 2 + 1);
        memcpy(out->place, "...", 3);
        n = strlen(out->place);
    }
    memcpy(out->place + n, step, more + 1);
    out->steps++;
}

/* Both ends of a long text say more than its beginning. */
static void show(const struct tree *t, uint32_t k, struct compare_tree *out) {
    const struct node *n = &t->nodes[k];
    size_t length = n->end - n->begin, half = (COMPARE_TREE_SHOWN - 6) / 2;
    const char *text = t->text + n->begin;
    out->under = n->leaves;
    if (length < COMPARE_TREE_SHOWN)
        snprintf(out->part, sizeof out->part, "%.*s", (int)length, text);
    else
        snprintf(out->part, sizeof out->part, "%.*s ... %.*s", (int)half, text, (int)half,
                 text + length - half);
}

static void find_part(const struct tree t[2], struct compare_trees *out) {
    uint32_t k[2] = {0, 0};
    size_t child;
    strcpy(out->place, "root");
    for (size_t i = 0; i < 2; i++) {
        out->tree[i].leaves = t[i].nodes[0].leaves;
        out->tree[i].depth = t[i].nodes[0].depth;
    }
    if (t[0].nodes[0].hash == t[1].nodes[0].hash)
        return;
    while ((child = one_child(t, k)) > 0)
        add_step(out, child);
    for (size_t i = 0; i < 2; i++)
        show(&t[i], k[i], &out->tree[i]);
}

int compare_trees(const char *first, const char *second, struct compare_trees *out) {
    struct tree t[2] = {{0}};
    memset(out, 0, sizeof *out);
    int status = read_tree(&t[0], first);
    if (status == 0)
        status = read_tree(&t[1], second);
    if (status == 0)
        find_part(t, out);
    free(t[0].nodes);
    free(t[1].nodes);
    return status;
}
