/*
 * order.cc: keeps the happens-before relation that order.h describes. Only checked launches come
 * here.
 */
#include "kernels/simt/order.h"

#include <algorithm>

#include "kernels/simt/machine.h"

namespace simt {

static std::atomic<uint32_t> last_clock{1};

void order_launch(machine *m) {
    m->order.base = last_clock.load() + 1;
    m->order.latest = m->order.base;
    m->order.logs.clear();
}

void order_launch_end(machine *m) {
    uint32_t seen = last_clock.load();
    while (seen < m->order.latest && !last_clock.compare_exchange_weak(seen, m->order.latest)) {
    }
    m->order.logs.clear();
}

static uint32_t step(machine *m, uint32_t clock) {
    m->order.latest = std::max(m->order.latest, clock);
    return clock;
}

void order_block(slot *s) {
    uint32_t base = s->home->order.base;
    s->order.clock = base;
    s->order.known.clear();
    std::fill(std::begin(s->order.warp), std::end(s->order.warp), base);
    for (unsigned i = 0; i < s->threads; i++) {
        thread_order &o = s->all[i].order;
        o.clock = base;
        if (!o.lanes.empty())
            o.lanes.clear();
        if (!o.known.empty())
            o.known.clear();
        if (!o.pending.empty())
            o.pending.clear();
        o.fenced_block.clock = o.fenced_device.clock = 0;
    }
}

/* Makes `known` cover what `more` covers. */
static void join(std::vector<known_log> &known, const std::vector<known_log> &more) {
    for (const known_log &k : more) {
        bool found = false;
        for (known_log &mine : known) {
            if (mine.log == k.log && mine.block_scope == k.block_scope) {
                mine.length = std::max(mine.length, k.length);
                found = true;
                break;
            }
        }
        if (!found)
            known.push_back(k);
    }
}

void order_barrier(slot *s) {
    uint32_t latest = 0;
    for (unsigned i = 0; i < s->threads; i++)
        latest = std::max(latest, s->all[i].order.clock);
    latest = step(s->home, latest + 1);
    s->order.clock = latest;
    for (unsigned i = 0; i < s->threads; i++) {
        thread_order &o = s->all[i].order;
        o.clock = latest;
        if (!o.known.empty()) {
            join(s->order.known, o.known);
            o.known.clear();
        }
    }
}

void order_warp(slot *s, unsigned w, uint32_t lanes) {
    thread *first = &s->all[w * warp_size];
    uint32_t latest = 0;
    std::vector<known_log> joined;
    bool rows = false;
    for (uint32_t rest = lanes; rest; rest &= rest - 1) {
        thread_order &o = first[__builtin_ctz(rest)].order;
        latest = std::max(latest, o.clock);
        rows |= !o.lanes.empty();
        if (!o.known.empty())
            join(joined, o.known);
    }
    latest = step(s->home, latest + 1);
    bool full = lanes == s->warps[w].existing;
    uint32_t row[warp_size] = {};
    if (!full) {
        for (uint32_t rest = lanes; rest; rest &= rest - 1) {
            unsigned lane = (unsigned)__builtin_ctz(rest);
            const thread_order &o = first[lane].order;
            for (unsigned k = 0; k < warp_size && !o.lanes.empty(); k++)
                row[k] = std::max(row[k], o.lanes[k]);
            row[lane] = latest;
        }
        for (uint32_t rest = lanes; rest; rest &= rest - 1)
            row[__builtin_ctz(rest)] = latest;
    } else {
        s->order.warp[w] = latest;
    }
    for (uint32_t rest = lanes; rest; rest &= rest - 1) {
        thread_order &o = first[__builtin_ctz(rest)].order;
        o.clock = latest;
        if (!full)
            o.lanes.assign(row, row + warp_size);
        else if (rows && !o.lanes.empty())
            o.lanes.clear(); /* the whole warp is known now */
        if (!joined.empty())
            o.known = joined;
    }
}

void order_acquire(thread *t, bool device) {
    thread_order &o = t->order;
    for (known_log k : o.pending) {
        k.block_scope = !device;
        join(o.known, {k});
    }
    if (device)
        o.pending.clear(); /* a block fence may still be followed by a wider one */
}

void order_release(thread *t, bool device) {
    slot *s = t->home;
    thread_order &o = t->order;
    auto remember = [&](release &r, bool block_scope) {
        r.clock = o.clock + 1;
        r.block_clock = s->order.clock;
        r.warp_clock = s->order.warp[t->warp];
        r.block_scope = block_scope;
        r.logs = s->order.known;
        join(r.logs, o.known);
        r.lanes = o.lanes;
    };
    remember(o.fenced_block, true);
    if (device)
        remember(o.fenced_device, false);
    o.clock = step(s->home, o.clock + 1);
}

static std::shared_ptr<sync_log> new_log() {
    static std::atomic<uint64_t> last_id{0};
    std::shared_ptr<sync_log> log = std::make_shared<sync_log>();
    log->id = ++last_id;
    return log;
}

static uint64_t key_of(uint32_t block, uint32_t unit) {
    return (uint64_t)block << 32 | unit;
}

static void append(sync_log *log, const known_unit &u) {
    std::vector<uint32_t> &at = log->places[key_of(u.block, u.unit)];
    for (auto i = at.rbegin(); i != at.rend(); ++i) {
        const known_unit &old = log->entries[*i];
        if (old.clock >= u.clock && old.block_scope <= u.block_scope)
            return; /* known already */
    }
    at.push_back((uint32_t)log->entries.size());
    log->entries.push_back(u);
}

static void append_release(const thread *t, sync_log *log, const release &r) {
    const slot *s = t->home;
    uint32_t block = (uint32_t)s->block;
    uint32_t base = s->home->order.base;
    if (r.block_clock > base)
        append(log, {block, UNIT_BLOCK, r.block_clock, r.block_scope});
    if (r.warp_clock > base)
        append(log, {block, UNIT_WARP | t->warp, r.warp_clock, r.block_scope});
    append(log, {block, UNIT_THREAD | t->index, r.clock, r.block_scope});
    for (unsigned lane = 0; lane < r.lanes.size(); lane++)
        if (r.lanes[lane] > base)
            append(log, {block, UNIT_THREAD | (t->warp * warp_size + lane), r.lanes[lane],
                         r.block_scope});
    for (const known_log &k : r.logs) {
        if (k.log.get() == log)
            continue;
        uint32_t &done = log->copied[k.log->id];
        for (; done < k.length; done++) {
            known_unit u = k.log->entries[done];
            if ((u.block_scope || k.block_scope) && u.block != block)
                continue;
            u.block_scope = u.block_scope || k.block_scope || r.block_scope;
            append(log, u);
        }
    }
}

void order_atomic(thread *t, const void *p, bool load, bool store) {
    thread_order &o = t->order;
    bool releases = store && (o.fenced_block.clock || o.fenced_device.clock);
    launch_order &order = t->home->home->order;
    if (!releases && order.logs.empty())
        return;
    /* Shared arenas are reused by later blocks, so a shared address is one with its block. */
    uint64_t key = (uintptr_t)p;
    if ((uintptr_t)p < zone.global_base)
        key = key << 24 ^ (t->home->block + 1) * 0x9e3779b97f4a7c15u;
    auto found = order.logs.find(key);
    if (found == order.logs.end() && !releases)
        return;
    std::shared_ptr<sync_log> &log = found != order.logs.end() ? found->second : order.logs[key];
    if (!log || (store && !load))
        log = new_log();
    if (load && !log->entries.empty())
        join(o.pending, {known_log{log, (uint32_t)log->entries.size(), false}});
    if (store && o.fenced_device.clock)
        append_release(t, log.get(), o.fenced_device);
    if (store && o.fenced_block.clock > o.fenced_device.clock)
        append_release(t, log.get(), o.fenced_block);
}

static bool log_covers(const known_log &k, const access_record &a, uint32_t unit, uint32_t block) {
    auto found = k.log->places.find(key_of(a.block, unit));
    if (found == k.log->places.end())
        return false;
    for (uint32_t i : found->second) {
        const known_unit &u = k.log->entries[i];
        if (i >= k.length)
            break;
        if ((u.block_scope || k.block_scope) && u.block != block)
            continue;
        if (a.clock < u.clock)
            return true;
    }
    return false;
}

static bool logs_cover(const std::vector<known_log> &known, const access_record &a,
                       uint32_t block) {
    for (const known_log &k : known)
        if (log_covers(k, a, UNIT_THREAD | a.thread, block) ||
            log_covers(k, a, UNIT_WARP | a.thread / warp_size, block) ||
            log_covers(k, a, UNIT_BLOCK, block))
            return true;
    return false;
}

bool order_known(const thread *t, const access_record &a) {
    const slot *s = t->home;
    uint32_t block = (uint32_t)s->block;
    if (a.clock < s->home->order.base)
        return true; /* an earlier launch */
    if (a.block == block) {
        if (a.thread == t->index || a.clock < s->order.clock)
            return true;
        if (a.thread / warp_size == t->warp) {
            if (a.clock < s->order.warp[t->warp])
                return true;
            if (!t->order.lanes.empty() && a.clock < t->order.lanes[a.thread % warp_size])
                return true;
        }
    }
    if (!t->order.known.empty() && logs_cover(t->order.known, a, block))
        return true;
    return !s->order.known.empty() && logs_cover(s->order.known, a, block);
}

} // namespace simt
