/* claims_test.c: each claim on made-up rows: confirmed, refuted, bounded, and by its controls. */
#include "harness/lab/claims_fixture.h"

int main(void) {
    return claims_test(&lab, "labs/05-nccl-straggler/claims_stalls_test.jsonl",
                       "labs/05-nccl-straggler/claims_chain_test.jsonl",
                       "labs/05-nccl-straggler/claims_bits_test.jsonl",
                       "labs/05-nccl-straggler/claims_league_test.jsonl",
                       "labs/05-nccl-straggler/claims_workspace_test.jsonl", NULL);
}
