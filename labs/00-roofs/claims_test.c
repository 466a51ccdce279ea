/*
 * claims_test.c: every claim of lab 00 on made-up rows.
 */
#include "harness/lab/claims_fixture.h"

int main(void) {
    return claims_test(&lab, "labs/00-roofs/claims_test.jsonl", NULL);
}
