/* claims_test.c: the lab's claims on made-up rows. */
#include "harness/lab/claims_fixture.h"

int main(void) {
    return claims_test(&lab, "labs/03-fragment-churn/claims_test.jsonl", NULL);
}
