/*
 * unpack.c: from an archive, which may be anybody's, to a result folder (pack.h). The manifest
 * comes first and says what may follow; what does not fit it ends the reading.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "harness/error.h"
#include "harness/stop.h"
#include "harness/store/durable.h"
#include "harness/store/limits.h"
#include "harness/store/pack_inside.h"
#include "harness/store/pack_journal.h"
#include "harness/store/predictions.h"
#include "harness/store/record.h"
#include "harness/store/verify.h"
#include "harness/text.h"

struct unpack {
    const char *path;
    zip_t *zip;
    json_t *manifest;
    bool dense;
    struct folder root; /* the temporary folder */
};

static int refuse(const struct unpack *u, const char *why) {
    char shown[FOLDER_PATH];
    return error_set("%s: %s; take an intact copy", text_plain(shown, sizeof shown, u->path), why);
}

static int short_of_memory(const struct unpack *u) {
    return error_set("%s: out of memory; close other programs", u->path);
}

bool pack_is_archive(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* --- the manifest ------------------------------------------------------------------------------
 */

/* "run.json", "predictions.json", "LAB/NAME" or "LAB/side/NAME", each part a plain name. */
static bool is_result_name(const char *name) {
    char part[PACK_NAME];
    size_t depth = 0;
    if (strlen(name) >= PACK_NAME)
        return false;
    if (!strchr(name, '/'))
        return strcmp(name, "run.json") == 0 || strcmp(name, PREDICTIONS_FILE) == 0;
    for (const char *slash; (slash = strchr(name, '/')); name = slash + 1, depth++) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        if (!folder_name_is_plain(part) || depth == 2 ||
            (depth == 1 && strcmp(part, RECORD_SIDE_FOLDER) != 0))
            return false;
    }
    return folder_name_is_plain(name);
}

static int check_files(const struct unpack *u, const json_t *files) {
    struct limits left = LIMITS_WHOLE;
    const char *before = "";
    json_t *file;
    size_t k;
    json_array_foreach(files, k, file) {
        const char *name = json_string_value(json_object_get(file, "name"));
        const char *digest = json_string_value(json_object_get(file, "sha256"));
        const json_t *bytes = json_object_get(file, "bytes");
        if (!name || !digest || !json_is_integer(bytes) || json_integer_value(bytes) < 0)
            return refuse(u, "its manifest lacks a file's name, bytes or sha256");
        if (!is_result_name(name) || strcmp(before, name) >= 0 || !sha_is_digest(digest))
            return refuse(u, "its manifest names a file that no result folder has");
        if (limits_take_bytes(&left, u->path, (uint64_t)json_integer_value(bytes)) != 0)
            return -1;
        before = name;
    }
    return 0;
}

static int check_manifest(struct unpack *u, const char *text, size_t size, const char *top,
                          struct pack *out) {
    char why[200], expected[PACK_TOP];
    u->manifest = folder_parse_json(text, size, why, sizeof why);
    const json_t *files = json_object_get(u->manifest, "files");
    if (!u->manifest)
        return folder_refuse(u->path, 0, why);
    json_int_t format = json_integer_value(json_object_get(u->manifest, "archive"));
    if (format != PACK_FORMAT && format != PACK_FORMAT_DENSE)
        return error_set("%s: another format of archive than %d and %d; take a nanolab that knows "
                         "it",
                         u->path, PACK_FORMAT, PACK_FORMAT_DENSE);
    u->dense = format == PACK_FORMAT_DENSE;
    if (!json_is_array(files))
        return refuse(u, "its manifest has no list of files");
    if (check_files(u, files) != 0)
        return -1;
    if (pack_measure(files, out) != 0)
        return short_of_memory(u);
    const char *content = json_string_value(json_object_get(u->manifest, "content"));
    snprintf(expected, sizeof expected, PACK_TOP_FORMAT, out->content);
    if (!content || strcmp(content, out->content) != 0 || strcmp(top, expected) != 0)
        return refuse(u, "its files are not those of its content's hash");
    return 0;
}

/* --- entries -----------------------------------------------------------------------------------
 */

/* Opens entry `index`, whose name behind the top folder is `name`; its bytes and the top folder
 * into the others. NULL with error_text(). */
static zip_file_t *open_entry(const struct unpack *u, zip_uint64_t index, const char *name,
                              uint64_t *bytes, char top[PACK_TOP]) {
    zip_stat_t stat;
    if (zip_stat_index(u->zip, index, 0, &stat) != 0) {
        refuse(u, "it ends before its last file");
        return NULL;
    }
    const char *slash = stat.valid & ZIP_STAT_NAME ? strchr(stat.name, '/') : NULL;
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    zip_file_get_external_attributes(u->zip, index, 0, &system, &attributes);
    if (!slash || system != ZIP_OPSYS_UNIX || !S_ISREG(attributes >> 16) ||
        slash - stat.name >= PACK_TOP || strcmp(slash + 1, name) != 0 ||
        !(stat.valid & ZIP_STAT_SIZE)) {
        refuse(u, "it holds something else than its manifest says");
        return NULL;
    }
    snprintf(top, PACK_TOP, "%.*s", (int)(slash - stat.name), stat.name);
    *bytes = stat.size;
    zip_file_t *entry = zip_fopen_index(u->zip, index, 0);
    if (!entry)
        refuse(u, zip_strerror(u->zip));
    return entry;
}

/* All of the entry's data, exactly `bytes`, by pieces to `take`. Closes it. */
static int read_entry(const struct unpack *u, zip_file_t *entry, uint64_t bytes,
                      int (*take)(void *self, const char *data, size_t size), void *self) {
    char *piece = malloc(PACK_PIECE);
    int status = piece ? 0 : short_of_memory(u);
    /* One read more than there are bytes: at the end the library compares checksums. */
    for (bool end = false; status == 0 && !end;) {
        zip_int64_t got = zip_fread(entry, piece, PACK_PIECE);
        end = got == 0;
        if (got < 0 || (uint64_t)got > bytes || (end && bytes > 0))
            status = refuse(u, "it is damaged or cut");
        else
            status = take(self, piece, (size_t)got);
        bytes -= status == 0 ? (uint64_t)got : 0;
    }
    free(piece);
    zip_fclose(entry);
    return status;
}

struct memory {
    char *text;
    size_t size;
};

static int take_to_memory(void *self, const char *data, size_t size) {
    struct memory *m = self;
    memcpy(m->text + m->size, data, size);
    m->size += size;
    return 0;
}

static int read_manifest(struct unpack *u, struct pack *out) {
    char top[PACK_TOP];
    uint64_t bytes;
    struct memory m = {0};
    zip_file_t *entry = open_entry(u, 0, PACK_MANIFEST, &bytes, top);
    if (!entry)
        return -1;
    if (bytes <= PACK_MANIFEST_BYTES)
        m.text = malloc((size_t)bytes + 1);
    if (!m.text) {
        zip_fclose(entry);
        return bytes > PACK_MANIFEST_BYTES ? refuse(u, "its manifest is longer than one can be")
                                           : short_of_memory(u);
    }
    int status = read_entry(u, entry, bytes, take_to_memory, &m);
    if (status == 0)
        status = check_manifest(u, m.text, m.size, top, out);
    free(m.text);
    return status;
}

struct target {
    int fd;
    const char *path;
};

static int take_to_file(void *self, const char *data, size_t size) {
    struct target *t = self;
    if (folder_write_all(t->fd, data, size) == 0)
        return 0;
    return error_set("%s: cannot be unpacked: %s", t->path, folder_advice(errno));
}

/* Makes the folders on the way; a name's parts are plain. */
static int make_file(const struct unpack *u, const char *name) {
    char path[PACK_NAME];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(path, sizeof path, "%.*s", (int)(slash - name), name);
        if (mkdirat(u->root.fd, path, 0777) != 0 && errno != EEXIST)
            return -1;
    }
    return openat(u->root.fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
}

static int unpack_file(const struct unpack *u, zip_uint64_t index, const char *top,
                       const json_t *file) {
    const char *name = json_string_value(json_object_get(file, "name"));
    uint64_t bytes = (uint64_t)json_integer_value(json_object_get(file, "bytes")), stated;
    char in[PACK_TOP], digest[SHA_TEXT];
    zip_file_t *entry = open_entry(u, index, name, &stated, in);
    if (!entry)
        return -1;
    struct target target = {.path = u->path};
    bool plain = u->dense && pack_journal_is(name);
    int status = (plain ? stated <= bytes : stated == bytes)
                     ? 0
                     : refuse(u, "a file has another size than its manifest says");
    if (status == 0 && strcmp(in, top) != 0)
        status = refuse(u, "it holds something else than its manifest says");
    if (status == 0 && (target.fd = make_file(u, name)) < 0)
        status = error_set("%s: cannot be unpacked: %s", u->path, folder_advice(errno));
    if (status != 0) {
        zip_fclose(entry);
        return -1;
    }
    if (plain) {
        struct pack_journal journal;
        pack_journal_begin(&journal, target.fd, bytes, u->path);
        status = read_entry(u, entry, stated, pack_journal_take, &journal);
        pack_journal_end(&journal);
    } else {
        status = read_entry(u, entry, bytes, take_to_file, &target);
    }
    if (status == 0 && (sha_file(target.fd, digest, NULL) != 0 ||
                        strcmp(digest, json_string_value(json_object_get(file, "sha256"))) != 0))
        status = refuse(u, "a file is not the one that its manifest names");
    if (close(target.fd) != 0 && status == 0)
        status = error_set("%s: cannot be unpacked: %s", u->path, folder_advice(errno));
    return status;
}

static int unpack_all(struct unpack *u, struct pack *out) {
    char top[PACK_TOP];
    json_t *file;
    size_t k;
    if (read_manifest(u, out) != 0)
        return -1;
    if (zip_get_num_entries(u->zip, 0) > (zip_int64_t)out->files + 1)
        return refuse(u, "it holds more than its manifest says");
    snprintf(top, sizeof top, PACK_TOP_FORMAT, out->content);
    json_array_foreach(json_object_get(u->manifest, "files"), k, file) {
        if (unpack_file(u, k + 1, top, file) != 0)
            return -1;
    }
    return 0;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* Into the open temporary folder. */
static int unpack_into(struct unpack *u, struct pack *out) {
    int error = 0;
    if (access(u->path, F_OK) != 0)
        return error_set("%s: %s", u->path,
                         errno == ENOENT ? "no such file; check the name" : strerror(errno));
    /* Nothing but a plain file: a pipe would be waited for. */
    u->zip =
        pack_is_archive(u->path) ? zip_open(u->path, ZIP_RDONLY | ZIP_CHECKCONS, &error) : NULL;
    if (!u->zip)
        return error == ZIP_ER_MEMORY ? short_of_memory(u)
                                      : refuse(u, "it is damaged, or no archive of nanolab pack");
    int status = unpack_all(u, out);
    json_decref(u->manifest);
    zip_discard(u->zip);
    return status;
}

/* A message without the temporary folder that it begins with. */
static const char *behind(const char *message, const char *folder) {
    size_t length = strlen(folder);
    bool begins = length > 0 && strncmp(message, folder, length) == 0 && message[length] == '/';
    return begins ? message + length + 1 : message;
}

static int refuse_content(const char *archive, const char *folder) {
    return error_set("%s: what it holds is no good result folder: %s", archive,
                     behind(error_text(), folder));
}

/* A folder that is good gets its name; where one is there already, nothing happens. */
static int unpack_beside(const char *archive, const struct folder *parent, const char *dir,
                         const char *name, struct pack *out) {
    char temporary[DURABLE_NAME];
    struct unpack u = {.path = archive};
    if (folder_has(parent, name))
        return error_set("%s: is there already; name another with --out", dir);
    u.root.fd = durable_temporary_folder(parent->fd, name, temporary);
    if (u.root.fd < 0)
        return error_set("%s: cannot be written: %s", dir, folder_advice(errno));
    if (snprintf(u.root.path, sizeof u.root.path, "%s/%s", parent->path, temporary) >=
        (int)sizeof u.root.path)
        u.root.path[0] = '\0';
    int status = unpack_into(&u, out);
    if (status == 0 && verify_folder(u.root.path, NULL) != 0)
        status = refuse_content(archive, u.root.path);
    if (status == 0 && durable_sync_folder(u.root.fd, dir) != 0)
        status = error_set("%s: cannot be written: %s", dir, folder_advice(errno));
    if (status == 0 && renameat(parent->fd, temporary, parent->fd, name) != 0)
        status = error_set("%s: cannot be written: %s", dir, folder_advice(errno));
    if (status != 0)
        folder_remove_tree(parent->fd, temporary);
    folder_close(&u.root);
    return status;
}

int pack_open(const char *archive, const char *dir, struct pack *out) {
    char above[FOLDER_PATH];
    struct folder parent;
    const char *name = strrchr(dir, '/') ? strrchr(dir, '/') + 1 : dir;
    snprintf(above, sizeof above, "%.*s", (int)(name - dir), dir);
    if (!folder_name_is_plain(name) || strlen(name) > 200)
        return error_set("%s: no name for a folder; name one with --out", dir);
    if (folder_open(&parent, *above ? above : ".") != 0)
        return -1;
    int status = unpack_beside(archive, &parent, dir, name, out);
    folder_close(&parent);
    return status;
}

int pack_visit(const char *archive, int (*visit)(void *context, const char *dir), void *context,
               struct pack *out) {
    const char *temporary = getenv("TMPDIR");
    char dir[FOLDER_PATH], result[FOLDER_PATH + 16];
    struct unpack u = {.path = archive};
    snprintf(dir, sizeof dir, "%s/nanolab-archive-XXXXXX",
             temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(dir))
        return error_set("%s: cannot be unpacked: %s", archive, folder_advice(errno));
    stop_folder(dir);
    snprintf(result, sizeof result, "%s/result", dir);
    int status = mkdir(result, 0700) == 0
                     ? folder_open(&u.root, result)
                     : error_set("%s: cannot be unpacked: %s", archive, folder_advice(errno));
    if (status == 0) {
        status = unpack_into(&u, out);
        folder_close(&u.root);
        if (status == 0 && visit(context, result) != 0)
            status = refuse_content(archive, result);
    }
    struct folder private;
    if (folder_open(&private, dir) == 0) {
        folder_remove_tree(private.fd, "result");
        folder_close(&private);
    }
    rmdir(dir);
    stop_forget_folder(dir);
    return status;
}

static int verify_into(void *context, const char *dir) {
    return verify_folder(dir, context);
}

int pack_verify(const char *archive, json_t **summary) {
    struct pack pack;
    if (pack_visit(archive, verify_into, summary, &pack) != 0)
        return -1;
    if (json_object_set_new(*summary, "folder", text_json(archive)) == 0 &&
        json_object_set_new(*summary, "content", json_string(pack.content)) == 0)
        return 0;
    json_decref(*summary);
    return error_set("%s: out of memory; close other programs", archive);
}
