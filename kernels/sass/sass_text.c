/*
 * sass_text.c: an instruction: nvdisasm's text of it, with the encoding for what the text does not
 * tell (immediates of floating point, where every NaN prints as "QNAN").
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/element/element.h"
#include "kernels/sass/sass_read.h"

/* clang-format off */
#define NAMED(name) #name,
#define SPELLED(name, text) text,
static const char *const op_names[] = {SASS_OPS(NAMED)};
static const char *const modifier_names[] = {SASS_MODIFIERS(NAMED)};
static const char *const special_names[] = {SASS_SPECIALS(SPELLED)};
/* clang-format on */

struct reader {
    const char *at;
    struct sass_instruction *out;
    int64_t away;
    size_t count;
    char *why;
};

/* A run of characters of the text. */
struct word {
    const char *at;
    size_t size;
};

static int fail(struct reader *r, const char *what, struct word w) {
    char shown[40];
    size_t length = w.size < sizeof shown - 1 ? w.size : sizeof shown - 1;
    for (size_t k = 0; k < length; k++)
        shown[k] = (char)(w.at[k] >= ' ' && w.at[k] <= '~' ? w.at[k] : '?');
    shown[length] = '\0';
    snprintf(r->why, SASS_WHY, "%s '%s'", what, shown);
    return -1;
}

static bool is(struct word w, const char *text) {
    return w.size == strlen(text) && memcmp(w.at, text, w.size) == 0;
}

static int find(const char *const *names, size_t count, struct word w) {
    for (size_t k = 0; k < count; k++)
        if (is(w, names[k]))
            return (int)k;
    return -1;
}

/* --- words ---------------------------------------------------------------------------------------
 */

static bool in_name(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

static struct word take_name(struct reader *r) {
    struct word w = {r->at, 0};
    while (in_name(r->at[0]))
        r->at++;
    w.size = (size_t)(r->at - w.at);
    return w;
}

static bool take(struct reader *r, char c) {
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static void skip_spaces(struct reader *r) {
    while (*r->at == ' ' || *r->at == ',')
        r->at++;
}

/* What is left, for a message. */
static struct word rest(const struct reader *r) {
    return (struct word){r->at, strcspn(r->at, " ,;")};
}

static int take_modifier(struct reader *r, unsigned *out) {
    struct word w = take_name(r);
    int k = find(modifier_names + 1, SASS_MOD_COUNT - 1, w);
    if (k < 0)
        return fail(r, "a modifier that is not known:", w);
    *out = (unsigned)k + 1;
    return 0;
}

/* "123" after a name's letters; -1: not so, or not below `limit`. */
static int number_after(struct word w, size_t letters, int limit) {
    int value = 0;
    if (w.size <= letters || w.size > letters + 3)
        return -1;
    for (size_t k = letters; k < w.size; k++) {
        if (!isdigit((unsigned char)w.at[k]))
            return -1;
        value = 10 * value + w.at[k] - '0';
    }
    return value < limit ? value : -1;
}

/* R12, UR4, P0, UP1 and what else is numbered; false: the name is none of these. */
static bool named_operand(struct word w, struct sass_operand *o) {
    static const struct {
        const char *letters, *last;
        uint8_t kind, last_number;
        int limit;
    } files[] = {
        {"UR", "URZ", SASS_UNIFORM, SASS_URZ, 255},
        {"UP", "UPT", SASS_UNIFORM_PREDICATE, SASS_PT, SASS_PT},
        {"SB", "", SASS_SCOREBOARD, 0, 8},
        {"R", "RZ", SASS_REGISTER, SASS_RZ, SASS_RZ},
        {"P", "PT", SASS_PREDICATE, SASS_PT, SASS_PT},
        {"B", "", SASS_BARRIER, 0, 16},
    };
    if (is(w, "PR")) {
        o->kind = SASS_ALL_PREDICATES;
        return true;
    }
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        size_t letters = strlen(files[k].letters);
        if (w.size <= letters || memcmp(w.at, files[k].letters, letters) != 0)
            continue;
        int number =
            is(w, files[k].last) ? files[k].last_number : number_after(w, letters, files[k].limit);
        if (number < 0)
            continue;
        o->kind = files[k].kind;
        o->number = (uint8_t)number;
        return true;
    }
    return false;
}

/* --- numbers -------------------------------------------------------------------------------------
 */

static bool same(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

/* "1.5", "-0.0", "+INF", "-QNAN". */
static int take_decimal(struct reader *r, double *out) {
    struct word w = {r->at, 0};
    bool negative = *r->at == '-';
    if (*r->at == '-' || *r->at == '+')
        r->at++;
    if (isdigit((unsigned char)*r->at)) {
        char text[64], *end;
        size_t length = strspn(r->at, "0123456789.e+-");
        w.size = (size_t)(r->at - w.at) + length;
        if (length >= sizeof text)
            return fail(r, "a number that is too long:", w);
        memcpy(text, r->at, length);
        text[length] = '\0';
        *out = strtod(text, &end);
        if (*end)
            return fail(r, "a number that is none:", w);
        r->at += length;
    } else {
        struct word name = take_name(r);
        w.size = (size_t)(r->at - w.at);
        if (is(name, "INF"))
            *out = INFINITY;
        else if (is(name, "QNAN") || is(name, "SNAN"))
            *out = NAN;
        else
            return fail(r, "an operand that is not known:", w.size ? w : rest(r));
    }
    if (negative)
        *out = -*out;
    return 0;
}

/* A number of floating point: its bits from the encoding, which must agree with the text. */
static int take_float(struct reader *r, struct sass_operand *o) {
    uint32_t bits = (uint32_t)(r->out->code[0] >> 32);
    const char *op = op_names[r->out->op];
    struct word w = rest(r);
    double value, lower = 0;
    bool agrees;
    if (take_decimal(r, &value) != 0)
        return -1;
    o->kind = SASS_IMMEDIATE;
    o->bits = bits;
    if (op[0] == 'D') {
        o->bits = (int64_t)((uint64_t)bits << 32);
        agrees = same(value, element_get(ELEMENT_F64, &o->bits, 0));
    } else if (op[0] == 'H') {
        skip_spaces(r);
        if (take_decimal(r, &lower) != 0)
            return -1;
        enum element half = sass_has(r->out, SASS_MOD_BF16_V2) ? ELEMENT_BF16 : ELEMENT_F16;
        agrees = same(value, element_get(half, &bits, 1)) && /* the upper one is written first */
                 same(lower, element_get(half, &bits, 0));
    } else {
        agrees = same((float)value, element_get(ELEMENT_F32, &bits, 0));
    }
    return agrees ? 0 : fail(r, "a number that is not what is encoded:", w);
}

static int take_hex(struct reader *r, int64_t *out) {
    struct word w = rest(r);
    bool negative = take(r, '-');
    if (r->at[0] != '0' || r->at[1] != 'x' || !isxdigit((unsigned char)r->at[2]))
        return fail(r, "an operand that is not known:", w);
    uint64_t value = 0;
    int digits = 0;
    for (r->at += 2; isxdigit((unsigned char)*r->at); r->at++, digits++) {
        char c = (char)tolower((unsigned char)*r->at);
        value = value << 4 | (unsigned)(isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10);
    }
    if (digits > 16)
        return fail(r, "a number that is too long:", w);
    *out = (int64_t)(negative ? 0 - value : value);
    return 0;
}

/* Whether a number of this instruction's may be where it jumps to. */
static bool jumps(unsigned op) {
    return op == SASS_OP_BRA || op == SASS_OP_BSSY || op == SASS_OP_CALL || op == SASS_OP_RET ||
           op == SASS_OP_WARPSYNC || op == SASS_OP_JMP;
}

static int take_number(struct reader *r, struct sass_operand *o) {
    const char *digits = r->at + (*r->at == '-' || *r->at == '+');
    if (digits[0] != '0' || digits[1] != 'x')
        return take_float(r, o);
    struct word w = rest(r);
    if (take_hex(r, &o->bits) != 0)
        return -1;
    o->kind = SASS_IMMEDIATE;
    int64_t from = o->bits - SASS_ORIGIN;
    if (!jumps(r->out->op) || from < -SASS_ORIGIN / 2 || from > SASS_ORIGIN / 2)
        return 0;
    int64_t index = from / SASS_STEP - r->away;
    if (from % SASS_STEP || index < 0 || (uint64_t)index >= r->count)
        return fail(r, "a jump to where no instruction of the kernel is:", w);
    o->kind = SASS_LABEL;
    o->bits = index;
    return 0;
}

/* --- operands ------------------------------------------------------------------------------------
 */

/* "R2.64" and the like inside brackets. */
static int take_address_register(struct reader *r, struct sass_operand *o, unsigned *seen) {
    struct sass_operand one = {0};
    struct word w = take_name(r);
    if (!named_operand(w, &one) || (one.kind != SASS_REGISTER && one.kind != SASS_UNIFORM))
        return fail(r, "an address with", w);
    bool uniform = one.kind == SASS_UNIFORM;
    if (*seen & (uniform ? 2u : 1u))
        return fail(r, "an address with a second", w);
    *seen |= uniform ? 2 : 1;
    *(uniform ? &o->uniform : &o->number) = one.number;
    while (take(r, '.')) {
        struct word suffix = take_name(r);
        if (is(suffix, "64"))
            *(uniform ? &o->wide_uniform : &o->wide) = true;
        else if (!uniform && is(suffix, "U32"))
            o->extended = true;
        else if (!uniform && (is(suffix, "X4") || is(suffix, "X8")))
            o->scale = (uint8_t)(suffix.at[1] - '0');
        else if (!uniform && is(suffix, "X16"))
            o->scale = 16;
        else if (!is(suffix, "reuse"))
            return fail(r, "an address with", suffix);
    }
    return 0;
}

/* What is between brackets, from behind '['. */
static int take_address(struct reader *r, struct sass_operand *o) {
    unsigned seen = 0;
    bool offset = false;
    o->number = SASS_RZ;
    o->uniform = SASS_URZ;
    o->scale = 1;
    do {
        if (*r->at == '-' || isdigit((unsigned char)*r->at)) {
            if (offset)
                return fail(r, "an address with a second", rest(r));
            offset = true;
            if (take_hex(r, &o->bits) != 0)
                return -1;
        } else if (take_address_register(r, o, &seen) != 0) {
            return -1;
        }
    } while (take(r, '+'));
    return take(r, ']') ? 0 : fail(r, "an address that does not end:", rest(r));
}

/* "c[0x0][R4+0x160]", from behind 'c'; "cx[UR4][0x10]" from behind "cx". */
static int take_constant(struct reader *r, struct sass_operand *o, bool described) {
    int64_t bank;
    o->kind = SASS_CONSTANT;
    if (!take(r, '['))
        return fail(r, "an operand that is not known:", rest(r));
    if (described)
        return fail(r, "a constant bank that a register names:", rest(r));
    if (take_hex(r, &bank) != 0)
        return -1;
    if (bank < 0 || bank >= SASS_BANKS)
        return fail(r, "a constant bank that is not there:", rest(r));
    o->bank = (uint8_t)bank;
    if (!take(r, ']'))
        return fail(r, "an operand that is not known:", rest(r));
    skip_spaces(r); /* there is one with halves */
    if (!take(r, '['))
        return fail(r, "an operand that is not known:", rest(r));
    return take_address(r, o);
}

/* ".H0_H0.reuse", ".64" and what else follows a register or a constant. */
static int take_suffixes(struct reader *r, struct sass_operand *o) {
    while (take(r, '.')) {
        const char *begin = r->at;
        struct word w = take_name(r);
        if (is(w, "reuse"))
            continue;
        if (is(w, "H0_H0") || is(w, "H1_H1") || is(w, "H1_H0")) {
            o->half = is(w, "H0_H0") ? SASS_H0_H0 : is(w, "H1_H1") ? SASS_H1_H1 : SASS_H1_H0;
            continue;
        }
        if (is(w, "64")) {
            o->wide = true;
            continue;
        }
        unsigned modifier;
        r->at = begin;
        if (o->selector)
            return fail(r, "a second", w);
        if (take_modifier(r, &modifier) != 0)
            return -1;
        o->selector = (uint16_t)modifier;
    }
    return 0;
}

/* "SR_TID.X": a name with what follows its dots. */
static int take_special(struct reader *r, struct sass_operand *o) {
    struct word w = rest(r);
    int k = find(special_names, SASS_SR_COUNT, w);
    if (k < 0)
        return fail(r, "a special register that is not known:", w);
    r->at += w.size;
    o->kind = SASS_SPECIAL;
    o->number = (uint8_t)k;
    return 0;
}

/* What is left of an operand when its signs have been read. */
static int take_plain(struct reader *r, struct sass_operand *o) {
    const char *begin = r->at;
    struct word w;
    if (take(r, '[')) {
        o->kind = SASS_MEMORY;
        return take_address(r, o);
    }
    if (strncmp(r->at, "SR", 2) == 0)
        return take_special(r, o);
    w = take_name(r);
    if (is(w, "c") || is(w, "cx"))
        return take_constant(r, o, w.size == 2) != 0 ? -1 : take_suffixes(r, o);
    if (is(w, "desc")) { /* of memory: caching and the like, no part of the address */
        struct sass_operand ignored = {0};
        if (!take(r, '[') || take_address(r, &ignored) != 0 || !take(r, '['))
            return fail(r, "an operand that is not known:", w);
        o->kind = SASS_MEMORY;
        return take_address(r, o);
    }
    if (named_operand(w, o))
        return take_suffixes(r, o);
    r->at = begin;
    return take_number(r, o);
}

static int take_operand(struct reader *r, struct sass_operand *o) {
    /* A minus belongs to a number that follows it. */
    bool number =
        *r->at == '-' && (isdigit((unsigned char)r->at[1]) || strncmp(r->at + 1, "INF", 3) == 0 ||
                          strncmp(r->at + 1, "QNAN", 4) == 0 || strncmp(r->at + 1, "SNAN", 4) == 0);
    if (!number && take(r, '-'))
        o->negative = true;
    if (take(r, '~') || take(r, '!'))
        o->inverted = true;
    o->absolute = take(r, '|');
    if (take_plain(r, o) != 0)
        return -1;
    if (o->absolute && (!take(r, '|') || take_suffixes(r, o) != 0))
        return fail(r, "an operand that does not end:", rest(r));
    if ((o->negative || o->inverted || o->absolute) &&
        (o->kind == SASS_MEMORY || o->kind == SASS_LABEL || o->kind == SASS_SPECIAL ||
         o->kind == SASS_IMMEDIATE))
        return fail(r, "a sign before", rest(r));
    return strchr(" ,;", *r->at) ? 0 : fail(r, "an operand that does not end:", rest(r));
}

/* --- instructions --------------------------------------------------------------------------------
 */

/* "@!P0 ". */
static int take_guard(struct reader *r) {
    struct sass_operand guard = {0};
    r->out->guard = SASS_PT;
    if (!take(r, '@'))
        return 0;
    r->out->guard_inverted = take(r, '!');
    struct word w = take_name(r);
    if (!named_operand(w, &guard) ||
        (guard.kind != SASS_PREDICATE && guard.kind != SASS_UNIFORM_PREDICATE))
        return fail(r, "a guard that is no predicate:", w);
    r->out->guard = guard.number;
    r->out->guard_uniform = guard.kind == SASS_UNIFORM_PREDICATE;
    return 0;
}

static int take_op(struct reader *r) {
    struct word w = take_name(r);
    int op = find(op_names, SASS_OP_COUNT, w);
    if (op < 0)
        return fail(r, "an instruction that is not known:", w);
    r->out->op = (uint16_t)op;
    while (take(r, '.')) {
        unsigned modifier;
        if (take_modifier(r, &modifier) != 0)
            return -1;
        if (r->out->modifier_count == SASS_MODIFIERS_MAX)
            return fail(r, "too many modifiers with", w);
        r->out->modifiers[r->out->modifier_count++] = (uint16_t)modifier;
    }
    return 0;
}

int sass_text(struct sass_instruction *out, const char *text, int64_t away, size_t count,
              char why[SASS_WHY]) {
    struct reader r = {.at = text, .out = out, .away = away, .count = count, .why = why};
    out->text = text;
    if (take_guard(&r) != 0)
        return -1;
    skip_spaces(&r);
    if (take_op(&r) != 0)
        return -1;
    for (skip_spaces(&r); *r.at && *r.at != ';' && *r.at != '('; skip_spaces(&r)) {
        if (out->operand_count == SASS_OPERANDS)
            return fail(&r, "more operands than there can be:", rest(&r));
        if (take_operand(&r, &out->operands[out->operand_count++]) != 0)
            return -1;
    }
    return 0;
}
