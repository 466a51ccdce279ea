/* tables.c: what the plots are drawn from, where it is not one line a row. */
#include "labs/09-batch-invariance/invariance.h"

/* Distinct answers of each link of the chain, and how many are not the most frequent one. */
int texts_table(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    static const char *const links[] = {"alone", "free", "slower", "replayed", "fixed", "floats"};
    (void)run;
    for (size_t l = 0; l < sizeof links / sizeof *links; l++)
        for (size_t k = 0; k < rows->count; k++) {
            if (!row_is(rows, k, "link", links[l]))
                continue;
            const double n = row_number(rows, k, "completions");
            const struct ratio other = number_share(n - row_number(rows, k, "most frequent"), n);
            lab_table_row(table, "%s\t%s\t%zu\t%.0f\t%.0f\t%.4g\t%.4g\t%.4g\t%.3g",
                          row_text(rows, k, "device"), links[l], l + 1, n,
                          row_number(rows, k, "distinct"), 100 * other.value, 100 * other.low,
                          100 * other.high, row_number(rows, k, "rows a step"));
            break; /* one row a link: the others are its texts */
        }
    return 0;
}
