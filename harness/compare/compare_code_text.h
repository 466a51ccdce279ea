/*
 * compare_code_text.h: what a comparison says of code and of changes in how was measured.
 */
#ifndef NANOLAB_HARNESS_COMPARE_CODE_TEXT_H
#define NANOLAB_HARNESS_COMPARE_CODE_TEXT_H

#include <stdio.h>

#include "harness/compare/compare.h"

/* A line each, on a terminal; paragraphs, on the page, where the second side is called `side`. */
void compare_code_print(const struct compare *c, FILE *to);
void compare_code_markdown(const struct compare *c, const char *side, FILE *to);

/* {"equal", "differ", "unknown", "kernels": [{"kernel", "cases"}]}: cases. */
json_t *compare_code_json(const struct compare *c);
/* [{"number", "cases", "version", "date", "what", "counts": [A's, B's]}], lines of
 * results/changes.tsv before which some cases were measured. */
json_t *compare_changes_json(const struct compare *c);
/* Adds to a case's line "code", the first few "kernels" that are not equal, and "measured_before":
 * numbers of those lines, A's and B's. 0, or -1: no memory. */
int compare_code_case_json(const struct compare *c, const struct compare_pair *p, json_t *into);

#endif
