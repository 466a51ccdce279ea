/* claims_test.c: each claim on made-up rows: confirmed, refuted, bounded, and by its controls. */
#include "harness/lab/claims_fixture.h"

int main(void) {
    return claims_test(&lab, "labs/04-paged-kv-residency/claims_test.jsonl",
                       "labs/04-paged-kv-residency/claims_time_test.jsonl", NULL);
}
