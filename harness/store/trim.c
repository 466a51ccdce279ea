/*
 * trim.c: see trim.h. A record is written as text by hand where samples are rounded: as numbers
 * they would have 17 digits again.
 */
#define _GNU_SOURCE
#include "harness/store/trim.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/measure/stats.h"
#include "harness/stop.h"
#include "harness/store/checked.h"
#include "harness/store/journal.h"
#include "harness/store/pack_inside.h"
#include "harness/store/predictions.h"
#include "harness/store/record.h"
#include "harness/store/series.h"

#define LINES 256 /* that are written and synced together */

static int short_of_memory(const char *path) {
    return error_set("%s: out of memory; close other programs", path);
}

/* --- series ------------------------------------------------------------------------------------
 */

/* Which of n samples is the k-th that is kept: the middle of the k-th of equal parts. */
static size_t kept(size_t k, size_t n) {
    return (2 * k + 1) * n / (2 * TRIM_SAMPLES);
}

static bool has_text(const json_t *series, const char *name, const char *text) {
    const char *its = json_string_value(json_object_get(series, name));
    return its && strcmp(its, text) == 0;
}

/* Values of a side file as they would stand in the line; null where they are not finite. */
static json_t *values_of_file(const struct reader *reader, const json_t *series) {
    unsigned char *data;
    size_t size, width = record_side_width(json_string_value(json_object_get(series, "file")));
    if (reader_side(reader, series, &data, &size) != 0)
        return NULL;
    json_t *values = json_array();
    if (!values)
        short_of_memory(reader->path);
    for (size_t k = 0; values && (k + 1) * width <= size; k++) {
        uint64_t raw = 0;
        double value;
        memcpy(&raw, data + k * width, width);
        raw = le64toh(raw);
        memcpy(&value, &raw, sizeof value);
        if (!has_text(series, "kind", "time") && !has_text(series, "kind", "real"))
            json_array_append_new(values, json_integer((json_int_t)raw));
        else
            json_array_append_new(values, isfinite(value) ? json_real(value) : json_null());
    }
    free(data);
    return values;
}

/* Keeps some of its values, and says of how many. -1 with error_text(), as the next ones. */
static int thin(const struct reader *reader, json_t *series) {
    size_t n = (size_t)json_integer_value(json_object_get(series, "n"));
    json_t *all = json_object_get(series, "file") ? values_of_file(reader, series)
                                                  : json_incref(json_object_get(series, "values"));
    json_t *some = all ? json_array() : NULL;
    for (size_t k = 0; some && k < TRIM_SAMPLES; k++)
        json_array_append(some, json_array_get(all, kept(k, n)));
    if (!all && json_object_get(series, "file"))
        return -1;
    json_decref(all);
    json_object_del(series, "file");
    json_object_del(series, "sha256");
    return json_object_set_new(series, "of", json_integer((json_int_t)n)) |
                   json_object_set_new(series, "n", json_integer(TRIM_SAMPLES)) |
                   json_object_set_new(series, "values", some)
               ? short_of_memory(reader->path)
               : 0;
}

static int leave_out(const struct reader *reader, json_t *series) {
    static const char *const contents[] = {"values", "bins", "edges", "file", "sha256"};
    char digest[SHA_TEXT];
    bool has_digest = series_digest(series, digest) == 0;
    for (size_t k = 0; k < sizeof contents / sizeof *contents; k++)
        json_object_del(series, contents[k]);
    if ((has_digest && json_object_set_new(series, "sha256", json_string(digest)) != 0) ||
        json_object_set_new(series, "left_out", json_true()) != 0)
        return short_of_memory(reader->path);
    return 0;
}

/* How many samples of time the case has; 0: no more than are kept. */
static size_t samples_of(const json_t *list) {
    json_t *series;
    size_t k;
    json_array_foreach(list, k, series) {
        json_int_t n = json_integer_value(json_object_get(series, "n"));
        if (has_text(series, "kind", "time") && n > TRIM_SAMPLES)
            return (size_t)n;
    }
    return 0;
}

/* What comparisons stand on, and what the samples that are kept would not give. */
static int add_quantile(const struct reader *reader, json_t *record) {
    json_t *bench = json_object_get(record, "bench"), *series, *value;
    size_t k, v, n = 0;
    if (!bench || json_object_get(bench, "p05"))
        return 0;
    json_array_foreach(json_object_get(record, "series"), k, series) {
        if (!has_text(series, "name", "time") || !has_text(series, "kind", "time"))
            continue;
        json_t *all = json_object_get(series, "file")
                          ? values_of_file(reader, series)
                          : json_incref(json_object_get(series, "values"));
        double *samples = malloc((json_array_size(all) + 1) * sizeof *samples);
        json_array_foreach(all, v, value) {
            if (samples && json_is_number(value))
                samples[n++] = json_number_value(value);
        }
        double p05 = samples ? stats_quantile(samples, n, 0.05) : NAN;
        bool failed = !all || !samples ||
                      (isfinite(p05) && json_object_set_new(bench, "p05", json_real(p05)) != 0);
        free(samples);
        json_decref(all);
        return failed ? short_of_memory(reader->path) : 0;
    }
    return 0;
}

static int trim_series(const struct reader *reader, json_t *list) {
    size_t samples = samples_of(list), k;
    json_t *series;
    json_array_foreach(list, k, series) {
        size_t n = (size_t)json_integer_value(json_object_get(series, "n"));
        bool time = has_text(series, "kind", "time");
        bool beside = n == samples && has_text(series, "kind", "count");
        int status = 0;
        if ((time && n > TRIM_SAMPLES) || (beside && samples > 0))
            status = thin(reader, series);
        else if (!time && (json_object_get(series, "file") || series_is_long(series)))
            status = leave_out(reader, series);
        if (status != 0)
            return -1;
    }
    return 0;
}

/* --- records as text ---------------------------------------------------------------------------
 */

/* A real number to so many digits, but a whole one whole, since it may be a count; and it stays a
 * real number, which is another value in JSON than the whole number of the same size. */
static void put_real(FILE *to, double value, int digits) {
    char text[40];
    snprintf(text, sizeof text, "%.*g", value == floor(value) ? 17 : digits, value);
    fprintf(to, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static int put_plain(FILE *to, const json_t *value) {
    return json_dumpf(value, to, JSON_COMPACT | JSON_ENCODE_ANY);
}

static int put_name(FILE *to, char before, const char *name) {
    json_t *text = json_string(name);
    fputc(before, to);
    int status = text ? put_plain(to, text) : -1;
    fputc(':', to);
    json_decref(text);
    return status;
}

/* A value in which reals are rounded; medians are not. */
static int put_rounded(FILE *to, const json_t *value, int digits) {
    const char *name;
    json_t *member;
    size_t k;
    char before = '{';
    int status = 0;
    if (json_is_real(value)) {
        put_real(to, json_real_value(value), digits);
    } else if (json_is_array(value)) {
        fputc('[', to);
        json_array_foreach(value, k, member) {
            fputs(k ? "," : "", to);
            status |= put_rounded(to, member, digits);
        }
        fputc(']', to);
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)value, name, member) {
            status |= put_name(to, before, name);
            status |= put_rounded(to, member, strcmp(name, "median") == 0 ? 17 : digits);
            before = ',';
        }
        fputs(before == '{' ? "{}" : "}", to);
    } else {
        status = put_plain(to, value);
    }
    return status;
}

/* A record or, inside of one, a series. */
static int put_object(FILE *to, const json_t *object) {
    bool is_series = json_object_get(object, "kind") != NULL;
    const char *name;
    json_t *member, *series;
    size_t k;
    char before = '{';
    int status = 0;
    json_object_foreach((json_t *)object, name, member) {
        int digits = 17;
        if (is_series && strcmp(name, "values") == 0 && has_text(object, "kind", "time"))
            digits = TRIM_DIGITS;
        else if (!is_series && (strcmp(name, "counters") == 0 || strcmp(name, "bench") == 0 ||
                                strcmp(name, "rows") == 0))
            digits = TRIM_COUNTER_DIGITS;
        status |= put_name(to, before, name);
        before = ',';
        if (is_series || strcmp(name, "series") != 0) {
            status |= put_rounded(to, member, digits);
            continue;
        }
        fputc('[', to);
        json_array_foreach(member, k, series) {
            fputs(k ? "," : "", to);
            status |= put_object(to, series);
        }
        fputc(']', to);
    }
    fputc('}', to);
    return status;
}

/* NULL: no memory. */
static char *text_of(json_t *record) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    json_object_del(record, "hash");
    int status = to ? put_object(to, record) : -1;
    if (to)
        status |= fclose(to);
    if (status == 0)
        return text;
    free(text);
    return NULL;
}

/* --- a journal ---------------------------------------------------------------------------------
 */

struct lines {
    struct journal_writer writer;
    char *texts[LINES];
    size_t count;
};

static int flush_lines(struct lines *l) {
    int status = l->count ? journal_append_texts(&l->writer, l->texts, l->count, NULL) : 0;
    while (l->count > 0)
        free(l->texts[--l->count]);
    return status;
}

static int add_line(struct lines *l, json_t *record) {
    l->texts[l->count++] = text_of(record);
    return l->count == LINES ? flush_lines(l) : 0;
}

/* All records but the end record, which is made anew, and what only tells how the run went. */
static int trim_records(struct lines *l, const struct reader *reader) {
    struct journal_reader journal;
    int step;
    journal_reader_begin(&journal, reader->fd, reader->path);
    while ((step = journal_next(&journal)) == 1) {
        enum record_kind kind = record_kind(journal.record);
        if (kind == RECORD_END || kind == RECORD_RESUME)
            continue;
        if ((kind == RECORD_CASE &&
             (add_quantile(reader, journal.record) != 0 ||
              trim_series(reader, json_object_get(journal.record, "series")) != 0)) ||
            add_line(l, journal.record) != 0) {
            step = -1;
            break;
        }
    }
    journal_reader_end(&journal);
    return step == 0 ? flush_lines(l) : -1;
}

/* The same but for the hash before it, and without what is left out. */
static int end_records(struct lines *l, const struct reader *reader) {
    json_t *end = json_deep_copy(reader->end);
    json_object_del(json_object_get(end, "files"), "benchmark.json");
    json_object_del(end, "hash");
    int status = end && json_object_set_new(end, "previous", json_string(l->writer.hash)) == 0
                     ? journal_append(&l->writer, end, NULL, NULL)
                     : short_of_memory(reader->path);
    json_decref(end);
    return status;
}

static int trim_journal(const struct reader *reader, const struct folder *to) {
    struct lines *l = calloc(1, sizeof *l);
    if (!l)
        return short_of_memory(reader->path);
    int status = journal_create(&l->writer, to);
    if (status == 0) {
        status = trim_records(l, reader);
        if (status == 0)
            status = end_records(l, reader);
        while (l->count > 0)
            free(l->texts[--l->count]);
        journal_close(&l->writer);
    }
    free(l);
    return status;
}

/* --- a folder ----------------------------------------------------------------------------------
 */

static int copy_file(const struct folder *from, const struct folder *to, const char *name) {
    char *text;
    size_t size;
    if (folder_read(from, name, LIMIT_DOCUMENT_BYTES, &text, &size) != 0)
        return -1;
    int status = folder_write(to, name, text, size);
    free(text);
    return status;
}

static int trim_lab(const struct checked_lab *lab, const struct folder *root) {
    struct folder to;
    const char *name;
    json_t *ignored;
    if (mkdirat(root->fd, lab->name, 0777) != 0)
        return error_set("%s/%s: cannot be made: %s", root->path, lab->name, folder_advice(errno));
    if (folder_open_in(&to, root, lab->name) != 0)
        return -1;
    int status = trim_journal(lab->reader, &to);
    json_object_foreach(json_object_get(lab->reader->end, "files"), name, ignored) {
        if (status == 0 && strcmp(name, "benchmark.json") != 0)
            status = copy_file(&lab->reader->folder, &to, name);
    }
    folder_close(&to);
    return status;
}

static int trim_run(const struct checked *checked, const char *content, const struct folder *to) {
    json_t *run = json_deep_copy(checked->run);
    json_object_del(run, "hash");
    char *text = NULL;
    if (json_object_set_new(run, "trimmed",
                            json_pack("{s:i, s:s}", "rule", TRIM_RULE, "content", content)) == 0)
        text = journal_seal(run);
    int status =
        text ? folder_write(to, "run.json", text, strlen(text)) : short_of_memory(to->path);
    free(text);
    json_decref(run);
    return status;
}

static int trim_checked(const struct checked *checked, const char *content, const char *to) {
    struct folder root;
    if (mkdir(to, 0777) != 0)
        return error_set("%s: cannot be made: %s", to, folder_advice(errno));
    if (folder_open(&root, to) != 0)
        return -1;
    int status = trim_run(checked, content, &root);
    for (size_t k = 0; status == 0 && k < checked->lab_count; k++)
        status = trim_lab(&checked->labs[k], &root);
    if (status == 0 && checked->predictions)
        status = predictions_write(&root, PREDICTIONS_FILE, checked->predictions);
    folder_close(&root);
    return status;
}

int trim_folder(const char *dir, const char *to) {
    struct checked *checked;
    struct pack whole;
    if (checked_open(&checked, dir) != 0)
        return -1;
    int status = 0;
    if (json_object_get(checked->run, "trimmed"))
        status = error_set("%s: is trimmed already; pack it as it is, without --trim", dir);
    else if (!checked->complete)
        status = error_set("%s: the run is not complete; finish it with nanolab run --resume", dir);
    else
        status = pack_content(dir, &whole);
    if (status == 0)
        status = trim_checked(checked, whole.content, to);
    checked_close(checked);
    return status;
}

int trim_pack(const char *dir, const char *archive, struct pack *out) {
    const char *temporary = getenv("TMPDIR");
    char private[FOLDER_PATH], to[FOLDER_PATH + 16];
    struct folder folder;
    snprintf(private, sizeof private, "%s/nanolab-trim-XXXXXX",
             temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(private))
        return error_set("%s: cannot be made: %s", private, folder_advice(errno));
    stop_folder(private);
    snprintf(to, sizeof to, "%s/result", private);
    int status = trim_folder(dir, to);
    if (status == 0)
        status = pack_folder_densely(to, archive, out);
    if (folder_open(&folder, private) == 0) {
        folder_remove_tree(folder.fd, "result");
        folder_close(&folder);
    }
    rmdir(private);
    stop_forget_folder(private);
    return status;
}
