/*
 * ptx_access.c: ld, st, atom and red. Each access is checked where it runs (ptx_c.h), and those of
 * parameters here.
 */
#include <string.h>

#include "kernels/ptx/ptx_translate_inside.h"

enum ordering { PLAIN, ORDERED };
struct access {
    const char *space;      /* "generic", "global", "shared", "local", "param" */
    enum ordering ordering; /* others may have run before it, or run after it */
    int vector;
    struct ptx_word type;
    unsigned bytes; /* of one element */
};

static bool one_of(struct ptx_word word, const char *const *list) {
    for (; *list; list++)
        if (ptx_word_is(word, *list))
            return true;
    return false;
}

static const char *const scopes[] = {"cta", "cluster", "gpu", "sys", NULL};
static const char *const orderings[] = {"volatile", "relaxed", "acquire",
                                        "release",  "acq_rel", NULL};

/* The space a modifier names, or NULL. Constants lie in global memory here. */
static const char *space_of(struct ptx_word word) {
    static const char *const names[][2] = {{"global", "global"},      {"const", "global"},
                                           {"shared", "shared"},      {"shared::cta", "shared"},
                                           {"local", "local"},        {"param", "param"},
                                           {"param::entry", "param"}, {"param::func", "param"}};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (ptx_word_is(word, names[k][0]))
            return names[k][1];
    return NULL;
}

/* What stands between ld or st and the type. Hints to caches change no bit. */
static int read_access(struct ptx_writer *w, const struct ptx_statement *s, struct access *a) {
    static const char *const hints[] = {"weak", "ca", "cg", "cs", "lu", "wb", "wt", "nc", NULL};
    memset(a, 0, sizeof *a);
    a->vector = 1;
    if (s->modifiers == 0)
        return ptx_unknown(w, s);
    a->type = s->modifier[s->modifiers - 1];
    a->bytes = ptx_type_bytes(a->type);
    for (int k = 0; k < s->modifiers - 1; k++) {
        struct ptx_word m = s->modifier[k];
        const char *space = space_of(m);
        if (space && !a->space)
            a->space = space;
        else if (ptx_word_is(m, "v2") || ptx_word_is(m, "v4"))
            a->vector = m.text[1] - '0';
        else if (one_of(m, orderings))
            a->ordering = ORDERED;
        else if (!one_of(m, scopes) && !one_of(m, hints) &&
                 !(m.length > 4 && m.text[0] == 'L' && memcmp(m.text + 2, "::", 2) == 0))
            return ptx_unknown(w, s);
    }
    a->space = a->space ? a->space : "generic";
    unsigned all = a->bytes * (unsigned)a->vector;
    return a->bytes == 0 || all > 16 ? ptx_unknown(w, s) : 0;
}

/* C for the place an address names, `bytes` of it. */
static int write_place(struct ptx_writer *w, const struct ptx_statement *s,
                       const struct ptx_operand *operand, const char *space, unsigned bytes,
                       char out[2 * PTX_EXPRESSION]) {
    char base[PTX_EXPRESSION];
    if (operand->kind != PTX_ADDRESS)
        return ptx_refuse_statement(w, s, "no address in []");
    const struct ptx_symbol *symbol = ptx_symbol_of(w, operand->value.word);
    if (strcmp(space, "param") == 0 && symbol && symbol->kind == PTX_PARAM) {
        if (ptx_write_param(w, s, operand, bytes, base) != 0)
            return -1;
        snprintf(out, 2 * PTX_EXPRESSION, "%s", base);
        return 0;
    }
    bool narrow = symbol && symbol->bytes == 4 &&
                  (strcmp(space, "shared") == 0 || strcmp(space, "local") == 0);
    if (ptx_write_value(w, s, operand->value, narrow ? 4 : 8, false, base) != 0)
        return -1;
    snprintf(out, 2 * PTX_EXPRESSION, "ptx_%s(t, (%s)(%s + (%s)%lldll), %u, %d)", space,
             narrow ? "uint32_t" : "uint64_t", base, narrow ? "uint32_t" : "uint64_t",
             (long long)operand->offset, bytes, s->line);
    return 0;
}

/* The registers or values of a vector, or the one. */
static int items_of(struct ptx_writer *w, const struct ptx_statement *s,
                    const struct ptx_operand *operand, int vector, struct ptx_value out[4]) {
    if (operand->kind == PTX_VALUE && vector == 1 && !operand->negated && !operand->second.text) {
        out[0] = operand->value;
        return 0;
    }
    if (operand->kind != PTX_VECTOR || operand->count != vector)
        return ptx_refuse_statement(w, s, "no %d registers", vector);
    memcpy(out, operand->items, (size_t)vector * sizeof *out);
    return 0;
}

/* Says that a_ is touched, if it may be in shared memory. */
static void write_touch(struct ptx_writer *w, const struct ptx_statement *s, const char *space,
                        unsigned bytes, const char *how) {
    if (strcmp(space, "shared") == 0 || strcmp(space, "generic") == 0)
        fprintf(w->out, "PTX_TOUCH(t, a_, %u, %s, %d); ", bytes, how, s->line);
}

static int write_ld(struct ptx_writer *w, const struct ptx_statement *s) {
    struct access a;
    struct ptx_value to[4];
    char place[2 * PTX_EXPRESSION], element[96];
    if (s->operands != 2)
        return ptx_unknown(w, s);
    if (read_access(w, s, &a) != 0 || items_of(w, s, &s->operand[0], a.vector, to) != 0 ||
        write_place(w, s, &s->operand[1], a.space, a.bytes * (unsigned)a.vector, place) != 0)
        return -1;
    fprintf(w->out, "{ %sconst uint8_t *a_ = %s; ",
            a.ordering == ORDERED ? "t->machine->point(t, PTX_AT_LOAD); " : "", place);
    if (a.ordering == PLAIN)
        write_touch(w, s, a.space, a.bytes * (unsigned)a.vector, "PTX_READS");
    for (int k = 0; k < a.vector; k++) {
        snprintf(element, sizeof element, "*(const ptx_u%u *)(a_ + %u)", 8 * a.bytes,
                 (unsigned)k * a.bytes);
        if (ptx_write_result(w, s, to[k], a.bytes, true, a.type.text[0] == 's', element) != 0)
            return -1;
        fputs(" ", w->out);
    }
    fputs("}", w->out);
    return 0;
}

static int write_st(struct ptx_writer *w, const struct ptx_statement *s) {
    struct access a;
    struct ptx_value from[4];
    char place[2 * PTX_EXPRESSION], value[PTX_EXPRESSION];
    if (s->operands != 2)
        return ptx_unknown(w, s);
    if (read_access(w, s, &a) != 0 || items_of(w, s, &s->operand[1], a.vector, from) != 0 ||
        write_place(w, s, &s->operand[0], a.space, a.bytes * (unsigned)a.vector, place) != 0)
        return -1;
    const struct ptx_symbol *symbol = ptx_symbol_of(w, s->operand[0].value.word);
    if (strcmp(a.space, "param") == 0 &&
        (!symbol || symbol->kind != PTX_PARAM || symbol->place == PTX_OF_KERNEL))
        return ptx_refuse_statement(w, s, "a kernel's parameters are not written");
    fprintf(w->out, "{ uint8_t *a_ = %s; ", place);
    if (a.ordering == PLAIN)
        write_touch(w, s, a.space, a.bytes * (unsigned)a.vector, "PTX_WRITES");
    for (int k = 0; k < a.vector; k++) {
        if (ptx_write_value(w, s, from[k], a.bytes, true, value) != 0)
            return -1;
        fprintf(w->out, "*(ptx_u%u *)(a_ + %u) = %s; ", 8 * a.bytes, (unsigned)k * a.bytes, value);
    }
    fputs(a.ordering == ORDERED ? "t->machine->point(t, PTX_AT_STORE); }" : "}", w->out);
    return 0;
}

/* The functions of ptx_atomic.h, and the bytes of what they work on. */
static unsigned atomic_bytes(const char *name) {
    static const char *const of4[] = {"add_u32",          "min_u32", "max_u32", "min_s32",
                                      "max_s32",          "and_b32", "or_b32",  "xor_b32",
                                      "exch_b32",         "inc_u32", "dec_u32", "add_noftz_f16x2",
                                      "add_noftz_bf16x2", "cas_b32", "add_f32", NULL};
    static const char *const of8[] = {"add_u64",  "min_u64", "max_u64", "min_s64",
                                      "max_s64",  "and_b64", "or_b64",  "xor_b64",
                                      "exch_b64", "add_f64", "cas_b64", NULL};
    static const char *const of2[] = {"add_noftz_f16", "add_noftz_bf16", "cas_b16", NULL};
    struct ptx_word word = {name, (int)strlen(name)};
    return one_of(word, of4) ? 4 : one_of(word, of8) ? 8 : one_of(word, of2) ? 2 : 0;
}

static int write_atomic(struct ptx_writer *w, const struct ptx_statement *s) {
    bool red = ptx_word_is(s->base, "red");
    const char *space = "generic";
    char name[64] = "", place[2 * PTX_EXPRESSION], value[2][PTX_EXPRESSION];
    for (int k = 0; k < s->modifiers; k++) {
        struct ptx_word m = s->modifier[k];
        if (space_of(m))
            space = space_of(m);
        else if (!one_of(m, scopes) && !one_of(m, orderings)) {
            size_t used = strlen(name);
            snprintf(name + used, sizeof name - used, "%s%.*s", used ? "_" : "",
                     m.length < 20 ? m.length : 20, m.text);
        }
    }
    if (strcmp(name, "add_s32") == 0 || strcmp(name, "add_s64") == 0)
        name[4] = 'u';
    unsigned bytes = atomic_bytes(name);
    int first = red ? 0 : 1, values = strncmp(name, "cas", 3) == 0 ? 2 : 1;
    if (bytes == 0 || s->operands != first + 1 + values || strcmp(space, "local") == 0 ||
        strcmp(space, "param") == 0)
        return ptx_unknown(w, s);
    if (write_place(w, s, &s->operand[first], space, bytes, place) != 0)
        return -1;
    for (int k = 0; k < values; k++)
        if (ptx_write_operand(w, s, first + 1 + k, bytes, false, value[k]) != 0)
            return -1;
    fprintf(w->out, "{ t->machine->point(t, PTX_AT_ATOMIC); uint8_t *a_ = %s; ", place);
    write_touch(w, s, space, bytes, "PTX_UPDATES");
    char arguments[2 * PTX_EXPRESSION + 16], call[5 * PTX_EXPRESSION];
    snprintf(arguments, sizeof arguments, "(a_, %s%s%s)", value[0], values == 2 ? ", " : "",
             values == 2 ? value[1] : "");
    if (strcmp(name, "add_f32") != 0)
        snprintf(call, sizeof call, "ptx_atom_%s%s", name, arguments);
    else if (strcmp(space, "generic") != 0)
        snprintf(call, sizeof call, "ptx_atom_%s_%s%s", name, space, arguments);
    else /* by the space in which the address is */
        snprintf(call, sizeof call,
                 "(ptx_is_shared(t, (uint64_t)(uintptr_t)a_) ? ptx_atom_%s_shared%s : "
                 "ptx_atom_%s_global%s)",
                 name, arguments, name, arguments);
    if (red)
        fprintf(w->out, "(void)%s;", call);
    else if (s->operand[0].kind != PTX_VALUE || s->operand[0].second.text)
        return ptx_refuse_statement(w, s, "its result is no register");
    else if (ptx_write_result(w, s, s->operand[0].value, bytes, false, false, call) != 0)
        return -1;
    fputs(" }", w->out);
    return 0;
}

int ptx_write_access(struct ptx_writer *w, const struct ptx_statement *s) {
    static const struct {
        const char *base;
        int (*write)(struct ptx_writer *, const struct ptx_statement *);
    } writers[] = {
        {"ld", write_ld}, {"st", write_st}, {"atom", write_atomic}, {"red", write_atomic}};
    for (size_t k = 0; k < sizeof writers / sizeof *writers; k++)
        if (ptx_word_is(s->base, writers[k].base))
            return writers[k].write(w, s) == 0 ? 1 : -1;
    return 0;
}
