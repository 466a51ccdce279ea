/*
 * ranks_start.c: starts an engine and waits for it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernels/ranks/ranks_inside.h"
#include "kernels/ranks/ranks_nccl.h"

int ranks_engine_check(enum ranks_engine engine, char *why) {
    return engine == RANKS_NCCL ? ranks_nccl_check(2, why) : 0;
}
char *ranks_engine_version(enum ranks_engine engine, char *out) {
    (void)engine;
    *out = '\0';
    return out;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void find_program(enum ranks_engine engine, char *path, size_t size) {
    char self[3000];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    for (char *slash; (slash = strrchr(self, '/'));) {
        *slash = '\0';
        snprintf(path, size, "%s/libexec/nanolab-ranks-%s", self,
                 engine == RANKS_SMPI ? "smpi" : "openmpi");
        if (access(path, X_OK) == 0)
            return;
    }
}

static int write_cluster(const struct ranks_plan *plan, const char *folder) {
    char path[4096];
    snprintf(path, sizeof path, "%s/cluster.xml", folder);
    FILE *f = fopen(path, "w");
    if (!f)
        return -1;
    fprintf(f,
            "<?xml version='1.0'?>\n<!DOCTYPE platform SYSTEM "
            "\"https://simgrid.org/simgrid.dtd\">\n<platform version=\"4.1\">\n"
            "<cluster id=\"c\" prefix=\"n\" suffix=\"\" radical=\"0-%u\" speed=\"1Gf\" "
            "bw=\"%.17gGBps\" lat=\"%.17gus\" sharing_policy=\"SPLITDUPLEX\"/>\n</platform>\n",
            plan->ranks - 1, plan->cluster.gbs, plan->cluster.latency_us);
    fclose(f);
    snprintf(path, sizeof path, "%s/hosts", folder);
    f = fopen(path, "w");
    for (unsigned r = 0; f && r < plan->ranks; r++)
        fprintf(f, "n%u\n", r);
    if (f)
        fclose(f);
    return 0;
}

int ranks_start(const struct ranks_plan *plan, const char *folder,
                const struct ranks_control *control, double *wall_s, double *peak_bytes,
                struct ranks_failure *failure, char *why) {
#define RANKS_SMPI_NAME(v, w, o, smpi, n) smpi,
#define RANKS_OPENMPI_NUMBER(v, w, openmpi, s, n) openmpi,
    static const char *const smpi[] = {RANKS_ALGORITHMS(RANKS_SMPI_NAME)};
    static const int openmpi[] = {RANKS_ALGORITHMS(RANKS_OPENMPI_NUMBER)};
    char program[3100], np[16], platform[4096], hosts[4096], algorithm[64], number[16];
    double begun = now();
    (void)control, (void)failure;
    find_program(plan->engine, program, sizeof program);
    snprintf(np, sizeof np, "%u", plan->ranks);
    snprintf(platform, sizeof platform, "%s/cluster.xml", folder);
    snprintf(hosts, sizeof hosts, "%s/hosts", folder);
    snprintf(algorithm, sizeof algorithm, "--cfg=smpi/allreduce:%s", smpi[plan->algorithm]);
    snprintf(number, sizeof number, "%d", openmpi[plan->algorithm]);
    write_cluster(plan, folder);
    char *mpirun[] = {"mpirun", "--oversubscribe", "-np",
                      np,       "--mca",           "coll_tuned_use_dynamic_rules",
                      "1",      "--mca",           "coll_tuned_allreduce_algorithm",
                      number,   program,           (char *)folder,
                      NULL};
    char *smpirun[] = {"smpirun",
                       "-np",
                       np,
                       "-platform",
                       platform,
                       "-hostfile",
                       hosts,
                       "--cfg=smpi/privatization:no",
                       "--cfg=network/model:CM02",
                       "--cfg=network/latency-factor:1",
                       "--cfg=network/bandwidth-factor:1",
                       "--cfg=network/TCP-gamma:0",
                       "--cfg=network/crosstraffic:0",
                       "--cfg=smpi/simulate-computation:no",
                       "--log=root.thres:error",
                       algorithm,
                       program,
                       (char *)folder,
                       NULL};
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 1);
    char **argv = plan->engine == RANKS_SMPI ? smpirun : mpirun;
    pid_t pid;
    int status, bad = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
    if (bad) {
        snprintf(why, RANKS_WHY, "cannot start %s: %s", argv[0], strerror(bad));
        return -1;
    }
    struct rusage used;
    wait4(pid, &status, 0, &used);
    *peak_bytes = 1024.0 * (double)used.ru_maxrss;
    *wall_s = now() - begun;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    snprintf(why, RANKS_WHY, "%s ended with status %x", argv[0], status);
    return -1;
}
