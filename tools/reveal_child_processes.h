/*
 * reveal_child_processes.h: the processes below one of ours, from /proc: counted, and ended.
 */
#ifndef NANOLAB_TOOLS_REVEAL_CHILD_PROCESSES_H
#define NANOLAB_TOOLS_REVEAL_CHILD_PROCESSES_H

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_SEEN_MAX 4096

struct process {
    pid_t pid, parent;
};

/* Bytes of memory that are really there; 0 for a process that is gone. */
static uint64_t processes_memory(pid_t pid) {
    char path[64];
    unsigned long long size, resident;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *in = fopen(path, "re");
    bool read = in && fscanf(in, "%llu %llu", &size, &resident) == 2;
    if (in)
        fclose(in);
    return read ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static size_t processes_list(struct process *all) {
    DIR *proc = opendir("/proc");
    size_t count = 0;
    for (struct dirent *entry; proc && count < PROCESSES_SEEN_MAX && (entry = readdir(proc));) {
        char path[300], line[512];
        struct process p = {.pid = atoi(entry->d_name)};
        if (p.pid <= 0)
            continue;
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *in = fopen(path, "re");
        size_t got = in ? fread(line, 1, sizeof line - 1, in) : 0;
        if (in)
            fclose(in);
        line[got] = '\0';
        /* "pid (any name) state parent …" */
        const char *behind = strrchr(line, ')');
        if (behind && sscanf(behind + 1, " %*c %d", &p.parent) == 1)
            all[count++] = p;
    }
    if (proc)
        closedir(proc);
    return count;
}

/* Calls `visit` for every process below `top`. Returns how many there are. */
static size_t processes_each(pid_t top, void (*visit)(pid_t pid, void *context), void *context) {
    static struct process all[PROCESSES_SEEN_MAX];
    static pid_t below[PROCESSES_SEEN_MAX + 1];
    size_t count = processes_list(all), used = 0;
    below[used++] = top;
    for (size_t at = 0; at < used; at++)
        for (size_t k = 0; k < count && used <= PROCESSES_SEEN_MAX; k++)
            if (all[k].parent == below[at]) {
                below[used++] = all[k].pid;
                all[k].parent = -1; /* once */
                visit(below[used - 1], context);
            }
    return used - 1;
}

static void processes_add(pid_t pid, void *memory) {
    *(uint64_t *)memory += processes_memory(pid);
}

/* Adds the processes below `top` to a count and to their memory. */
static void processes_below(pid_t top, size_t *count, uint64_t *memory) {
    *count += processes_each(top, processes_add, memory);
}

static void processes_kill(pid_t pid, void *context) {
    (void)context;
    kill(pid, SIGKILL);
}

/* Ends all below this process, which orphans come to: round after round, since what is ended may
 * just have started another. */
static void processes_end_all(void) {
    for (int round = 0; round < 400; round++) {
        size_t left = processes_each(getpid(), processes_kill, NULL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (left == 0)
            return;
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
}

#endif
