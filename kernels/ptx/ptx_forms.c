/*
 * ptx_forms.c: the instructions that are one call of a function of ptx_c.h or ptx_float.h: opcode,
 * and bytes of what it writes and reads. What is not here, nor in ptx_translate_*.c, is an error.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/ptx/ptx_translate.h"

/* For each form its operands, destination first: p a predicate, a digit bytes. `like` names the
 * function where it is another form's: add.s32 is add.u32 by bits. */
#define INT(op, bits, n)                                                                           \
    {op "u" bits, NULL, n n n}, {                                                                  \
        op "s" bits, op "u" bits, n n n                                                            \
    }
#define SIGNED(op, bits, n)                                                                        \
    {op "u" bits, NULL, n n n}, {                                                                  \
        op "s" bits, NULL, n n n                                                                   \
    }
#define COMPARE(op, bits, n)                                                                       \
    {op "u" bits, NULL, "p" n n}, {                                                                \
        op "s" bits, NULL, "p" n n                                                                 \
    }
#define SAME(op, bits, n)                                                                          \
    {op "u" bits, NULL, "p" n n}, {op "s" bits, op "u" bits, "p" n n}, {                           \
        op "b" bits, op "u" bits, "p" n n                                                          \
    }
#define INTEGERS(bits, n)                                                                          \
    INT("add.", bits, n), INT("sub.", bits, n), INT("mul.lo.", bits, n), SIGNED("min.", bits, n),  \
        SIGNED("max.", bits, n), SIGNED("mul.hi.", bits, n), {"div.u" bits, NULL, n n n "0"},      \
        {"div.s" bits, NULL, n n n "0"}, {"rem.u" bits, NULL, n n n "0"},                          \
        {"rem.s" bits, NULL, n n n "0"}, {"mad.lo.u" bits, NULL, n n n n},                         \
        {"mad.lo.s" bits, "mad.lo.u" bits, n n n n}, {"neg.s" bits, NULL, n n},                    \
        {"abs.s" bits, NULL, n n}, {"and.b" bits, NULL, n n n}, {"or.b" bits, NULL, n n n},        \
        {"xor.b" bits, NULL, n n n}, {"not.b" bits, NULL, n n}, {"shl.b" bits, NULL, n n "4"},     \
        {"shr.u" bits, NULL, n n "4"}, {"shr.b" bits, "shr.u" bits, n n "4"},                      \
        {"shr.s" bits, NULL, n n "4"}, SAME("setp.eq.", bits, n), SAME("setp.ne.", bits, n),       \
        COMPARE("setp.lt.", bits, n), COMPARE("setp.le.", bits, n), COMPARE("setp.gt.", bits, n),  \
        COMPARE("setp.ge.", bits, n), {"setp.lo.u" bits, "setp.lt.u" bits, "p" n n},               \
        {"setp.ls.u" bits, "setp.le.u" bits, "p" n n},                                             \
        {"setp.hi.u" bits, "setp.gt.u" bits, "p" n n},                                             \
        {"setp.hs.u" bits, "setp.ge.u" bits, "p" n n}, {"selp.b" bits, NULL, n n n "p"},           \
        {"selp.u" bits, "selp.b" bits, n n n "p"}, {"selp.s" bits, "selp.b" bits, n n n "p"},      \
        {"cvt.rn.f32.u" bits, NULL, "4" n}, {"cvt.rn.f32.s" bits, NULL, "4" n},                    \
        {"cvt.rn.f64.u" bits, NULL, "8" n}, {                                                      \
        "cvt.rn.f64.s" bits, NULL, "8" n                                                           \
    }
#define WIDE(bits, n, nn)                                                                          \
    {"mul.wide.u" bits, NULL, nn n n}, {"mul.wide.s" bits, NULL, nn n n},                          \
        {"mad.wide.u" bits, NULL, nn n n nn}, {                                                    \
        "mad.wide.s" bits, NULL, nn n n nn                                                         \
    }
/* Without a rounding an instruction rounds to nearest even. */
#define FLOATS(bits, n)                                                                            \
    {"add.rn.f" bits, NULL, n n n}, {"add.f" bits, "add.rn.f" bits, n n n},                        \
        {"sub.rn.f" bits, NULL, n n n}, {"sub.f" bits, "sub.rn.f" bits, n n n},                    \
        {"mul.rn.f" bits, NULL, n n n}, {"mul.f" bits, "mul.rn.f" bits, n n n},                    \
        {"div.rn.f" bits, NULL, n n n}, {"rcp.rn.f" bits, NULL, n n},                              \
        {"sqrt.rn.f" bits, NULL, n n}, {"fma.rn.f" bits, NULL, n n n n},                           \
        {"neg.f" bits, NULL, n n}, {"abs.f" bits, NULL, n n}, {"min.f" bits, NULL, n n n},         \
        {"max.f" bits, NULL, n n n}, {"selp.f" bits, "selp.b" bits, n n n "p"},                    \
        {"setp.eq.f" bits, NULL, "p" n n}, {"setp.ne.f" bits, NULL, "p" n n},                      \
        {"setp.lt.f" bits, NULL, "p" n n}, {"setp.le.f" bits, NULL, "p" n n},                      \
        {"setp.gt.f" bits, NULL, "p" n n}, {"setp.ge.f" bits, NULL, "p" n n},                      \
        {"setp.equ.f" bits, NULL, "p" n n}, {"setp.neu.f" bits, NULL, "p" n n},                    \
        {"setp.ltu.f" bits, NULL, "p" n n}, {"setp.leu.f" bits, NULL, "p" n n},                    \
        {"setp.gtu.f" bits, NULL, "p" n n}, {"setp.geu.f" bits, NULL, "p" n n},                    \
        {"setp.num.f" bits, NULL, "p" n n}, {                                                      \
        "setp.nan.f" bits, NULL, "p" n n                                                           \
    }
#define ROUNDED(how, from, n)                                                                      \
    {"cvt." how ".s32." from, NULL, "4" n}, {"cvt." how ".u32." from, NULL, "4" n},                \
        {"cvt." how ".s64." from, NULL, "8" n}, {                                                  \
        "cvt." how ".u64." from, NULL, "8" n                                                       \
    }
#define ROUNDINGS(from, n)                                                                         \
    ROUNDED("rni", from, n), ROUNDED("rzi", from, n), ROUNDED("rmi", from, n),                     \
        ROUNDED("rpi", from, n)
#define HALVES(f)                                                                                  \
    {"add." f, NULL, "222"}, {"add.rn." f, "add." f, "222"}, {"sub." f, NULL, "222"},              \
        {"sub.rn." f, "sub." f, "222"}, {"mul." f, NULL, "222"}, {"mul.rn." f, "mul." f, "222"},   \
        {"fma.rn." f, NULL, "2222"}, {"neg." f, NULL, "22"}, {"abs." f, NULL, "22"},               \
        {"add." f "x2", NULL, "444"}, {"add.rn." f "x2", "add." f "x2", "444"},                    \
        {"sub." f "x2", NULL, "444"}, {"sub.rn." f "x2", "sub." f "x2", "444"},                    \
        {"mul." f "x2", NULL, "444"}, {"mul.rn." f "x2", "mul." f "x2", "444"},                    \
        {"fma.rn." f "x2", NULL, "4444"}, {"neg." f "x2", NULL, "44"},                             \
        {"abs." f "x2", NULL, "44"}, {"cvt.rn." f ".f32", NULL, "24"}, {"cvt.f32." f, NULL, "42"}, \
    {                                                                                              \
        "cvt.rn." f "x2.f32", NULL, "444"                                                          \
    }

static const struct ptx_form forms[] = {
    INTEGERS("16", "2"),
    INTEGERS("32", "4"),
    INTEGERS("64", "8"),
    WIDE("16", "2", "4"),
    WIDE("32", "4", "8"),
    FLOATS("32", "4"),
    FLOATS("64", "8"),
    ROUNDINGS("f32", "4"),
    ROUNDINGS("f64", "8"),
    HALVES("f16"),
    HALVES("bf16"),
    {"cvt.f64.f32", NULL, "84"},
    {"cvt.rn.f32.f64", NULL, "48"},
    {"cvt.f64.f16", NULL, "82"},
    {"cvt.rn.f16.f64", NULL, "28"},
    {"and.pred", NULL, "ppp"},
    {"or.pred", NULL, "ppp"},
    {"xor.pred", NULL, "ppp"},
    {"not.pred", NULL, "pp"},
    {"clz.b32", NULL, "44"},
    {"clz.b64", NULL, "48"},
    {"popc.b32", NULL, "44"},
    {"popc.b64", NULL, "48"},
    {"shf.l.wrap.b32", NULL, "4444"},
    {"shf.r.wrap.b32", NULL, "4444"},
    {"shf.l.clamp.b32", NULL, "4444"},
    {"shf.r.clamp.b32", NULL, "4444"},
    {"bfi.b32", NULL, "44444"},
    {"bfe.u32", NULL, "4444"},
    {"bfe.s32", NULL, "4444"},
    {"prmt.b32", NULL, "4444"},
    {"lop3.b32", NULL, "44444"},
    {"dp4a.s32.s32", NULL, "4444"},
};

#define COUNT ((int)(sizeof forms / sizeof *forms))

static int by_opcode(const void *a, const void *b) {
    return strcmp((*(const struct ptx_form *const *)a)->opcode,
                  (*(const struct ptx_form *const *)b)->opcode);
}

static int finds(const void *key, const void *form) {
    const struct ptx_word *word = key;
    const char *opcode = (*(const struct ptx_form *const *)form)->opcode;
    int order = strncmp(word->text, opcode, (size_t)word->length);
    return order ? order : -(opcode[word->length] != '\0');
}

static const struct ptx_form *sorted[COUNT];

__attribute__((constructor)) static void sort(void) {
    for (int k = 0; k < COUNT; k++)
        sorted[k] = &forms[k];
    qsort(sorted, COUNT, sizeof *sorted, by_opcode);
}

const struct ptx_form *ptx_form_find(struct ptx_word opcode) {
    const struct ptx_form *const *found = bsearch(&opcode, sorted, COUNT, sizeof *sorted, finds);
    return found ? *found : NULL;
}

const struct ptx_form *ptx_form_at(int index) {
    return index >= 0 && index < COUNT ? &forms[index] : NULL;
}
