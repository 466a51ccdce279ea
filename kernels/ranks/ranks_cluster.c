/*
 * ranks_cluster.c: the simulated cluster, as SimGrid reads it.
 *
 * Each rank has a host, and each host a wire to its node's switch; with several ranks to a node,
 * each node has one to the switch of all. A wire can be used in both directions at once, each with
 * the whole bandwidth (SPLITDUPLEX). A message goes over two wires of one kind, so its time is
 * 2 × latency + bytes / bandwidth; between nodes of several ranks also over two inner ones, whose
 * latency is taken off the outer wires', as far as they have any.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "kernels/ranks/ranks_inside.h"

struct wire {
    double us, gbs;
};

static void write_wire(FILE *to, const char *kind, unsigned id, struct wire wire) {
    fprintf(to,
            "<link id=\"%s%u\" bandwidth=\"%.17gGBps\" latency=\"%.17gus\" "
            "sharing_policy=\"SPLITDUPLEX\"/>\n",
            kind, id, wire.gbs, wire.us);
}

static void write_host(FILE *to, unsigned rank, struct wire wire) {
    fprintf(to, "<host id=\"rank%u\" speed=\"1Gf\"/>\n", rank);
    write_wire(to, "wire", rank, wire);
    fprintf(to, "<host_link id=\"rank%u\" up=\"wire%u_UP\" down=\"wire%u_DOWN\"/>\n", rank, rank,
            rank);
}

static double gbs_of(const struct ranks_cluster *c, unsigned node, double gbs) {
    return c->slow_node == (int)node ? gbs / 2 : gbs;
}

static void write_flat(FILE *to, const struct ranks_plan *plan) {
    const struct ranks_cluster *c = &plan->cluster;
    fprintf(to, "<zone id=\"all\" routing=\"Cluster\">\n");
    for (unsigned r = 0; r < plan->ranks; r++)
        write_host(to, r, (struct wire){c->latency_us, gbs_of(c, r, c->gbs)});
    fprintf(to, "<router id=\"switch\"/>\n</zone>\n");
}

static void write_nodes(FILE *to, const struct ranks_plan *plan) {
    const struct ranks_cluster *c = &plan->cluster;
    unsigned nodes = plan->ranks / c->per_node;
    fprintf(to, "<zone id=\"all\" routing=\"DijkstraCache\">\n"
                "<zone id=\"switches\" routing=\"Full\"><router id=\"switch\"/></zone>\n");
    for (unsigned n = 0; n < nodes; n++) {
        fprintf(to, "<zone id=\"node%u\" routing=\"Cluster\">\n", n);
        for (unsigned r = 0; r < c->per_node; r++)
            write_host(to, n * c->per_node + r,
                       (struct wire){c->inner_latency_us, gbs_of(c, n, c->inner_gbs)});
        fprintf(to, "<router id=\"switch%u\"/>\n</zone>\n", n);
    }
    for (unsigned n = 0; n < nodes; n++)
        write_wire(
            to, "outer", n,
            (struct wire){fmax(0, c->latency_us - c->inner_latency_us), gbs_of(c, n, c->gbs)});
    for (unsigned n = 0; n < nodes; n++)
        fprintf(to,
                "<zoneRoute src=\"node%u\" dst=\"switches\" gw_src=\"switch%u\" gw_dst=\"switch\" "
                "symmetrical=\"NO\"><link_ctn id=\"outer%u\" direction=\"UP\"/></zoneRoute>\n"
                "<zoneRoute src=\"switches\" dst=\"node%u\" gw_src=\"switch\" gw_dst=\"switch%u\" "
                "symmetrical=\"NO\"><link_ctn id=\"outer%u\" direction=\"DOWN\"/></zoneRoute>\n",
                n, n, n, n, n, n);
    fprintf(to, "</zone>\n");
}

static int close_file(FILE *file, const char *path, char *why) {
    int bad = file ? ferror(file) : 1;
    if (file && fclose(file) != 0)
        bad = 1;
    if (bad)
        snprintf(why, RANKS_WHY, "cannot write %.200s: %s", path, strerror(errno));
    return bad ? -1 : 0;
}

int ranks_cluster_write(const struct ranks_plan *plan, const char *folder, char *why) {
    char path[4096];
    snprintf(path, sizeof path, "%s/cluster.xml", folder);
    FILE *file = fopen(path, "w");
    if (file) {
        fprintf(file, "<?xml version='1.0'?>\n<!DOCTYPE platform SYSTEM "
                      "\"https://simgrid.org/simgrid.dtd\">\n<platform version=\"4.1\">\n");
        if (plan->cluster.per_node > 1)
            write_nodes(file, plan);
        else
            write_flat(file, plan);
        fprintf(file, "</platform>\n");
    }
    if (close_file(file, path, why) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/hosts", folder);
    file = fopen(path, "w");
    for (unsigned r = 0; file && r < plan->ranks; r++)
        fprintf(file, "rank%u\n", r);
    return close_file(file, path, why);
}
