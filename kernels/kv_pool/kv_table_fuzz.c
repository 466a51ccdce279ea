/*
 * kv_table_fuzz.c: a libFuzzer target over everything that reads a block table. What is read must
 * pass the table's own check, be counted, and come back when it is written. An input's first byte
 * says which options it is read with.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/kv_pool/kv_table_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char note[KV_WHY], why[KV_WHY] = "";
    struct kv_table t, back;
    struct kv_map_stats stats;
    if (size == 0)
        return 0;
    const struct kv_read_options options = {.block_tokens = data[0] & 1 ? 16 : 0,
                                            .pool_blocks = data[0] & 2 ? 1000 : 0,
                                            .null_block = data[0] & 4 ? 0 : -1};
    if (kv_table_parse((const char *)data + 1, size - 1, &options, &t, note, why) != 0) {
        for (const char *c = why; *c; c++)
            demand(*c >= ' ' && *c <= '~', "a reason is one line of printable ASCII");
        demand(*why && !t.ids, "a refusal has its reason and leaves nothing");
        return 0;
    }
    demand(kv_table_check(&t, true, why) == 0, "what is read passes the check");
    demand(kv_table_stats(&t, 16, &stats) != 0 || stats.unique_tokens <= stats.tokens,
           "distinct tokens are tokens");
    FILE *file = tmpfile();
    if (file) {
        demand(kv_table_write(&t, file) == 0, "it can be written");
        rewind(file);
        demand(kv_table_read(file, NULL, &back, note, why) == 0 && back.sequences == t.sequences,
               "what is written reads back");
        fclose(file);
        kv_table_close(&back);
    }
    kv_table_close(&t);
    return 0;
}
