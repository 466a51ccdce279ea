/*
 * verdicts.h: the table of verdicts at the end of a run, for people and for programs.
 */
#ifndef NANOLAB_HARNESS_VERDICTS_H
#define NANOLAB_HARNESS_VERDICTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Prints one lab's verdicts. `claims` is the array of claims.json; what is malformed in it is
 * shown as "?", never raw. `width`: columns to wrap at. */
void verdicts_print(FILE *to, const char *lab, const char *question, const json_t *claims,
                    int width);
/* One line: "9 confirmed, 1 refuted, 2 bounded, 1 not testable here". */
void verdicts_summary(const json_t *claims, char *out, size_t size);
/* True if a finding says that a predicted bit did not hold. */
bool verdicts_broken(const json_t *claims);
/* One line for each such finding: our bug. Returns how many. */
size_t verdicts_print_broken(FILE *to, const char *program, const json_t *claims,
                             const char *folder);

#endif
