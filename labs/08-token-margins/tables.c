/* tables.c: what the plots are drawn from, where it is not one line a row. */
#include "labs/08-token-margins/margins.h"

#define DEVICE(rows, k) row_text(rows, k, "device")

/* Each step's margin, and whether any pair of plans flips it. */
int margins_table(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (size_t k = 0; k < rows->count; k++) {
        if (!row_is(rows, k, "pair", pairs[0].name))
            continue; /* the rows of a case share its series */
        for (size_t s = 0; s < row_series(rows, k, "margin"); s++)
            lab_table_row(table, "%s\t%s\t%.0f\t%zu\t%.9g\t%s", DEVICE(rows, k),
                          row_text(rows, k, "kind"), row_number(rows, k, "question"), s,
                          row_series_number(rows, k, "margin", s),
                          row_series_number(rows, k, "flipped", s) > 0 ? "flips" : "stays");
    }
    return 0;
}

/* Flips of each pair over all texts. */
int rates_table(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (int p = 0; p < PAIRS; p++) {
        double steps = 0, flips = 0;
        size_t last = rows->count;
        for (size_t k = 0; k < rows->count; k++)
            if (row_is(rows, k, "pair", pairs[p].name)) {
                steps += row_number(rows, k, "steps");
                flips += row_number(rows, k, "flips");
                last = k;
            }
        const struct ratio r = number_share(flips, steps);
        if (last < rows->count)
            lab_table_row(table, "%s\t%s\t%d\t%.0f\t%.0f\t%.6g\t%.6g\t%.6g", DEVICE(rows, last),
                          pairs[p].name, p + 1, steps, flips, 100 * r.value, 100 * r.low,
                          100 * r.high);
    }
    return 0;
}

/* How many in a hundred texts have not parted before each token. */
int whole_table(struct lab_run *run, const struct rows *rows, struct lab_table *table) {
    (void)run;
    for (int p = 0; p < PAIRS; p++) {
        struct rows some = rows_select(rows, "08/free/", NULL);
        double most = 0, count = 0;
        for (size_t k = 0; k < some.count; k++)
            if (row_is(&some, k, "pair", pairs[p].name)) {
                most =
                    row_number(&some, k, "tokens") > most ? row_number(&some, k, "tokens") : most;
                count++;
            }
        for (double at = 0; count > 0 && at <= most && at <= 4096; at++) {
            double parted = 0;
            for (size_t k = 0; k < some.count; k++)
                parted +=
                    row_is(&some, k, "pair", pairs[p].name) && row_number(&some, k, "part") < at;
            lab_table_row(table, "%s\t%s\t%.0f\t%.6g", DEVICE(&some, 0), pairs[p].name, at,
                          100 * (count - parted) / count);
        }
        rows_free(&some);
    }
    return 0;
}
