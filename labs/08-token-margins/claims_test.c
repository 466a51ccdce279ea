/*
 * claims_test.c: every claim of lab 08 on made-up rows.
 */
#include "harness/lab/claims_fixture.h"

int main(void) {
    return claims_test(&lab, "labs/08-token-margins/claims_test.jsonl", NULL);
}
