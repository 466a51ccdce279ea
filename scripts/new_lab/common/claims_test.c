/*
 * claims_test.c: every claim of lab @NN@ on made-up rows.
 */
#include "harness/lab/claims_fixture.h"

int main(void) {
    return claims_test(&lab, "labs/@NN@-@NAME@/claims_test.jsonl", NULL);
}
