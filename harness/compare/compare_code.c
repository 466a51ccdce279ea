/*
 * compare_code.c: see compare_code.h.
 */
#include "harness/compare/compare_code.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare.h"

/* Of a record, which may be a stranger's, so much is kept. */
#define OBJECTS_MOST 1000
#define LINES_MOST 64
#define TEXT_MOST 400
/* Objects that are not the same in one cell: more are not named. */
#define OTHER_MOST 256

const char *compare_code_name(enum compare_code code) {
    static const char *const names[] = {"unknown", "equal", "differs"};
    return names[code];
}

/* --- reading -----------------------------------------------------------------------------------
 */

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Copies texts of at most TEXT_MOST bytes, `most` of them. */
static int copy_texts(json_t *to, const json_t *from, size_t most) {
    const char *name;
    json_t *text;
    int status = 0;
    json_object_foreach((json_t *)from, name, text) {
        if (json_object_size(to) < most && strlen(name) <= TEXT_MOST && json_is_string(text) &&
            json_string_length(text) <= TEXT_MOST)
            status |= json_object_set(to, name, text);
    }
    return status;
}

/* What is looked at of a record's "kernels"; NULL: no memory. */
static json_t *kept_of(const json_t *kernels) {
    json_t *always = json_object_get(kernels, "always"), *code = json_object();
    json_t *used = json_object();
    int status = code && used ? 0 : -1;
    if (status == 0)
        status = copy_texts(code, json_object_get(kernels, "code"), OBJECTS_MOST) |
                 copy_texts(used, json_object_get(kernels, "used"), LINES_MOST);
    if (json_string_length(always) > TEXT_MOST)
        always = NULL;
    if (status == 0)
        return json_pack("{s:o, s:o, s:O*}", "code", code, "used", used, "always", always);
    json_decref(code);
    json_decref(used);
    return NULL;
}

/* Of sessions of one side, the first that says so; built otherwise in another: not known. */
int compare_code_start(struct compare_side *side, const char *lab, const json_t *start) {
    const json_t *software = json_object_get(start, "software");
    json_t *kernels = json_object_get(software, "kernels"),
           *own = json_object_get(side->kernels, lab);
    const json_t *known = json_object_get(software, "changes");
    json_int_t changes = json_is_integer(known) ? json_integer_value(known) : 0;
    changes = changes > INT_MAX ? INT_MAX : changes < 0 ? 0 : changes;
    kernels = json_is_object(kernels) ? kept_of(kernels) : json_null();
    if (!kernels || !own)
        return json_object_set_new(
            side->kernels, lab,
            kernels ? json_pack("{s:o, s:I}", "kernels", kernels, "changes", changes) : NULL);
    int status = 0;
    if (!json_equal(kernels, json_object_get(own, "kernels")))
        status = json_object_set_new(own, "kernels", json_null());
    json_decref(kernels);
    if (changes < json_integer_value(json_object_get(own, "changes")))
        status |= json_object_set_new(own, "changes", json_integer(changes));
    for (size_t k = 0; k < side->use_count; k++)
        if (same_text(side->uses[k].lab, lab) && changes < side->uses[k].changes)
            side->uses[k].changes = (int)changes;
    return status;
}

/* What stands under that which begins with the most of an id. */
static const char *words_of(const json_t *kernels, const char *id) {
    const char *cases, *best = NULL;
    size_t length = 0;
    json_t *words;
    json_object_foreach(json_object_get(kernels, "used"), cases, words) {
        size_t own = strlen(cases);
        if (own >= length && strncmp(id, cases, own) == 0) {
            best = json_string_value(words);
            length = own;
        }
    }
    return best;
}

int compare_code_use(struct compare_side *side, const char *lab, const char *id,
                     const char *device) {
    const json_t *own = json_object_get(side->kernels, lab);
    struct compare_use use = {.lab = lab,
                              .words = words_of(json_object_get(own, "kernels"), id),
                              .changes = (int)json_integer_value(json_object_get(own, "changes"))};
    /* Which of machine code's architectures is part of it; which GPU is not. */
    int length =
        strncmp(device, "sass:", 5) == 0 ? (int)sizeof use.kind : (int)strcspn(device, ":");
    snprintf(use.kind, sizeof use.kind, "%.*s", length, device);
    for (size_t k = side->use_count; k-- > 0;) {
        const struct compare_use *there = &side->uses[k];
        if (same_text(there->lab, lab) && strcmp(there->kind, use.kind) == 0 &&
            same_text(there->words, use.words))
            return (int)k;
    }
    if (side->use_count == COMPARE_USES_MOST)
        return COMPARE_USES_MOST - 1;
    if (side->use_count == COMPARE_USES_MOST - 1)
        use.words = NULL;
    struct compare_use *more = realloc(side->uses, (side->use_count + 1) * sizeof *more);
    char *words = use.words ? strdup(use.words) : NULL;
    side->uses = more ? more : side->uses;
    if (!more || (use.words && !words)) {
        free(words);
        return -1;
    }
    use.words = words;
    side->uses[side->use_count] = use;
    return (int)side->use_count++;
}

void compare_code_close(struct compare_side *side) {
    for (size_t k = 0; k < side->use_count; k++)
        free((char *)side->uses[k].words);
    free(side->uses);
    json_decref(side->kernels);
}

/* --- objects -----------------------------------------------------------------------------------
 */

static bool is_named(const char *words, const char *name) {
    while (words && *words) {
        size_t length = strcspn(words, " ");
        if (length > 0 && strncmp(words, name, length) == 0)
            return true;
        words += length + (words[length] == ' ');
    }
    return false;
}

/* Runs machine code on the CPU: "sass:sm_90". */
static bool is_sass(const char *kind) {
    return strncmp(kind, "sass:", 5) == 0;
}

/* Code for GPUs, which the SASS machine runs too, the SIMT and the PTX machine says so behind a
 * colon. Of the rest, what is named for a CPU or for a machine is used there alone. */
static bool is_for(const char *name, const char *kind) {
    const char *target = strchr(name, ':');
    bool cpu = strcmp(kind, "cpu") == 0, simt = strcmp(kind, "simt") == 0,
         ptx = strcmp(kind, "ptx") == 0, sass = is_sass(kind);
    if (target && sass)
        return strcmp(target, kind + 4) == 0;
    if (target && (simt || ptx))
        return strncmp(target, simt ? ":simt" : ":compute_", simt ? 6 : 9) == 0;
    if (target)
        return !cpu && strncmp(target, ":sm_", 4) == 0;
    if (strncmp(name, "simt/", 5) == 0 || strstr(name, "_simt"))
        return simt;
    if (strncmp(name, "sass/", 5) == 0)
        return sass;
    if (strncmp(name, "ptx/", 4) == 0 || strstr(name, "_ptx")) /* memory, schedules */
        return ptx || sass;
    return cpu || !strstr(name, "_cpu");
}

/* {name: hash} of what these cases run; NULL: not known. A kernel for the kind of device must be
 * among it, and the machine that runs machine code, of which older builds say nothing. */
static json_t *objects_of(const struct compare_side *side, const struct compare_use *use) {
    const json_t *kernels = json_object_get(json_object_get(side->kernels, use->lab), "kernels");
    const char *always = json_string_value(json_object_get(kernels, "always")), *name;
    bool own = false, cpu = strcmp(use->kind, "cpu") == 0, machine = !is_sass(use->kind);
    if (!use->words || (!cpu && strcmp(use->kind, "simt") != 0 && strcmp(use->kind, "ptx") != 0 &&
                        strcmp(use->kind, "cuda") != 0 && machine))
        return NULL;
    json_t *objects = json_object(), *hash;
    json_object_foreach(json_object_get(kernels, "code"), name, hash) {
        bool named = is_named(use->words, name);
        if (!is_for(name, use->kind) || !(named || is_named(always, name)))
            continue;
        own |= named && (cpu || strchr(name, ':'));
        machine |= strncmp(name, "sass/", 5) == 0;
        json_object_set(objects, name, hash);
    }
    if (own && machine)
        return objects;
    json_decref(objects);
    return NULL;
}

/* What makes many cells cheap: what each use runs, and each name, once. */
struct objects {
    const struct compare *c;
    json_t **of[2]; /* [uses of a side] as objects_of() gives them */
    bool *made[2];
    json_t *names; /* {name: it as a text} */
};

static const json_t *objects_at(struct objects *o, int side, size_t use) {
    const struct compare_side *own = side == 0 ? o->c->first : o->c->second;
    if (!o->made[side][use])
        o->of[side][use] = objects_of(own, &own->uses[use]);
    o->made[side][use] = true;
    return o->of[side][use];
}

static int objects_open(struct objects *o, const struct compare *c) {
    const struct compare_side *sides[] = {c->first, c->second};
    *o = (struct objects){.c = c, .names = json_object()};
    for (int k = 0; k < 2; k++) {
        o->of[k] = calloc(sides[k]->use_count + 1, sizeof *o->of[k]);
        o->made[k] = calloc(sides[k]->use_count + 1, sizeof *o->made[k]);
    }
    return o->names && o->of[0] && o->of[1] && o->made[0] && o->made[1] ? 0 : -1;
}

static void objects_close(struct objects *o) {
    const struct compare_side *sides[] = {o->c->first, o->c->second};
    for (int k = 0; k < 2; k++) {
        for (size_t u = 0; o->of[k] && u < sides[k]->use_count; u++)
            json_decref(o->of[k][u]);
        free(o->of[k]);
        free(o->made[k]);
    }
    json_decref(o->names);
}

static int add_name(struct objects *o, json_t *other, const char *name) {
    json_t *text = json_object_get(o->names, name);
    if (!text && json_object_set_new(o->names, name, json_string(name)) != 0)
        return -1;
    return json_array_append(other, json_object_get(o->names, name));
}

/* {file: true} of the files that both have for the same GPU, whichever; NULL: no memory. */
static json_t *shared_files(const json_t *a, const json_t *b) {
    json_t *files = json_object(), *hash;
    const char *name;
    json_object_foreach((json_t *)a, name, hash) {
        char file[TEXT_MOST + 1];
        snprintf(file, sizeof file, "%.*s", (int)strcspn(name, ":"), name);
        if (strchr(name, ':') && json_object_get(b, name) &&
            json_object_set_new(files, file, json_true()) != 0) {
            json_decref(files);
            return NULL;
        }
    }
    return files;
}

/* Adds what is in `a` and not the same in `b`. Of a file that was built for several GPUs only those
 * count for which both were built, if there are any. */
static int add_other(struct objects *o, json_t *other, const json_t *a, const json_t *b,
                     bool missing_only) {
    json_t *shared = shared_files(a, b), *hash;
    const char *name;
    int status = shared ? 0 : -1;
    json_object_foreach((json_t *)a, name, hash) {
        const json_t *there = json_object_get(b, name);
        char file[TEXT_MOST + 1];
        snprintf(file, sizeof file, "%.*s", (int)strcspn(name, ":"), name);
        if (there ? missing_only || json_equal(hash, there)
                  : strstr(name, ":sm_") && json_object_get(shared, file))
            continue;
        if (status == 0 && json_array_size(other) < OTHER_MOST)
            status = add_name(o, other, name);
    }
    json_decref(shared);
    return status;
}

static int fill_cell(struct objects *o, struct compare_code_cell *cell, size_t use_a,
                     size_t use_b) {
    const struct compare_use *a = &o->c->first->uses[use_a], *b = &o->c->second->uses[use_b];
    cell->other = json_array();
    if (!cell->other)
        return -1;
    if (strcmp(a->kind, b->kind) != 0)
        return 0;
    /* One executable is one code, whatever it is made of. */
    const json_t *own = json_object_get(o->c->first->code, a->lab);
    bool same = json_is_string(own) && json_equal(own, json_object_get(o->c->second->code, b->lab));
    const json_t *first = objects_at(o, 0, use_a), *second = objects_at(o, 1, use_b);
    int status = 0;
    if (!same && first && second)
        status = add_other(o, cell->other, first, second, false) |
                 add_other(o, cell->other, second, first, true);
    if (same || (first && second))
        cell->code = json_array_size(cell->other) > 0 ? COMPARE_CODE_DIFFERS : COMPARE_CODE_EQUAL;
    return status;
}

/* --- pairs -------------------------------------------------------------------------------------
 */

/* The last is that of cases of which nothing is recorded. */
static struct compare_code_cell *cell_of(const struct compare *c, const struct compare_pair *p) {
    if (p->first->use >= c->first->use_count || p->second->use >= c->second->use_count)
        return &c->code_cells[c->code_cell_count - 1];
    return &c->code_cells[p->first->use * c->second->use_count + p->second->use];
}

const json_t *compare_code_other(const struct compare *c, const struct compare_pair *p) {
    const json_t *other = c->code_cells ? cell_of(c, p)->other : NULL;
    return json_array_size(other) > 0 ? other : NULL;
}

bool compare_code_before(const struct compare *c, const struct compare_case *one, int side,
                         size_t change) {
    const struct compare_side *own = side == 0 ? c->first : c->second;
    return one->use < own->use_count && change >= (size_t)own->uses[one->use].changes &&
           build_change_concerns(&build_changes[change], one->id, one->timed > 0);
}

static int by_cases(const void *a, const void *b) {
    json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "cases"));
    json_int_t y = json_integer_value(json_object_get(*(json_t *const *)b, "cases"));
    return (x < y) - (x > y);
}

/* [{"kernel", "cases"}], those of most cases first. */
static int sum_up(struct compare *c, size_t cells) {
    json_t *counts = json_object(), *name, *count;
    const char *kernel;
    size_t n = 0, k;
    int status = counts ? 0 : -1;
    for (size_t i = 0; status == 0 && i < cells; i++) {
        const struct compare_code_cell *cell = &c->code_cells[i];
        c->code[cell->code] += cell->cases;
        json_array_foreach(cell->other, k, name) {
            const char *text = json_string_value(name);
            json_int_t before = json_integer_value(json_object_get(counts, text));
            status |=
                json_object_set_new(counts, text, json_integer(before + (json_int_t)cell->cases));
        }
    }
    json_t **list = calloc(json_object_size(counts) + 1, sizeof *list);
    json_object_foreach(counts, kernel, count) {
        if (list)
            list[n++] = json_pack("{s:s, s:O}", "kernel", kernel, "cases", count);
    }
    if (list)
        qsort(list, n, sizeof *list, by_cases);
    for (k = 0; k < n; k++)
        status |= json_array_append_new(c->other_kernels, list[k]);
    free(list);
    json_decref(counts);
    return list ? status : -1;
}

static int add_pair(struct objects *o, struct compare *c, struct compare_pair *p) {
    struct compare_code_cell *cell = cell_of(c, p);
    if (!cell->other && cell != &c->code_cells[c->code_cell_count - 1] &&
        fill_cell(o, cell, p->first->use, p->second->use) != 0)
        return -1;
    cell->cases++;
    p->code = (unsigned char)cell->code;
    for (size_t i = 0; i < c->change_count; i++) {
        c->changes[i].cases[0] += compare_code_before(c, p->first, 0, i);
        c->changes[i].cases[1] += compare_code_before(c, p->second, 1, i);
    }
    return 0;
}

int compare_code_pairs(struct compare *c) {
    size_t cells = c->first->use_count * c->second->use_count + 1;
    size_t changes = (size_t)build_change_count();
    c->other_kernels = json_array();
    c->code_cells = calloc(cells, sizeof *c->code_cells);
    c->code_cell_count = cells;
    c->changes = calloc(changes + 1, sizeof *c->changes);
    if (!c->other_kernels || !c->code_cells || !c->changes)
        return -1;
    for (size_t k = 0; k < changes; k++)
        c->changes[k].change = &build_changes[k];
    c->change_count = changes;
    struct objects objects;
    int status = objects_open(&objects, c);
    for (size_t k = 0; status == 0 && k < c->count; k++)
        status = add_pair(&objects, c, &c->pairs[k]);
    objects_close(&objects);
    return status == 0 ? sum_up(c, cells) : -1;
}

void compare_code_pairs_close(struct compare *c) {
    for (size_t k = 0; c->code_cells && k < c->code_cell_count; k++)
        json_decref(c->code_cells[k].other);
    free(c->code_cells);
    free(c->changes);
    json_decref(c->other_kernels);
    c->code_cells = NULL;
    c->changes = NULL;
    c->other_kernels = NULL;
    c->change_count = c->code_cell_count = 0;
}
