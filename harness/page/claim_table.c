/* claim_table.c: see claim_table.h. */
#include "harness/page/claim_table.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *claim_text(const json_t *entry, const char *name) {
    const char *text = json_string_value(json_object_get(entry, name));
    return text ? text : "";
}

long long claim_count(const json_t *entry, const char *name) {
    return json_integer_value(json_object_get(entry, name));
}

long long claim_add(long long a, long long b) {
    long long sum;
    return __builtin_add_overflow(a, b, &sum) ? LLONG_MAX : sum;
}

enum claim_mark claim_mark(const json_t *entry) {
    static const char *const names[] = {"confirmed", "refuted", "bounded"};
    if (json_is_true(json_object_get(entry, "broken")))
        return MARK_BROKEN;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (!strcmp(claim_text(entry, "verdict"), names[k]))
            return (enum claim_mark)k;
    return MARK_NOT_TESTABLE;
}

const char *claim_mark_words(enum claim_mark mark) {
    /* A skip must not look like anything else. */
    static const char *const words[MARKS] = {"confirmed", "refuted", "bounded", "not testable here",
                                             "our bug"};
    return words[mark];
}

static size_t place_of(const char *const *list, size_t count, const char *name) {
    size_t k = 0;
    while (k < count && strcmp(list[k], name))
        k++;
    return k;
}

/* The columns: devices with one verdict at least; then those that had none. */
static void find_devices(const json_t *claims, struct claim_table *table) {
    const json_t *entry;
    size_t k;
    json_array_foreach(claims, k, entry) {
        const char *device = claim_text(entry, "device");
        if (claim_mark(entry) != MARK_NOT_TESTABLE && table->device_count < CLAIM_COLUMNS_MAX &&
            place_of(table->devices, table->device_count, device) == table->device_count)
            table->devices[table->device_count++] = device;
    }
    json_array_foreach(claims, k, entry) {
        const char *device = claim_text(entry, "device");
        if (!*device || !strcmp(device, "none") || table->absent_count == CLAIM_COLUMNS_MAX ||
            claim_mark(entry) != MARK_NOT_TESTABLE ||
            place_of(table->devices, table->device_count, device) < table->device_count ||
            place_of(table->absent, table->absent_count, device) < table->absent_count)
            continue;
        table->absent[table->absent_count] = device;
        table->why[table->absent_count++] = claim_text(entry, "reason");
    }
}

static struct claim_row *row_of(struct claim_table *table, const json_t *entry) {
    const char *id = claim_text(entry, "id"); /* "" of what is no claim: no row */
    for (size_t k = 0; k < table->row_count; k++)
        if (!strcmp(table->rows[k].id, id))
            return &table->rows[k];
    if (table->row_count == CLAIM_ROWS_MAX || !*id)
        return NULL;
    struct claim_row *row = &table->rows[table->row_count++];
    row->id = id;
    row->claim = claim_text(entry, "claim");
    row->refuted_by = claim_text(entry, "refuted_by");
    row->reason = "";
    return row;
}

static void add(struct claim_table *table, const json_t *entry) {
    struct claim_row *row = row_of(table, entry);
    size_t column = place_of(table->devices, table->device_count, claim_text(entry, "device"));
    bool has_verdict = claim_mark(entry) != MARK_NOT_TESTABLE;
    if (!row) {
        table->left_out++;
    } else if (column < table->device_count) {
        table->left_out += row->on[column] != NULL;
        if (!row->on[column])
            row->on[column] = entry;
        row->asked = row->asked || has_verdict;
    } else {
        table->left_out += has_verdict;
    }
    if (row && !has_verdict && !*row->reason)
        row->reason = claim_text(entry, "reason");
}

int claim_table_make(const json_t *claims, struct claim_table *table) {
    const json_t *entry;
    size_t k;
    memset(table, 0, sizeof *table);
    table->rows = calloc(CLAIM_ROWS_MAX, sizeof *table->rows);
    if (!table->rows)
        return -1;
    find_devices(claims, table);
    json_array_foreach(claims, k, entry) {
        add(table, entry);
    }
    for (k = 0; k < table->row_count; k++) {
        struct claim_row *row = &table->rows[k];
        table->asked_count += row->asked;
        if (row->asked)
            row->reason = "";
    }
    return 0;
}

void claim_table_free(struct claim_table *table) {
    free(table->rows);
    memset(table, 0, sizeof *table);
}

size_t claim_table_nowhere(const struct claim_table *table, size_t from, size_t *first) {
    size_t count = 0;
    while (from < table->row_count && table->rows[from].asked)
        from++;
    *first = from;
    while (from + count < table->row_count && !table->rows[from + count].asked &&
           !strcmp(table->rows[from + count].reason, table->rows[from].reason))
        count++;
    return count;
}
