/*
 * serving_shape.c: the shape class, here and nowhere else.
 */
#include <stdio.h>

#include "kernels/serving/serving.h"

#define WORD(value, word, what) word,
#define WHAT(value, word, what) what,
static const char *const m_words[] = {SERVING_M_CLASSES(WORD)};
static const char *const m_whats[] = {SERVING_M_CLASSES(WHAT)};
static const char *const l_words[] = {SERVING_L_CLASSES(WORD)};
static const char *const l_whats[] = {SERVING_L_CLASSES(WHAT)};

enum serving_m_class serving_m_class(uint64_t m) {
    if (m < 2)
        return m == 0 ? SERVING_M_NONE : SERVING_M_ONE;
    if (m % 8 == 0)
        return m % 16 == 0 ? SERVING_M_BY_16 : SERVING_M_BY_8;
    return m < 16 ? SERVING_M_FEW : SERVING_M_TAIL;
}

enum serving_l_class serving_l_class(uint64_t l) {
    if (l == 0)
        return SERVING_L_NONE;
    if (l % 8 != 0)
        return l % 2 == 0 ? SERVING_L_BY_2 : SERVING_L_ODD;
    return l % 64 == 0 ? SERVING_L_BY_64 : l % 16 == 0 ? SERVING_L_BY_16 : SERVING_L_BY_8;
}

const char *serving_m_class_name(enum serving_m_class m) {
    return (unsigned)m < SERVING_M_CLASS_COUNT ? m_words[m] : "?";
}

const char *serving_m_class_what(enum serving_m_class m) {
    return (unsigned)m < SERVING_M_CLASS_COUNT ? m_whats[m] : "?";
}

const char *serving_l_class_name(enum serving_l_class l) {
    return (unsigned)l < SERVING_L_CLASS_COUNT ? l_words[l] : "?";
}

const char *serving_l_class_what(enum serving_l_class l) {
    return (unsigned)l < SERVING_L_CLASS_COUNT ? l_whats[l] : "?";
}

int serving_shape_class(uint64_t m, uint64_t l) {
    return (int)serving_m_class(m) * (int)SERVING_L_CLASS_COUNT + (int)serving_l_class(l);
}

char *serving_shape_class_text(int shape_class, char *out) {
    bool known = shape_class >= 0 && shape_class < SERVING_SHAPE_CLASS_COUNT;
    int m = known ? shape_class / (int)SERVING_L_CLASS_COUNT : SERVING_M_CLASS_COUNT;
    int l = known ? shape_class % (int)SERVING_L_CLASS_COUNT : SERVING_L_CLASS_COUNT;
    snprintf(out, SERVING_SHAPE_CLASS_TEXT, "%s.%s", serving_m_class_name((enum serving_m_class)m),
             serving_l_class_name((enum serving_l_class)l));
    return out;
}
