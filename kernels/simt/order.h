/*
 * order.h: which accesses of a launch happen before which.
 *
 * Every thread has a clock that steps at each synchronisation. What a thread knows of others is
 * kept where the hardware's own hierarchy puts it, so that a million threads need no vector of a
 * million clocks:
 *
 * - barrier: all threads of a block get one new clock; everything in the block before it is known.
 * - full warp synchronisation: the same for the warp.
 * - partial masks: a row of 32 clocks per thread, made when first needed.
 * - fence, atomic, atomic, fence: an atomic after a fence appends what its thread knew at the
 *   fence to the address's log; a thread that reads the address and then fences knows the log up
 *   to the length it had at the read. Logs only grow, so that knowing one is two words.
 *
 * Clocks never repeat between launches: whatever is older than a launch's base happened before it.
 */
#ifndef NANOLAB_KERNELS_SIMT_ORDER_H
#define NANOLAB_KERNELS_SIMT_ORDER_H

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace simt {

struct thread;
struct slot;
struct machine;

enum access_kind : uint8_t { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_ATOMIC = 4 };

/* One access, as the shadow memory keeps it. */
struct access_record {
    uint32_t block, clock, site;
    uint16_t thread;
    uint8_t bytes, kind; /* which of the 4 bytes; access_kind bits, 0: empty */
};
constexpr unsigned cell_records = 4;

/* What a log entry speaks of: all of a block, one of its warps, or one of its threads. */
enum unit_kind : uint32_t { UNIT_BLOCK = 0, UNIT_WARP = 1u << 16, UNIT_THREAD = 2u << 16 };

/* Accesses of (block, unit) with a clock below `clock` are known. */
struct known_unit {
    uint32_t block, unit, clock;
    bool block_scope; /* released by a __threadfence_block: for the same block only */
};

struct sync_log {
    uint64_t id; /* never used twice */
    std::vector<known_unit> entries;
    std::unordered_map<uint64_t, std::vector<uint32_t>> places; /* key -> entry numbers */
    std::unordered_map<uint64_t, uint32_t> copied; /* foreign logs by id, up to which length */
};

struct known_log {
    std::shared_ptr<sync_log> log;
    uint32_t length;
    bool block_scope; /* acquired by a __threadfence_block: entries of the same block only */
};

struct release {
    uint32_t clock = 0; /* of the thread at its last fence; 0: it had none */
    uint32_t block_clock, warp_clock;
    bool block_scope;
    std::vector<known_log> logs;
    std::vector<uint32_t> lanes; /* the row at the fence */
};

struct thread_order {
    uint32_t clock = 0;
    std::vector<uint32_t> lanes;    /* what is known of each lane of the warp; empty: nothing */
    std::vector<known_log> known;   /* acquired */
    std::vector<known_log> pending; /* read by an atomic, not fenced yet */
    release fenced_block, fenced_device;
};

struct block_order {
    uint32_t clock = 0; /* accesses of the block below it are known to all of it */
    uint32_t warp[32] = {};
    std::vector<known_log> known;
};

struct launch_order {
    uint32_t base = 0, latest = 0;
    std::unordered_map<uint64_t, std::shared_ptr<sync_log>> logs; /* by address */
};

void order_launch(machine *m);
void order_launch_end(machine *m);
void order_block(slot *s);
void order_barrier(slot *s);
void order_warp(slot *s, unsigned warp, uint32_t lanes);
/* A fence is both; kernel_load_acquire and kernel_store_release are one half each. */
void order_acquire(thread *t, bool device);
void order_release(thread *t, bool device);
/* Around an atomic, before it is done: release what a fence covered (`store`), and note what is
 * read (`load`). A store that reads nothing starts a new log. */
void order_atomic(thread *t, const void *p, bool load, bool store);
bool order_known(const thread *t, const access_record &a);

} // namespace simt

#endif
