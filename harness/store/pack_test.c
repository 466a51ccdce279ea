/*
 * pack_test.c: a folder and back, the same bytes every time; and archives made by somebody else.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <zip.h>

#include "harness/error.h"
#include "harness/store/pack_inside.h"
#include "harness/store/result_fixture.h"
#include "harness/store/verify.h"

struct packed {
    struct fixture f;
    char archive[96], back[96];
};

static int setup(void **state) {
    struct packed *p = calloc(1, sizeof *p);
    *state = p;
    if (!p || fixture_begin(&p->f) != 0 || fixture_run(&p->f) != 0)
        return -1;
    snprintf(p->archive, sizeof p->archive, "%s/a.zip", p->f.root);
    snprintf(p->back, sizeof p->back, "%s/back", p->f.root);
    return 0;
}

static int teardown(void **state) {
    struct packed *p = *state;
    fixture_end(&p->f);
    free(p);
    return 0;
}

static size_t names_in(const char *path) {
    DIR *list = opendir(path);
    size_t count = 0;
    while (list && readdir(list))
        count++;
    if (list)
        closedir(list);
    return count;
}

/* Unpacking fails with these words, and leaves nothing. */
static void expect_refused(const struct packed *p, const char *words) {
    struct pack pack;
    size_t before = names_in(p->f.root);
    if (pack_open(p->archive, p->back, &pack) == 0)
        fail_msg("nobody noticed: %s", words);
    if (!strstr(error_text(), words))
        fail_msg("expected \"%s\" in: %s", words, error_text());
    assert_int_equal(names_in(p->f.root), before);
}

/* --- there and back ----------------------------------------------------------------------------
 */

static void there_and_back(void **state) {
    const struct packed *p = *state;
    char other[128], command[600];
    struct pack a, b, c;
    json_t *summary;
    snprintf(other, sizeof other, "%s/b.zip", p->f.root);
    assert_int_equal(pack_folder(p->f.dir, p->archive, &a), 0);
    assert_int_equal(pack_folder(p->f.dir, other, &b), 0);
    snprintf(command, sizeof command, "cmp %s %s", p->archive, other);
    assert_int_equal(system(command), 0);
    assert_string_equal(a.content, b.content);
    assert_true(a.files > 4);
    assert_int_equal(pack_open(p->archive, p->back, &c), 0);
    assert_string_equal(a.content, c.content);
    assert_int_equal(c.bytes, a.bytes);
    snprintf(command, sizeof command, "diff -r %s %s", p->f.dir, p->back);
    assert_int_equal(system(command), 0);
    assert_int_equal(pack_verify(p->archive, &summary), 0);
    assert_string_equal(json_string_value(json_object_get(summary, "content")), a.content);
    json_decref(summary);
    /* What is there is not overwritten. */
    expect_refused(p, "is there already");
    assert_int_equal(pack_folder(p->f.dir, p->archive, &b), -1);
    assert_non_null(strstr(error_text(), "is there already"));
}

/* The name of the folder, its times and its owner are not in it; neither are plots and pages. */
static void only_what_is_vouched_for(void **state) {
    const struct packed *p = *state;
    char moved[128], command[900];
    struct pack a, b;
    assert_int_equal(pack_folder(p->f.dir, p->archive, &a), 0);
    snprintf(moved, sizeof moved, "%s/moved", p->f.root);
    snprintf(command, sizeof command,
             "cp -r %s %s && mkdir %s/" FIXTURE_LAB
             "/plots && echo x >%s/report.html && find %s -exec touch -d 2001-01-01 {} +",
             p->f.dir, moved, moved, moved, moved);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "%s/b.zip", p->f.root);
    assert_int_equal(pack_folder(moved, command, &b), 0);
    assert_string_equal(a.content, b.content);
    snprintf(command, sizeof command, "cmp %s %s/b.zip", p->archive, p->f.root);
    assert_int_equal(system(command), 0);
}

static void partial_and_bad_folders(void **state) {
    struct packed *p = *state;
    struct pack pack;
    size_t size;
    char *text = fixture_read(p->f.journal, &size);
    /* A lab that was stopped is valid, though the run says that all was done: then it is not. */
    assert_int_equal(fixture_write(p->f.journal, text, size - 1), 0);
    assert_int_equal(pack_folder(p->f.dir, p->archive, &pack), -1);
    assert_int_equal(access(p->archive, F_OK), -1);
    text[size / 2] ^= 1;
    assert_int_equal(fixture_write(p->f.journal, text, size), 0);
    assert_int_equal(pack_folder(p->f.dir, p->archive, &pack), -1);
    assert_int_equal(access(p->archive, F_OK), -1);
    free(text);
    assert_int_equal(pack_folder("/nowhere/at/all", p->archive, &pack), -1);
    assert_int_equal(pack_open("/nowhere/at/all", p->back, &pack), -1);
    assert_int_equal(pack_open(p->f.journal, p->back, &pack), -1);
    assert_int_equal(pack_open(p->f.root, p->back, &pack), -1);
}

static void a_full_disk(void **state) {
    const struct packed *p = *state;
    struct rlimit was, little = {300, 300};
    struct pack pack;
    size_t before = names_in(p->f.root);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    little.rlim_max = was.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    int status = pack_folder(p->f.dir, p->archive, &pack);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(status, -1);
    assert_non_null(strstr(error_text(), "size limit"));
    assert_int_equal(names_in(p->f.root), before);
    assert_int_equal(pack_folder(p->f.dir, p->archive, &pack), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    status = pack_open(p->archive, p->back, &pack);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(status, -1);
    assert_non_null(strstr(error_text(), "size limit"));
    assert_int_equal(names_in(p->f.root), before + 1);
}

/* --- archives that were edited -----------------------------------------------------------------
 */

/* Any byte changed, any length cut. The header of gzip says nothing about the content. */
static void each_byte_counts(void **state) {
    const struct packed *p = *state;
    struct pack pack, other;
    size_t size, kept = 0;
    assert_int_equal(pack_folder(p->f.dir, p->archive, &pack), 0);
    char *text = fixture_read(p->archive, &size);
    assert_non_null(text);
    for (size_t at = 0; at < size; at += 1 + size / 400) {
        text[at] ^= 0x20;
        assert_int_equal(fixture_write(p->archive, text, size), 0);
        text[at] ^= 0x20;
        if (pack_open(p->archive, p->back, &other) != 0)
            continue;
        /* Then what came out is what went in. */
        assert_string_equal(other.content, pack.content);
        kept++;
        char command[600];
        snprintf(command, sizeof command, "diff -r %s %s && rm -r %s", p->f.dir, p->back, p->back);
        assert_int_equal(system(command), 0);
    }
    assert_true(kept < 20);
    for (size_t cut = 0; cut + 1024 < size; cut += 1 + size / 100) {
        assert_int_equal(fixture_write(p->archive, text, cut), 0);
        assert_int_equal(pack_open(p->archive, p->back, &other), -1);
    }
    free(text);
}

/* --- archives made by somebody else ------------------------------------------------------------
 */

struct piece {
    const char *name; /* behind the top folder; with a leading '!': as it is */
    const char *text;
    int type;       /* S_IFREG, …; 0: in the manifest alone */
    const char *as; /* what the file really holds, if it is not `text` */
};

/* An archive of these pieces, the first one its manifest: "" makes one of all the others. */
static void forge(const struct packed *p, const struct piece *pieces, size_t count) {
    json_t *files = json_array(), *manifest;
    struct pack pack;
    char top[PACK_TOP], name[600], digest[SHA_TEXT];
    for (size_t k = 1; k < count; k++) {
        assert_int_equal(sha_bytes(pieces[k].text, strlen(pieces[k].text), digest), 0);
        json_array_append_new(
            files, json_pack("{s:s, s:I, s:s}", "name", pieces[k].name + (*pieces[k].name == '!'),
                             "bytes", (json_int_t)strlen(pieces[k].text), "sha256", digest));
    }
    assert_int_equal(pack_measure(files, &pack), 0);
    snprintf(top, sizeof top, PACK_TOP_FORMAT, pack.content);
    manifest = json_pack("{s:i, s:s, s:o}", "archive", 1, "content", pack.content, "files", files);
    char *own = json_dumps(manifest, 0);
    json_decref(manifest);
    unlink(p->archive);
    zip_t *zip = zip_open(p->archive, ZIP_CREATE, NULL);
    assert_non_null(zip);
    for (size_t k = 0; k < count; k++) {
        const char *text = k == 0 && !*pieces[0].text ? own : pieces[k].text;
        if (pieces[k].as)
            text = pieces[k].as;
        if (pieces[k].type == 0)
            continue;
        if (*pieces[k].name == '!')
            snprintf(name, sizeof name, "%s", pieces[k].name + 1);
        else
            snprintf(name, sizeof name, "%s/%s", top, pieces[k].name);
        zip_int64_t at =
            pieces[k].type == S_IFDIR
                ? zip_dir_add(zip, name, 0)
                : zip_file_add(zip, name, zip_source_buffer(zip, text, strlen(text), 0), 0);
        assert_true(at >= 0);
        zip_file_set_external_attributes(zip, (zip_uint64_t)at, 0, ZIP_OPSYS_UNIX,
                                         (zip_uint32_t)(pieces[k].type | 0777) << 16);
    }
    assert_int_equal(zip_close(zip), 0);
    free(own);
}

static void forged_archives(void **state) {
    const struct packed *p = *state;
#define MANIFEST                                                                                   \
    { PACK_MANIFEST, "", S_IFREG }
#define TRY(words, ...)                                                                            \
    do {                                                                                           \
        const struct piece pieces[] = {__VA_ARGS__};                                               \
        forge(p, pieces, sizeof pieces / sizeof *pieces);                                          \
        expect_refused(p, words);                                                                  \
    } while (0)
    /* Names that lead elsewhere, or that no result folder has. */
    static const char *const names[] = {
        "../evil",          "/etc/evil",    "01-a/../../evil", "01-a/side/../evil",
        "01-a//evil",       "evil",         "01-a/b/c",        "01-a/side/b/c",
        ".hidden/a",        "01-a/.hidden", "01-a/side/",      "01-a/",
        "./run.json",       "run.json/x/y", "MANIFEST.json",   "01-a/side/.",
        "01-a\\..\\..\\/.", "!/etc/evil",   "!../evil"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        TRY("names a file that no result folder has", MANIFEST, {names[k], "x", 0});
    /* Order, doubles. */
    TRY("names a file that no result folder has", MANIFEST, {"run.json", "{}", S_IFREG},
        {"run.json", "{}", 0});
    TRY("names a file that no result folder has", MANIFEST, {"run.json", "{}", S_IFREG},
        {"01-a/cases.jsonl", "{}", S_IFREG});
    /* Links, folders, devices in the place of files. */
    TRY("something else", MANIFEST, {"run.json", "/etc/passwd", S_IFLNK});
    TRY("something else", MANIFEST, {"run.json", "", S_IFCHR});
    TRY("something else", MANIFEST, {"run.json", "", S_IFIFO});
    TRY("something else", MANIFEST, {"run.json", "", S_IFDIR});
    /* Not in the folder that the manifest's hash names. */
    TRY("something else", MANIFEST, {"!run.json", "{}", S_IFREG});
    TRY("another format", {PACK_MANIFEST, "{\"archive\": 3}", S_IFREG});
    TRY("another format", {PACK_MANIFEST, "[]", S_IFREG});
    TRY("no list of files", {PACK_MANIFEST, "{\"archive\": 1}", S_IFREG});
    TRY("lacks a file's name", {PACK_MANIFEST, "{\"archive\": 1, \"files\": [7]}", S_IFREG});
    TRY("edited or damaged", {PACK_MANIFEST, "{\"archive\": 1, \"archive\": 1}", S_IFREG});
    TRY("content's hash",
        {PACK_MANIFEST, "{\"archive\": 1, \"content\": \"x\", \"files\": []}", S_IFREG});
    TRY("something else", {"run.json", "{}", S_IFREG});
    TRY("ends before", MANIFEST, {"run.json", "{}", 0});
    TRY("another size", MANIFEST, {"run.json", "{}", S_IFREG, "{ }"});
    TRY("not the one that its manifest names", MANIFEST, {"run.json", "{}", S_IFREG, "[]"});
    /* All in order, but no result folder. */
    TRY("no good result folder: run.json", MANIFEST, {"run.json", "{}", S_IFREG});
#undef TRY
}

/* Terabytes that the manifest announces, and zeros that are no file's. */
static void bombs(void **state) {
    const struct packed *p = *state;
    char text[400], command[600];
    snprintf(text, sizeof text,
             "{\"archive\": 1, \"files\": [{\"name\": \"01-a/side/b\", \"bytes\": 1099511627776, "
             "\"sha256\": \"" SHA_ZEROS "\"}]}");
    forge(p, &(struct piece){PACK_MANIFEST, text, S_IFREG}, 1);
    expect_refused(p, "more than");
    snprintf(command, sizeof command, "head -c 200000000 /dev/zero >%s", p->archive);
    assert_int_equal(system(command), 0);
    expect_refused(p, "take an intact copy");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_is_vouched_for, setup, teardown),
        cmocka_unit_test_setup_teardown(partial_and_bad_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(each_byte_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(forged_archives, setup, teardown),
        cmocka_unit_test_setup_teardown(bombs, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
