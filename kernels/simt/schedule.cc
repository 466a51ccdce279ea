/*
 * schedule.cc: who goes next, and the files that record it.
 *
 * A recording is text for its first line and 32-bit little-endian words after it. A launch is
 *     'L' 'N' 'C' 'H', words of name, name, grid x y z, block x y z, resident, block order,
 *     interleave, seed low, seed high, tokens, token…
 * A token with the top bit set is a run of that many steps of the default order (ascending through
 * one block until all of it waits); any other is one step, slot << 16 | thread. So a schedule in
 * order takes a few words and a random one a word a step.
 */
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernels/device/device.h"
#include "kernels/simt/machine.h"

namespace simt {

constexpr char file_head[] = "nanolab simt schedule 1\n";
constexpr uint32_t launch_mark = 0x48434e4c;
constexpr uint32_t run_bit = 0x80000000;

uint64_t random_next(uint64_t *state) {
    /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* --- orders ------------------------------------------------------------------------------------
 */

/* The first ready thread in [from, threads), or -1. */
static int first_from(const slot *s, unsigned from) {
    if (from >= s->threads)
        return -1;
    unsigned w = from / 64;
    uint64_t bits = s->ready[w] & ~(uint64_t)0 << from % 64;
    while (!bits) {
        if (++w * 64 >= s->threads)
            return -1;
        bits = s->ready[w];
    }
    return (int)(w * 64 + (unsigned)__builtin_ctzll(bits));
}

/* The last ready thread in [0, below), or -1. */
static int last_below(const slot *s, unsigned below) {
    if (below == 0)
        return -1;
    unsigned w = (below - 1) / 64;
    uint64_t bits = s->ready[w] & ~(uint64_t)0 >> (63 - (below - 1) % 64);
    while (!bits) {
        if (w-- == 0)
            return -1;
        bits = s->ready[w];
    }
    return (int)(w * 64 + 63 - (unsigned)__builtin_clzll(bits));
}

static thread *ascending(machine *m, unsigned slot_from, unsigned from) {
    slot *s = m->slots[slot_from].get();
    int i = -1;
    if (s->ready_count) {
        i = first_from(s, from);
        if (i < 0)
            i = first_from(s, 0);
        return &s->all[i];
    }
    for (unsigned k = 1; k <= m->slot_count; k++) {
        s = m->slots[(slot_from + k) % m->slot_count].get();
        if (s->ready_count)
            return &s->all[first_from(s, 0)];
    }
    return nullptr;
}

static thread *descending(machine *m) {
    for (unsigned k = 0; k <= m->slot_count; k++) {
        slot *s =
            m->slots[(m->cursor_slot + m->slot_count - k % m->slot_count) % m->slot_count].get();
        if (!s->ready_count)
            continue;
        int i = last_below(s, k ? s->threads : m->cursor_below);
        return &s->all[i < 0 ? last_below(s, s->threads) : i];
    }
    return nullptr;
}

static thread *highest(machine *m) {
    for (unsigned k = m->slot_count; k-- > 0;) {
        slot *s = m->slots[k].get();
        if (s->ready_count)
            return &s->all[last_below(s, s->threads)];
    }
    return nullptr;
}

static thread *round_robin(machine *m) {
    for (unsigned k = 1; k <= m->slot_count; k++) {
        slot *s = m->slots[(m->cursor_slot + k) % m->slot_count].get();
        if (!s->ready_count)
            continue;
        int i = first_from(s, m->cursor_thread);
        return &s->all[i < 0 ? first_from(s, 0) : i];
    }
    return nullptr;
}

static thread *any(machine *m) {
    uint64_t k = random_next(&m->random) % m->ready_total;
    for (unsigned n = 0; n < m->slot_count; n++) {
        slot *s = m->slots[n].get();
        if (k >= s->ready_count) {
            k -= s->ready_count;
            continue;
        }
        for (unsigned w = 0;; w++) {
            uint64_t bits = s->ready[w];
            unsigned here = (unsigned)__builtin_popcountll(bits);
            if (k >= here) {
                k -= here;
                continue;
            }
            for (; k; k--)
                bits &= bits - 1;
            return &s->all[w * 64 + (unsigned)__builtin_ctzll(bits)];
        }
    }
    return nullptr;
}

/* --- following and recording -------------------------------------------------------------------
 */

static thread *replayed(machine *m, thread *usual) {
    schedule_log &log = m->log;
    if (log.replay_run) {
        log.replay_run--;
        return usual;
    }
    const std::vector<uint32_t> &tokens = log.replay.front();
    if (log.position >= tokens.size())
        return nullptr;
    uint32_t token = tokens[log.position++];
    if (token & run_bit) {
        log.replay_run = (token & ~run_bit) - 1;
        return usual;
    }
    unsigned slot_number = token >> 16, index = token & 0xffff;
    if (slot_number >= m->slot_count || index >= m->threads)
        return nullptr;
    slot *s = m->slots[slot_number].get();
    return s->ready[index / 64] >> index % 64 & 1 ? &s->all[index] : nullptr;
}

static void flush_run(schedule_log &log) {
    if (log.run)
        log.tokens.push_back(run_bit | log.run);
    log.run = 0;
}

static thread *pick_otherwise(machine *m) {
    bool usual_matters = m->log.out || m->log.replaying;
    thread *usual = usual_matters ? ascending(m, m->cursor_slot, m->cursor_thread) : nullptr;
    thread *t;
    if (m->log.replaying) {
        t = replayed(m, usual);
        if (!t) {
            m->diverged = true;
            abandon_launch(m);
        }
    } else {
        switch (m->config.interleave) {
        case SIMT_REVERSE:
            t = descending(m);
            break;
        case SIMT_ROUND_ROBIN:
            t = round_robin(m);
            break;
        case SIMT_LAST_FIRST:
            t = highest(m);
            break;
        case SIMT_RANDOM:
            t = any(m);
            break;
        default:
            t = usual;
        }
    }
    if (m->log.out) {
        if (t != usual) {
            flush_run(m->log);
            m->log.tokens.push_back(t->home->number << 16 | t->index);
        } else if (++m->log.run == ~run_bit) {
            flush_run(m->log);
        }
    }
    return t;
}

thread *schedule_pick(machine *m) {
    bool usual = m->config.interleave == SIMT_IN_ORDER && !m->log.out && !m->log.replaying;
    thread *t = usual ? ascending(m, m->cursor_slot, m->cursor_thread) : pick_otherwise(m);
    m->cursor_slot = t->home->number;
    m->cursor_thread = t->index + 1u;
    m->cursor_below = t->index;
    return t;
}

/* --- files -------------------------------------------------------------------------------------
 */

constexpr size_t head_words = 11; /* of a recorded launch before its tokens */

struct launch_head {
    std::string name;
    uint32_t words[head_words]; /* grid, block, resident, block order, interleave, seed */
};

static launch_head head_of(machine *m) {
    const simt_launch *l = m->launch;
    launch_head head;
    head.name = l->name;
    uint32_t words[head_words] = {l->grid[0],
                                  l->grid[1],
                                  l->grid[2],
                                  l->block[0],
                                  l->block[1],
                                  l->block[2],
                                  m->config.resident,
                                  (uint32_t)m->config.block_order,
                                  (uint32_t)m->config.interleave,
                                  (uint32_t)m->config.seed,
                                  (uint32_t)(m->config.seed >> 32)};
    std::copy(words, words + head_words, head.words);
    return head;
}

static bool read_words(FILE *f, uint32_t *words, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char b[4];
        if (fread(b, 1, 4, f) != 4)
            return false;
        words[i] = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    }
    return true;
}

static void write_words(FILE *f, const uint32_t *words, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char b[4] = {(unsigned char)words[i], (unsigned char)(words[i] >> 8),
                              (unsigned char)(words[i] >> 16), (unsigned char)(words[i] >> 24)};
        fwrite(b, 1, 4, f);
    }
}

static int read_recording(machine *m, FILE *f) {
    char head[sizeof file_head] = "";
    if (fread(head, 1, sizeof head - 1, f) != sizeof head - 1 || strcmp(head, file_head) != 0)
        return -1;
    uint32_t start[2];
    while (read_words(f, start, 1)) {
        if (start[0] != launch_mark || !read_words(f, start + 1, 1) || start[1] > 1024)
            return -1;
        std::string name(start[1], '\0');
        if (fread(&name[0], 1, name.size(), f) != name.size())
            return -1;
        std::vector<uint32_t> launch(head_words);
        uint32_t count;
        if (!read_words(f, launch.data(), head_words) || !read_words(f, &count, 1))
            return -1;
        for (uint32_t i = 0; i < count; i++) { /* one by one: the count may be a lie */
            uint32_t token;
            if (!read_words(f, &token, 1) || token == run_bit)
                return -1;
            launch.push_back(token);
        }
        if (launch[6] == 0 || launch[7] > SIMT_BLOCKS_RANDOM || launch[8] > SIMT_RANDOM)
            return -1;
        m->log.names.push_back(name);
        m->log.replay.push_back(std::move(launch));
    }
    return feof(f) ? 0 : -1;
}

int schedule_open(machine *m) {
    if (!m->replay_path.empty()) {
        FILE *f = fopen(m->replay_path.c_str(), "rb");
        if (!f)
            return device_fail("cannot read the schedule %s: %s", m->replay_path.c_str(),
                               strerror(errno));
        int bad = read_recording(m, f);
        fclose(f);
        if (bad) {
            schedule_close(m);
            return device_fail("%s is not a recorded schedule, or is cut short; record it again",
                               m->replay_path.c_str());
        }
        m->log.replaying = true;
    }
    if (!m->record_path.empty()) {
        m->log.out = fopen(m->record_path.c_str(), "wb");
        if (!m->log.out)
            return device_fail("cannot write the schedule %s: %s", m->record_path.c_str(),
                               strerror(errno));
        fputs(file_head, m->log.out);
        fflush(m->log.out);
    }
    return 0;
}

void schedule_close(machine *m) {
    if (m->log.out)
        fclose(m->log.out);
    m->log = schedule_log();
}

void schedule_begin(machine *m) {
    schedule_log &log = m->log;
    m->random = m->config.seed;
    m->diverged = false;
    log.tokens.clear();
    log.run = 0;
    if (!log.replaying)
        return;
    log.position = head_words;
    log.replay_run = 0;
    if (log.replay.empty()) {
        m->diverged = true;
        return;
    }
    const std::vector<uint32_t> &words = log.replay.front();
    launch_head head = head_of(m);
    if (log.names.front() != head.name || !std::equal(head.words, head.words + 6, words.begin()))
        m->diverged = true;
    m->config.resident = words[6];
    m->config.block_order = (simt_block_order)words[7];
    m->config.interleave = (simt_interleave)words[8];
    m->config.seed = words[9] | (uint64_t)words[10] << 32;
    m->random = m->config.seed;
}

void schedule_end(machine *m) {
    schedule_log &log = m->log;
    if (log.replaying && !log.replay.empty()) {
        log.replay.pop_front();
        log.names.pop_front();
    }
    if (!log.out || m->diverged)
        return;
    flush_run(log);
    launch_head head = head_of(m);
    uint32_t start[2] = {launch_mark, (uint32_t)head.name.size()};
    uint32_t count = (uint32_t)log.tokens.size();
    write_words(log.out, start, 2);
    fwrite(head.name.data(), 1, head.name.size(), log.out);
    write_words(log.out, head.words, head_words);
    write_words(log.out, &count, 1);
    write_words(log.out, log.tokens.data(), log.tokens.size());
    fflush(log.out);
}

} // namespace simt
