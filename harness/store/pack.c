/*
 * pack.c: from a result folder to an archive (pack.h).
 */
#define _GNU_SOURCE
#include "harness/store/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "harness/error.h"
#include "harness/store/checked.h"
#include "harness/store/durable.h"
#include "harness/store/folder.h"
#include "harness/store/pack_inside.h"
#include "harness/store/pack_journal.h"
#include "harness/store/predictions.h"
#include "harness/store/record.h"

#define DOS_1980 0x21 /* the first day that the format knows */

/* --- files -------------------------------------------------------------------------------------
 */

int pack_open_file(const struct folder *root, const char *name) {
    struct folder at = *root, next;
    char part[PACK_NAME];
    const char *slash;
    int status = 0;
    for (; status == 0 && (slash = strchr(name, '/')); name = slash + 1) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        status = folder_open_in(&next, &at, part);
        if (at.fd != root->fd)
            folder_close(&at);
        at = next;
    }
    int fd = status == 0 ? folder_open_file(&at, name, NULL) : -1;
    if (at.fd != root->fd)
        folder_close(&at);
    return fd;
}

int pack_measure(const json_t *files, struct pack *out) {
    char line[PACK_NAME + SHA_TEXT + 32];
    char *text = NULL;
    size_t size = 0, k;
    json_t *file;
    FILE *to = open_memstream(&text, &size);
    *out = (struct pack){.files = json_array_size(files)};
    if (!to)
        return -1;
    json_array_foreach(files, k, file) {
        json_int_t bytes = json_integer_value(json_object_get(file, "bytes"));
        snprintf(line, sizeof line, "%s %lld %s\n",
                 json_string_value(json_object_get(file, "sha256")), (long long)bytes,
                 json_string_value(json_object_get(file, "name")));
        fputs(line, to);
        out->bytes += (uint64_t)bytes;
    }
    int status = fclose(to) == 0 ? sha_bytes(text, size, out->content) : -1;
    free(text);
    return status;
}

/* --- which of them -------------------------------------------------------------------------------
 */

static int add_name(json_t *names, const char *format, const char *lab, const char *name) {
    char path[PACK_NAME];
    snprintf(path, sizeof path, format, lab, name);
    return json_array_append_new(names, json_string(path));
}

/* Of one lab, what its journal and its end record vouch for. */
static int add_lab(json_t *names, const struct checked_lab *lab) {
    const char *name;
    json_t *ignored;
    int status = add_name(names, "%s/%s", lab->name, "cases.jsonl");
    json_object_foreach(json_object_get(lab->reader->end, "files"), name, ignored) {
        status |= add_name(names, "%s/%s", lab->name, name);
    }
    json_object_foreach(lab->reader->sides, name, ignored) {
        status |= add_name(names, "%s/" RECORD_SIDE_FOLDER "/%s", lab->name, name);
    }
    return status;
}

static int by_name(const void *a, const void *b) {
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

/* All files, sorted. NULL with error_text(). */
static json_t *names_of(const struct checked *checked, const char *dir) {
    json_t *names = json_array(), *sorted = json_array(), **list = NULL;
    int status = names && sorted ? add_name(names, "%s%s", "", "run.json") : -1;
    if (status == 0 && checked->predictions)
        status = add_name(names, "%s%s", "", PREDICTIONS_FILE);
    for (size_t k = 0; status == 0 && k < checked->lab_count; k++)
        status = add_lab(names, &checked->labs[k]);
    size_t count = json_array_size(names);
    if (status == 0)
        list = malloc(count * sizeof(json_t *));
    for (size_t k = 0; list && k < count; k++)
        list[k] = json_array_get(names, k);
    if (list)
        qsort(list, count, sizeof(json_t *), by_name);
    for (size_t k = 0; list && status == 0 && k < count; k++)
        status = json_array_append(sorted, list[k]);
    if (!list || status != 0) {
        json_decref(sorted);
        sorted = NULL;
        error_set("%s: out of memory; close other programs", dir);
    }
    free(list);
    json_decref(names);
    return sorted;
}

/* --- the manifest ------------------------------------------------------------------------------
 */

/* {"name", "bytes", "sha256"}; NULL with error_text(). */
static json_t *describe(const struct folder *root, const char *name) {
    char digest[SHA_TEXT];
    uint64_t bytes = 0;
    int fd = pack_open_file(root, name);
    if (fd < 0)
        return NULL;
    json_t *file = NULL;
    if (sha_file(fd, digest, &bytes) != 0)
        error_set("%s/%s: cannot be read: %s", root->path, name, strerror(errno));
    else if (!(file = json_pack("{s:s, s:I, s:s}", "name", name, "bytes", (json_int_t)bytes,
                                "sha256", digest)))
        error_set("%s: out of memory; close other programs", root->path);
    close(fd);
    return file;
}

/* The manifest of these files; NULL with error_text(). */
static json_t *manifest_of(const struct folder *root, const json_t *names, int format,
                           struct pack *out) {
    json_t *files = json_array(), *name;
    size_t k;
    json_array_foreach(names, k, name) {
        json_t *file = describe(root, json_string_value(name));
        if (!file || json_array_append_new(files, file) != 0) {
            json_decref(files);
            return NULL;
        }
    }
    json_t *manifest = NULL;
    if (pack_measure(files, out) == 0)
        manifest = json_pack("{s:i, s:s, s:O}", "archive", format, "content", out->content, "files",
                             files);
    if (!manifest)
        error_set("%s: out of memory; close other programs", root->path);
    json_decref(files);
    return manifest;
}

/* --- the archive -------------------------------------------------------------------------------
 */

static int refuse(zip_t *zip, const char *path) {
    int error = zip_error_code_system(zip_get_error(zip));
    return error_set("%s: cannot be written: %s", path,
                     error > 0 ? folder_advice(error) : zip_strerror(zip));
}

/* What is written, and how it is compressed. */
struct writing {
    const struct folder *root;
    const json_t *manifest;
    bool dense;
};

/* Adds a file, taking the source over. Same bytes every time: no time, no owner. */
static int add_source(zip_t *zip, const struct writing *w, const char *path, const char *top,
                      const char *name, zip_source_t *source) {
    char inside[PACK_NAME + 32];
    snprintf(inside, sizeof inside, "%s/%s", top, name);
    zip_int64_t index = source ? zip_file_add(zip, inside, source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
        zip_source_free(source);
        return refuse(zip, path);
    }
    zip_uint64_t at = (zip_uint64_t)index;
    if (zip_set_file_compression(zip, at, w->dense ? ZIP_CM_BZIP2 : ZIP_CM_DEFLATE,
                                 w->dense ? 9 : 6) != 0 ||
        zip_file_set_dostime(zip, at, 0, DOS_1980, 0) != 0 ||
        zip_file_set_external_attributes(zip, at, 0, ZIP_OPSYS_UNIX,
                                         (zip_uint32_t)(S_IFREG | 0644) << 16) != 0)
        return refuse(zip, path);
    return 0;
}

/* Files are opened when the archive is closed, one after another. What was exchanged since it was
 * hashed is found when it is unpacked. */
static int add_file(zip_t *zip, const struct writing *w, const char *path, const char *top,
                    const json_t *file) {
    const char *name = json_string_value(json_object_get(file, "name"));
    char from[FOLDER_PATH + PACK_NAME];
    if (w->dense && pack_journal_is(name)) {
        size_t size = 0;
        char *text = pack_journal_read(w->root, name, &size);
        zip_source_t *source = text ? zip_source_buffer(zip, text, size, 1) : NULL;
        if (text && !source)
            free(text);
        return text ? add_source(zip, w, path, top, name, source) : -1;
    }
    snprintf(from, sizeof from, "%s/%s", w->root->path, name);
    return add_source(
        zip, w, path, top, name,
        zip_source_file(zip, from, 0, json_integer_value(json_object_get(file, "bytes"))));
}

static int add_all(zip_t *zip, const struct writing *w, const char *path, const char *text) {
    char top[PACK_TOP];
    size_t k;
    json_t *file;
    snprintf(top, sizeof top, PACK_TOP_FORMAT,
             json_string_value(json_object_get(w->manifest, "content")));
    int status =
        add_source(zip, w, path, top, PACK_MANIFEST, zip_source_buffer(zip, text, strlen(text), 0));
    json_array_foreach(json_object_get(w->manifest, "files"), k, file) {
        if (status == 0)
            status = add_file(zip, w, path, top, file);
    }
    return status;
}

/* `path` is for messages. */
static int write_archive(const char *to, const char *path, const struct writing *w) {
    int error = 0;
    if (w->dense && !zip_compression_method_supported(ZIP_CM_BZIP2, 1))
        return error_set("%s: cannot be written: libzip was built without bzip2 here; pack it "
                         "elsewhere",
                         path);
    char *text = json_dumps(w->manifest, JSON_INDENT(1));
    zip_t *zip = text ? zip_open(to, ZIP_CREATE | ZIP_TRUNCATE, &error) : NULL;
    int status = zip ? add_all(zip, w, path, text)
                     : error_set("%s: cannot be written: %s", path, folder_advice(errno));
    if (zip && status == 0 && zip_close(zip) != 0) {
        status = refuse(zip, path);
        zip_discard(zip);
    } else if (zip && status != 0) {
        zip_discard(zip);
    }
    free(text);
    return status;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* In a temporary folder beside it, since the library makes files of its own, and renamed: never
 * half an archive. */
static int write_beside(const char *path, const struct writing *w) {
    struct folder parent;
    char above[FOLDER_PATH], temporary[DURABLE_NAME], to[2 * FOLDER_PATH];
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    snprintf(above, sizeof above, "%.*s", (int)(name - path), path);
    if (*name == '\0' || strlen(name) > 200)
        return error_set("%s: no name for an archive; name a file, such as mine" PACK_SUFFIX, path);
    if (folder_open(&parent, *above ? above : ".") != 0)
        return -1;
    int status = 0, fd = -1, inside = -1;
    if (folder_has(&parent, name))
        status = error_set("%s: is there already; name another with --out", path);
    else if ((inside = durable_temporary_folder(parent.fd, name, temporary)) < 0)
        status = error_set("%s: cannot be written: %s", path, folder_advice(errno));
    if (status == 0) {
        snprintf(to, sizeof to, "%s/%s/archive", parent.path, temporary);
        status = write_archive(to, path, w);
    }
    if (status == 0 &&
        ((fd = openat(inside, "archive", O_RDONLY | O_CLOEXEC)) < 0 ||
         durable_sync_file(fd, path) != 0 || renameat(inside, "archive", parent.fd, name) != 0))
        status = error_set("%s: cannot be written: %s", path, folder_advice(errno));
    if (fd >= 0)
        close(fd);
    if (inside >= 0) {
        folder_remove_tree(parent.fd, temporary);
        close(inside);
    }
    folder_close(&parent);
    return status;
}

/* The manifest of a valid folder, which is left open; NULL with error_text(). */
static json_t *manifest_in(const char *dir, int format, struct folder *root, struct pack *out) {
    struct checked *checked;
    if (checked_open(&checked, dir) != 0)
        return NULL;
    json_t *manifest = NULL, *names = NULL;
    if (*checked->predictions_wrong)
        error_set("%s", checked->predictions_wrong);
    else
        names = names_of(checked, dir);
    checked_close(checked);
    if (names && folder_open(root, dir) == 0 && !(manifest = manifest_of(root, names, format, out)))
        folder_close(root);
    json_decref(names);
    return manifest;
}

static int pack_by(const char *dir, const char *archive, bool dense, struct pack *out) {
    struct folder root;
    json_t *manifest = manifest_in(dir, dense ? PACK_FORMAT_DENSE : PACK_FORMAT, &root, out);
    if (!manifest)
        return -1;
    int status = write_beside(archive, &(struct writing){&root, manifest, dense});
    folder_close(&root);
    json_decref(manifest);
    return status;
}

int pack_folder(const char *dir, const char *archive, struct pack *out) {
    return pack_by(dir, archive, false, out);
}

int pack_folder_densely(const char *dir, const char *archive, struct pack *out) {
    return pack_by(dir, archive, true, out);
}

int pack_content(const char *dir, struct pack *out) {
    struct folder root;
    json_t *manifest = manifest_in(dir, PACK_FORMAT, &root, out);
    if (!manifest)
        return -1;
    folder_close(&root);
    json_decref(manifest);
    return 0;
}
