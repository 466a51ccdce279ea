/*
 * compare_text.h: a comparison in words (compare.h).
 */
#ifndef NANOLAB_HARNESS_COMPARE_TEXT_H
#define NANOLAB_HARNESS_COMPARE_TEXT_H

#include <stdio.h>

#include "harness/compare/compare.h"

/* 0, or -1: no memory. */
int compare_print(const struct compare *c, FILE *to);

#endif
