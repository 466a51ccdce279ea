/*
 * claims_test.c: every claim of lab 09 on made-up rows.
 */
#include "harness/lab/claims_fixture.h"

int main(void) {
    return claims_test(&lab, "labs/09-batch-invariance/claims_test.jsonl", NULL);
}
