/*
 * durable_test.c: file systems that cannot sync or lock, reads that fail in passing, and what
 * killed writers leave. This program's own fsync, fdatasync, flock and pread stand in for those of
 * such a file system.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness/error.h"
#include "harness/store/durable.h"
#include "harness/store/provenance.h"
#include "harness/store/result_fixture.h"
#include "harness/store/verify.h"

static int folder_sync_error, file_sync_error, lock_error; /* 0: as the kernel says */
static int reads_to_fail;                                  /* with EIO */

int fsync(int fd) {
    struct stat status;
    if (folder_sync_error && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = folder_sync_error;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    if (file_sync_error) {
        errno = file_sync_error;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int flock(int fd, int operation) {
    if (lock_error) {
        errno = lock_error;
        return -1;
    }
    return (int)syscall(SYS_flock, fd, operation);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset) {
    if (reads_to_fail > 0) {
        reads_to_fail--;
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pread64, fd, buffer, size, offset);
}

static int setup(void **state) {
    struct fixture *f = malloc(sizeof *f);
    *state = f;
    return fixture_begin(f);
}

static int teardown(void **state) {
    folder_sync_error = file_sync_error = lock_error = reads_to_fail = 0;
    fixture_end(*state);
    free(*state);
    return 0;
}

static void runs_where_nothing_can_be_synced_or_locked(void **state) {
    struct fixture *f = *state;
    static const int errors[] = {EINVAL, EOPNOTSUPP, ENOSYS};
    for (size_t k = 0; k < 9; k++) {
        folder_sync_error = k % 3 == 0 ? errors[k / 3] : 0;
        file_sync_error = k % 3 == 1 ? errors[k / 3] : 0;
        lock_error = k % 3 == 2 ? k == 2 ? ENOLCK : errors[k / 3] : 0;
        snprintf(f->dir, sizeof f->dir, "%s/run%zu", f->root, k);
        snprintf(f->lab, sizeof f->lab, "%s/" FIXTURE_LAB, f->dir);
        if (fixture_run(f) != 0 || verify_folder(f->dir, NULL) != 0)
            fail_msg("try %zu: %s", k, error_text());
    }
    /* Other errors are errors. */
    folder_sync_error = lock_error = 0;
    file_sync_error = EIO;
    snprintf(f->dir, sizeof f->dir, "%s/bad", f->root);
    assert_int_equal(fixture_open(f, RESULT_NEW), -1);
    assert_non_null(strstr(error_text(), "the disk reports an error"));
}

static void a_read_that_fails_in_passing_is_no_value(void **state) {
    (void)state;
    reads_to_fail = 2;
    json_t *fingerprint = provenance_fingerprint(NULL, 0);
    assert_true(json_is_string(json_object_get(fingerprint, "kernel_binary")));
    json_decref(fingerprint);
    reads_to_fail = 1000;
    assert_null(provenance_fingerprint(NULL, 0));
    assert_non_null(strstr(error_text(), "cannot read itself (Input/output error)"));
    assert_non_null(strstr(error_text(), "try again"));
    reads_to_fail = 0;
}

/* What nobody could tell when the run began stops nobody from resuming it. */
static void a_value_that_was_not_known_differs_from_none(void **state) {
    (void)state;
    static const char *const names[] = {"cpu_model", "cpu_cores", "driver"};
    char was[100], is[100];
    json_t *here = provenance_fingerprint(NULL, 0);
    for (size_t k = 0; k < 3; k++) {
        json_t *then = json_deep_copy(here);
        json_object_set_new(then, names[k], json_null());
        json_object_set_new(here, names[k], json_string("known now"));
        assert_null(provenance_difference(then, here, was, is, sizeof was));
        assert_non_null(provenance_difference(here, then, was, is, sizeof was));
        json_decref(then);
    }
    json_decref(here);
}

static void a_journal_that_cannot_be_read_is_not_called_edited(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_run(f), 0);
    for (int skip = 0; skip < 2; skip++) {
        reads_to_fail = 1;
        assert_int_equal(verify_folder(f->dir, NULL), -1);
        assert_non_null(strstr(error_text(), "Input/output error"));
        assert_null(strstr(error_text(), "edited"));
    }
    reads_to_fail = 0;
    assert_int_equal(verify_folder(f->dir, NULL), 0);
}

/* How many temporary names a folder holds. */
static int temporaries(const char *path) {
    DIR *list = opendir(path);
    int count = 0;
    for (struct dirent *entry; list && (entry = readdir(list));)
        count += entry->d_name[0] == '.' && strstr(entry->d_name, ".tmp") != NULL;
    closedir(list);
    return count;
}

/* A child makes temporary things and is killed before it renames them. */
static void leave_litter(const char *path, const char *of) {
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        char name[DURABLE_NAME];
        int fd = open(path, O_RDONLY | O_DIRECTORY);
        bool made = durable_temporary_file(fd, of, name) >= 0 &&
                    durable_temporary_folder(fd, of, name) >= 0;
        if (made)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
}

static void litter_of_the_killed_goes_and_that_of_the_living_stays(void **state) {
    struct fixture *f = *state;
    char name[DURABLE_NAME];
    leave_litter(f->root, "run");
    leave_litter(f->root, "other");
    assert_int_equal(temporaries(f->root), 4);
    int root = open(f->root, O_RDONLY | O_DIRECTORY);
    int living = durable_temporary_file(root, "run", name);
    assert_true(living >= 0);
    assert_int_equal(fixture_run(f), 0); /* makes root/run, and cleans up after those of its name */
    assert_int_equal(temporaries(f->root), 3);
    assert_int_equal(faccessat(root, name, F_OK, 0), 0);
    durable_clean(root, NULL);
    assert_int_equal(temporaries(f->root), 1);
    close(living);
    durable_clean(root, NULL);
    assert_int_equal(temporaries(f->root), 0);
    /* Inside the run: of run.json and of a lab. */
    leave_litter(f->dir, "run.json");
    leave_litter(f->dir, FIXTURE_LAB);
    assert_int_equal(fixture_open(f, RESULT_RESUME), 0);
    fixture_close(f);
    assert_int_equal(temporaries(f->dir), 0);
    close(root);
}

/* Many sessions that end at once: nobody takes another's temporary file away. */
static void sessions_do_not_share_a_temporary_name(void **state) {
    struct fixture *f = *state;
    enum { SESSIONS = 8, TIMES = 25 };
    assert_int_equal(fixture_run(f), 0);
    for (int with_locks = 0; with_locks < 2; with_locks++) {
        pid_t children[SESSIONS];
        lock_error = with_locks ? 0 : ENOSYS;
        for (int k = 0; k < SESSIONS; k++) {
            children[k] = fork();
            if (children[k] != 0)
                continue;
            if (!freopen("/dev/null", "w", stderr))
                _exit(1);
            for (int n = 0; n < TIMES; n++)
                if (result_run_finish(f->dir, true, NULL) != 0)
                    _exit(1);
            _exit(0);
        }
        for (int k = 0; k < SESSIONS; k++) {
            int status;
            waitpid(children[k], &status, 0);
            assert_int_equal(status, 0);
        }
        lock_error = 0;
        assert_int_equal(verify_folder(f->dir, NULL), 0);
        assert_int_equal(temporaries(f->dir), 0);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(runs_where_nothing_can_be_synced_or_locked),
        TEST(a_read_that_fails_in_passing_is_no_value),
        TEST(a_value_that_was_not_known_differs_from_none),
        TEST(a_journal_that_cannot_be_read_is_not_called_edited),
        TEST(litter_of_the_killed_goes_and_that_of_the_living_stays),
        TEST(sessions_do_not_share_a_temporary_name),
    };
    return cmocka_run_group_tests_name("durable", tests, NULL, NULL);
}
