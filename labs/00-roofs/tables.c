/*
 * tables.c: the tables behind the plots, from the recorded cases.
 */
#include "labs/00-roofs/roofs_lab.h"

#define SIZES 32
#define THREADS 8

static void threads_text(unsigned threads, char text[24]) {
    if (threads == 0)
        snprintf(text, 24, "whole grid");
    else
        snprintf(text, 24, "%u thread%s", threads, threads == 1 ? "" : "s");
}

static void bandwidth_rows(struct lab_run *run, struct lab_table *table, const char *device) {
    unsigned threads[THREADS];
    size_t thread_count = measured_threads(run, device, threads, THREADS);
    for (int op = ROOFS_READ; op <= ROOFS_COPY; ++op) {
        size_t sizes[SIZES];
        size_t n = measured_sizes(run, device, (enum roofs_op)op, sizes, SIZES);
        for (size_t t = 0; t < thread_count; ++t)
            for (size_t s = 0; s < n; ++s) {
                struct measured m;
                char text[24];
                threads_text(threads[t], text);
                if (measured_best(run, device, (enum roofs_op)op, threads[t], sizes[s], &m))
                    lab_table_row(table, "%s\t%s\t%s\t%zu\t%.6g\t%.6g\t%.6g\t%s", device, text,
                                  roofs_op_name((enum roofs_op)op), sizes[s], m.per_second / 1e9,
                                  m.low / 1e9, m.high / 1e9, m.kernel);
            }
    }
}

static int reader_row(void *context, const json_t *record) {
    char text[24];
    threads_text((unsigned)case_number(record, "params", "threads"), text);
    lab_table_row(context, "%s\t%s\t%s\t%.0f\t%.6g\t%.6g\t%.6g",
                  json_string_value(json_object_get(record, "device")), text,
                  case_text(record, "params", "kernel"), case_number(record, "params", "bytes"),
                  case_number(record, "counters", "per_second") / 1e9,
                  case_number(record, "counters", "per_second_low") / 1e9,
                  case_number(record, "counters", "per_second_high") / 1e9);
    return 0;
}

static int rate_row(void *context, const json_t *record) {
    char text[24];
    threads_text((unsigned)case_number(record, "params", "threads"), text);
    lab_table_row(context, "%s\t%s\t%s\t%s\t%.6g\t%.6g\t%.6g\t%s",
                  json_string_value(json_object_get(record, "device")), text,
                  case_text(record, "params", "op"), case_text(record, "params", "kernel"),
                  case_number(record, "counters", "per_second"),
                  case_number(record, "counters", "per_second_low"),
                  case_number(record, "counters", "per_second_high"),
                  case_text(record, "params", "unit"));
    return 0;
}

int write_tables(struct lab_run *run) {
    if (lab_time_devices(run) == 0)
        return 0;
    struct lab_table *table = lab_table_open(run, "bandwidth");
    if (!table)
        return -1;
    lab_table_row(table, "device\tthreads\top\tbytes\tgbps\tlow\thigh\tkernel");
    for (size_t k = 0; k < lab_time_devices(run); ++k)
        bandwidth_rows(run, table, device_id(lab_time_device(run, k)));
    if (lab_table_close(table) != 0 || !(table = lab_table_open(run, "readers")))
        return -1;
    lab_table_row(table, "device\tthreads\tkernel\tbytes\tgbps\tlow\thigh");
    lab_cases(run, "00/read/", NULL, reader_row, table);
    if (lab_table_close(table) != 0 || !(table = lab_table_open(run, "rates")))
        return -1;
    lab_table_row(table, "device\tthreads\twhat\tkernel\trate\tlow\thigh\tunit");
    for (int op = ROOFS_FMA32; op < ROOFS_OPS; ++op) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "00/%s/", roofs_op_name((enum roofs_op)op));
        lab_cases(run, prefix, NULL, rate_row, table);
    }
    return lab_table_close(table);
}
