/*
 * requests.cc: what warps ask memory for. On a GPU the lanes of a warp execute a load or store
 * together, and what it costs depends on where all of them point: how many sectors of 32 bytes of
 * global memory, how many passes through the 32 banks of shared memory. Here lanes run one after
 * the other, so their accesses are put together again: the accesses that lanes make at one place of
 * the code for the k-th time since all of the warp last met (at a barrier, or in a warp operation
 * of all its lanes) are one request.
 *
 * A shared access of up to 4 bytes is served for all lanes at once, of 8 bytes for 16 lanes, of 16
 * for 8; each time takes as many passes as there are different words in the fullest bank (CUDA C++
 * Programming Guide, compute capability 5.x, shared memory: 32 banks of 32-bit words; lanes of one
 * word do not conflict).
 */
#include <algorithm>
#include <deque>
#include <unordered_map>
#include <vector>

#include "kernels/simt/machine.h"

namespace simt {

constexpr size_t sector = 32, word = 4;
constexpr unsigned banks = 32;
/* Requests that some lane has yet to come to, of one warp and place: more are not kept. */
constexpr size_t most_open = (size_t)1 << 16;

namespace {

struct request {
    uint32_t lanes = 0;
    unsigned size = 0;
    uintptr_t at[warp_size];
};

/* One place of the code, as one warp knows it. */
struct site_log {
    bool stores, shared;
    uint32_t times[warp_size] = {}; /* that each lane has been here … */
    uint32_t closed = 0;            /* … and requests that were complete */
    std::deque<request> open;
};

} // namespace

struct request_log {
    std::vector<std::unordered_map<uintptr_t, site_log>> warps; /* of all slots */
    std::vector<uintptr_t> numbers;
};

/* How many different multiples of `unit` bytes the lanes in `lanes` touch, sorted into `numbers`.
 */
static size_t distinct(const request &r, uint32_t lanes, size_t unit,
                       std::vector<uintptr_t> *numbers) {
    numbers->clear();
    for (; lanes; lanes &= lanes - 1) {
        uintptr_t a = r.at[__builtin_ctz(lanes)];
        for (uintptr_t n = a / unit; n <= (a + r.size - 1) / unit; n++)
            numbers->push_back(n);
    }
    std::sort(numbers->begin(), numbers->end());
    numbers->erase(std::unique(numbers->begin(), numbers->end()), numbers->end());
    return numbers->size();
}

/* Different bytes that a request touches. */
static size_t bytes_of(const request &r, std::vector<uintptr_t> *from) {
    size_t bytes = 0;
    uintptr_t end = 0;
    from->clear();
    for (uint32_t rest = r.lanes; rest; rest &= rest - 1)
        from->push_back(r.at[__builtin_ctz(rest)]);
    std::sort(from->begin(), from->end());
    for (uintptr_t a : *from) {
        bytes += a + r.size - std::min(std::max(a, end), a + r.size);
        end = a + r.size;
    }
    return bytes;
}

static unsigned fullest_bank(const std::vector<uintptr_t> &words) {
    unsigned in[banks] = {}, most = 0;
    for (uintptr_t w : words)
        most = std::max(most, ++in[w % banks]);
    return most;
}

static void complete(machine *m, const site_log &s, const request &r) {
    simt_counts &c = m->counts;
    std::vector<uintptr_t> &numbers = m->requests->numbers;
    if (!s.shared) {
        uint64_t touched = distinct(r, r.lanes, sector, &numbers);
        uint64_t least = (bytes_of(r, &numbers) + sector - 1) / sector;
        (s.stores ? c.store_requests : c.load_requests)++;
        (s.stores ? c.store_sectors : c.load_sectors) += touched;
        (s.stores ? c.store_sectors_least : c.load_sectors_least) += least;
        return;
    }
    unsigned together = r.size <= word ? warp_size : r.size <= 2 * word ? 16 : 8;
    c.shared_requests++;
    for (unsigned lane = 0; lane < warp_size; lane += together) {
        uint32_t part = r.lanes & (uint32_t)((((uint64_t)1 << together) - 1) << lane);
        if (!part)
            continue;
        distinct(r, part, word, &numbers);
        c.shared_passes += fullest_bank(numbers);
        c.shared_passes_least++;
    }
}

void requests_begin(machine *m) {
    requests_close(m);
    if (!m->checked || !m->config.count_requests)
        return;
    m->requests = new request_log;
    m->requests->warps.resize((size_t)m->slot_count * (max_threads / warp_size));
    m->counts.requests_counted = 1;
}

void requests_close(machine *m) {
    delete m->requests;
    m->requests = nullptr;
}

void requests_note(machine *m, const thread *t, uintptr_t a, unsigned size, bool stores,
                   const void *site) {
    const slot *home = t->home;
    if (a - zone.shared_base >= zone.end - zone.shared_base)
        return; /* a thread's own variable */
    auto &warp = m->requests->warps[home->number * (max_threads / warp_size) + t->warp];
    site_log &s = warp[(uintptr_t)site * 2 + stores];
    s.stores = stores;
    s.shared = a < zone.global_base;
    size_t k = s.times[t->self.lane]++ - s.closed;
    if (k >= most_open) { /* one lane is so far ahead of another */
        m->counts.requests_counted = 0;
        return;
    }
    if (k >= s.open.size())
        s.open.resize(k + 1);
    request &r = s.open[k];
    r.lanes |= (uint32_t)1 << t->self.lane;
    r.size = std::max(r.size, size);
    r.at[t->self.lane] = a;
    uint32_t live = home->warps[t->warp].live;
    while (!s.open.empty() && (s.open.front().lanes & live) == live) {
        complete(m, s, s.open.front());
        s.open.pop_front();
        s.closed++;
    }
}

void requests_met(machine *m, const slot *home, unsigned warp) {
    for (auto &entry : m->requests->warps[home->number * (max_threads / warp_size) + warp]) {
        site_log &s = entry.second;
        for (const request &r : s.open)
            complete(m, s, r);
        s.open.clear();
        s.closed = 0;
        std::fill(s.times, s.times + warp_size, 0);
    }
}

void requests_met_block(machine *m, const slot *home) {
    for (unsigned w = 0; w * warp_size < home->threads; w++)
        requests_met(m, home, w);
}

} // namespace simt
