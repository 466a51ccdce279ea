/*
 * room.c: what several groups share: caches, memory that is read, and how large these may be.
 */
#include "labs/04-paged-kv-residency/contest.h"
#include <hwloc.h>

struct room room_open(struct lab_run *run, struct device *device) {
    return (struct room){.run = run, .device = device, .most = device_memory_free(device) / 4};
}

void room_close(struct room *room) {
    for (size_t k = 0; k < room->count; k++)
        cache_close(&room->caches[k]);
    roofs_memory_close(room->memory);
    *room = (struct room){0};
}

int room_cache(struct room *room, enum paged_element element, size_t bytes, enum pages_kind kind,
               struct cache **out) {
    *out = NULL;
    for (size_t k = 0; k < room->count; k++)
        if (room->elements[k] == element && room->caches[k].kind == kind &&
            room->caches[k].bytes >= bytes / 2) {
            *out = &room->caches[k];
            return 0;
        }
    if (room->count == ROOM_CACHES)
        return lab_error(room->run, "more than %d caches at a time; raise ROOM_CACHES",
                         ROOM_CACHES);
    struct cache *cache = &room->caches[room->count];
    if (cache_open(cache, room->device, element, bytes / 2, kind, lab_seed(room->run)) == 0) {
        room->elements[room->count++] = element;
        *out = cache;
        return 0;
    }
    if (device_kind(room->device) != DEVICE_CPU || !pages_unavailable())
        return lab_error(room->run, "a cache of %zu MiB: %s", bytes >> 20, device_error());
    lab_note(room->run, "a cache of %zu MiB: %s", bytes >> 20, device_error());
    return 0;
}

struct cache *room_huge_cache(struct room *room, enum paged_element element, size_t bytes) {
    struct cache *cache = NULL;
    bool native = device_kind(room->device) == DEVICE_CPU;
    if (native && room_cache(room, element, bytes, PAGES_2M, &cache) != 0)
        return NULL;
    if (!cache && room_cache(room, element, bytes, PAGES_ANY, &cache) != 0)
        return NULL;
    return cache;
}

int room_memory(struct room *room, size_t bytes) {
    if (room->memory || roofs_memory_open(&room->memory, room->device, bytes, 0) == 0)
        return 0;
    return lab_error(room->run, "%zu MiB to read: %s", bytes >> 20, device_error());
}

/* --- sizes -------------------------------------------------------------------------------------
 */

static size_t hwloc_last_level(void) {
    static const hwloc_obj_type_t levels[] = {HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE,
                                              HWLOC_OBJ_L2CACHE};
    hwloc_topology_t topology;
    size_t bytes = 0;
    if (hwloc_topology_init(&topology) != 0)
        return 0;
    if (hwloc_topology_load(topology) == 0)
        for (size_t k = 0; k < sizeof levels / sizeof *levels && bytes == 0; k++) {
            hwloc_obj_t cache = hwloc_get_obj_by_type(topology, levels[k], 0);
            bytes = cache ? cache->attr->cache.size : 0;
        }
    hwloc_topology_destroy(topology);
    return bytes;
}

size_t cache_last_level(const struct device *device) {
    /* No GPU that these kernels run on has a larger L2 than 64 MiB, but for the newest. */
    if (device_kind(device) != DEVICE_CPU)
        return (size_t)64 << 20;
    size_t bytes = hwloc_last_level();
    return bytes ? bytes : (size_t)32 << 20;
}

size_t room_fitting(const struct room *room, size_t bytes) {
    while (bytes > ((size_t)1 << 20) && bytes > room->most)
        bytes /= 2;
    return bytes;
}

struct paged_plan plan_of(enum paged_op op, enum paged_mapping mapping,
                          enum paged_element element) {
    struct paged_plan plan = paged_plan_default();
    plan.op = op;
    plan.mapping = mapping;
    plan.layout = PAGED_NHD;
    plan.element = element;
    plan.block = mapping == PAGED_SLAB ? 1 : 16;
    return plan;
}
