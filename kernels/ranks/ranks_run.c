/*
 * ranks_run.c: one run: a folder that nobody else can read, the engine on it, the log, and the
 * folder gone again, however it ended.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernels/ranks/ranks_inside.h"

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where) {
    (void)status, (void)type, (void)where;
    remove(path);
    return 0;
}

static void remove_all(const char *folder) {
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void ranks_shared_folder(const char *folder, char *path, size_t size) {
    const char *name = strrchr(folder, '/');
    snprintf(path, size, "/dev/shm/%.200s", name ? name + 1 : folder);
}

static void remove_both(const char *folder) {
    char shared[300];
    ranks_shared_folder(folder, shared, sizeof shared);
    remove_all(shared);
    remove_all(folder);
}

/* --- folders of runs that were killed ----------------------------------------------------------
 */

#define NAME "nanolab-ranks-"

/* On a file system that other machines see, too, a lock may say nothing of them. */
static bool is_local(const char *path) {
    static const unsigned long local[] = {TMPFS_MAGIC, EXT4_SUPER_MAGIC,  XFS_SUPER_MAGIC,
                                          RAMFS_MAGIC, BTRFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC};
    struct statfs about;
    bool found = false;
    for (size_t k = 0; statfs(path, &about) == 0 && k < sizeof local / sizeof *local; k++)
        found = found || (unsigned long)about.f_type == local[k];
    return found;
}

/* Who has a run locks its folder, before there is a state in it; -1: another one has. */
static int lock_folder(const char *folder, int how) {
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (file >= 0 && flock(file, LOCK_EX | how) == 0)
        return file;
    if (file >= 0)
        close(file);
    return -1;
}

/* A caller that is killed clears up nothing; the next one does. */
static void remove_left(const char *base) {
    DIR *all = is_local(base) ? opendir(base) : NULL;
    for (struct dirent *one; all && (one = readdir(all));) {
        char path[4200];
        struct stat about;
        snprintf(path, sizeof path, "%s/%s", base, one->d_name);
        int file = strncmp(one->d_name, NAME, strlen(NAME)) == 0 ? lock_folder(path, LOCK_NB) : -1;
        if (file >= 0 && fstat(file, &about) == 0 && about.st_uid == geteuid() &&
            faccessat(file, "state", F_OK, 0) == 0)
            remove_both(path);
        if (file >= 0)
            close(file);
    }
    if (all)
        closedir(all);
}

/* --- a run's own -------------------------------------------------------------------------------
 */

/* *lock is to be closed when it is gone. */
static int make_folder(char *path, size_t size, int *lock, char *why) {
    const char *base = getenv("TMPDIR");
    base = base && *base ? base : "/tmp";
    /* Ranks are told from others by it, as the system names it. */
    char *whole = realpath(base, NULL);
    int length = whole ? snprintf(path, size, "%s/" NAME "XXXXXX", whole) : 0;
    if (whole && length < (int)size) {
        remove_left(whole);
        errno = 0;
    }
    free(whole);
    if (length > 0 && length < (int)size && mkdtemp(path)) {
        *lock = lock_folder(path, 0); /* another one may be looking at it just now */
        return 0;
    }
    snprintf(why, RANKS_WHY, "no folder in TMPDIR, %.200s: %s; set it to one that you can write",
             base, length < (int)size ? strerror(errno) : "its name is too long");
    return -1;
}

/* Of a full disk some engines hang, or their ranks die of SIGBUS. */
static int check_room(const char *folder, const struct ranks_plan *plan, char *why) {
    double need = plan->engine == RANKS_SMPI ? 1 << 20 : 16 << 20;
    struct statvfs about;
    need += (double)plan->rounds * plan->arms * plan->steps *
            (sizeof(struct ranks_step) + plan->ranks * sizeof(struct ranks_cell));
    for (unsigned k = 0; k < plan->arms; k++)
        need += plan->arm[k].keep_output ? (double)plan->arm[k].bytes : 0;
    if (statvfs(folder, &about) != 0 || about.f_blocks == 0)
        return 0;
    double has = (double)about.f_bavail * (double)about.f_frsize;
    if (has >= need)
        return 0;
    snprintf(why, RANKS_WHY,
             "%.1f MB are free in TMPDIR, %.200s; %u ranks need %.1f: make room, or set it to "
             "another folder",
             has / 1e6, folder, plan->ranks, need / 1e6);
    return -1;
}

/* What processes of one machine share lies in memory; on other machines it is the engine's. */
static void make_shared_folder(const char *folder, const struct ranks_plan *plan) {
    const char *own = getenv("NANOLAB_MPIRUN");
    char path[300];
    ranks_shared_folder(folder, path, sizeof path);
    if (plan->engine != RANKS_SMPI && !(own && *own))
        mkdir(path, 0700);
}

/* The plan, and a state for every rank, which says that it has not started. */
static int fill_folder(const char *folder, const struct ranks_plan *plan, char *why) {
    char path[4096];
    snprintf(path, sizeof path, "%s/plan", folder);
    FILE *file = fopen(path, "w");
    int status = file ? ranks_plan_write(plan, file) : -1;
    if (file && fclose(file) != 0)
        status = -1;
    snprintf(path, sizeof path, "%s/state", folder);
    int state = status == 0 ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (state >= 0) {
        /* Of real blocks: a write to a mapped hole on a full disk is a signal. */
        errno = posix_fallocate(state, 0, (off_t)(plan->ranks * sizeof(struct ranks_state)));
        status = errno == 0 ? 0 : -1;
        close(state);
    }
    if (state >= 0 && status == 0)
        return 0;
    snprintf(why, RANKS_WHY, "cannot write %.200s: %s", path, strerror(errno));
    return -1;
}

int ranks_run(const struct ranks_plan *plan, const struct ranks_control *control,
              struct ranks_log *log, struct ranks_failure *failure, char *why) {
    static const struct ranks_control nobody = {NULL};
    struct ranks_failure unasked;
    char folder[3900];
    double wall_s = 0, peak_bytes = 0;
    int lock = -1;
    failure = failure ? failure : &unasked;
    *failure = (struct ranks_failure){.rank = -1, .step = -1, .doing = ""};
    *log = (struct ranks_log){0};
    if (ranks_plan_check(plan, why) != 0 || ranks_engine_check(plan->engine, why) != 0 ||
        make_folder(folder, sizeof folder, &lock, why) != 0)
        return -1;
    int status = check_room(folder, plan, why);
    if (status == 0)
        status = fill_folder(folder, plan, why);
    make_shared_folder(folder, plan);
    if (status == 0)
        status = ranks_start(plan, folder, control ? control : &nobody, &wall_s, &peak_bytes,
                             failure, why);
    if (status == 0)
        status = ranks_log_read(folder, plan, log, why);
    remove_both(folder);
    if (lock >= 0)
        close(lock);
    if (status == 0)
        log->wall_s = wall_s, log->peak_bytes = peak_bytes;
    return status;
}
