/*
 * matrix.cc: matrix instructions, computed by the rules of the card that is simulated.
 */
#include <atomic>
#include <cstdio>
#include <cstring>

#include "kernels/device/device.h"
#include "kernels/mma/mma_rule.h"
#include "kernels/simt/machine.h"

namespace simt {

static constexpr const char *default_arch = "sm_90";
static std::atomic<const mma_rule *> card{nullptr}; /* some rule of it */

static const mma_rule *rule_of_card(const char *card_or_arch) {
    const mma_rule *rule;
    for (size_t i = 0; (rule = mma_rule_at(i)); i++)
        if (strncmp(rule->arch, "sm_", 3) == 0 &&
            (strcmp(rule->card, card_or_arch) == 0 || strcmp(rule->arch, card_or_arch) == 0))
            return rule;
    return nullptr;
}

static const mma_rule *card_now() {
    const mma_rule *now = card.load(std::memory_order_relaxed);
    return now ? now : rule_of_card(default_arch);
}

bool is_matrix(unsigned op) {
    return op == SIMT_MATRIX || op == SIMT_WMMA_LOAD || op == SIMT_WMMA_STORE;
}

/* --- where a lane's elements belong --------------------------------------------------------------
 *
 * Numbers run along k in A and B, along the rows in C and D.
 */

struct fragment {
    unsigned count;     /* elements of a lane */
    unsigned place[32]; /* their numbers */
    unsigned bytes;     /* of one element as the lane holds it */
};

static fragment operand(const simt_matrix &x, unsigned lane, bool is_a) {
    fragment f = {};
    unsigned g = lane / 4, t = lane % 4;
    f.bytes = (unsigned)element_bytes((element)x.in);
    if (x.wmma) {
        f.count = (is_a ? x.m : x.n) * x.k / warp_size;
        for (unsigned i = 0; i < f.count; i++)
            f.place[i] = i * warp_size + lane;
        return f;
    }
    unsigned e = 4 / f.bytes, registers = x.k / (4 * e) * (is_a ? 2 : 1);
    for (unsigned r = 0; r < registers; r++) {
        unsigned row = is_a ? g + 8 * (r % 2) : g;
        unsigned first = (is_a ? r / 2 : r) * 4 * e + t * e;
        for (unsigned i = 0; i < e; i++)
            f.place[f.count++] = row * x.k + first + i;
    }
    return f;
}

static fragment result(const simt_matrix &x, unsigned lane) {
    fragment f = {};
    f.bytes = (unsigned)element_bytes((element)x.out);
    f.count = x.m * x.n / warp_size;
    for (unsigned i = 0; i < f.count; i++)
        f.place[i] = x.wmma ? i * warp_size + lane
                            : (lane / 4 + 8 * (i / 2 % 2)) * x.n + lane % 4 * 2 + i % 2;
    return f;
}

static void gather(const fragment &f, element format, const void *from, float *to) {
    for (unsigned i = 0; i < f.count; i++)
        to[f.place[i]] = (float)element_get(format, from, i);
}

static void scatter(const fragment &f, element format, const float *from, void *to) {
    for (unsigned i = 0; i < f.count; i++) {
        float value = from[f.place[i]];
        if (format == ELEMENT_F16 && value != value) /* the unit's, not a conversion's */
            ((uint16_t *)to)[i] = (uint16_t)simt_rules[SIMT_RULE_NAN_F16].device;
        else
            element_set(format, to, i, (double)value);
    }
}

/* --- one instruction -----------------------------------------------------------------------------
 */

/* "mma.sync m16n8k16 bf16 to f32" */
static std::string name_of(const simt_matrix &x) {
    char name[80];
    snprintf(name, sizeof name, "%s m%un%uk%u %s to %s", x.wmma ? "wmma" : "mma.sync", x.m, x.n,
             x.k, element_word((element)x.in), element_word((element)x.out));
    return name;
}

static bool same_instruction(const simt_matrix &x, const simt_matrix &y) {
    return x.m == y.m && x.n == y.n && x.k == y.k && x.in == y.in && x.out == y.out &&
           x.wmma == y.wmma;
}

/* The card's own instruction for it; false: there is none. WMMA is made of as many as it needs. */
static bool rule_for(const simt_matrix &x, mma_rule *rule) {
    const mma_rule *found =
        mma_rule_find(card_now()->card, MMA_SYNC, (element)x.in, (element)x.out);
    if (!found || (!x.wmma && x.k > found->k))
        return false;
    *rule = *found;
    if (x.k < rule->k)
        rule->k = x.k;
    return true;
}

void matrix_complete(slot *s, unsigned number) {
    warp *w = &s->warps[number];
    const thread *first = &s->all[number * warp_size];
    const simt_matrix *of[warp_size];
    for (unsigned lane = 0; lane < warp_size; lane++)
        of[lane] = (const simt_matrix *)(uintptr_t)w->value[lane];
    const simt_matrix &x = *of[0];
    for (unsigned lane = 1; lane < warp_size; lane++) {
        if (same_instruction(x, *of[lane]))
            continue;
        const thread *t = &s->all[number * warp_size + lane];
        place other = here(t, t->site);
        report(s->home, SIMT_DIVERGENT_WARP, here(first, first->site), &other,
               "lane 0 is in %s while lane %u is in %s", name_of(x).c_str(), lane,
               name_of(*of[lane]).c_str());
        abandon_launch(s->home);
    }
    mma_rule rule;
    if (!rule_for(x, &rule)) {
        report(s->home, SIMT_LACKING, here(first, first->site), nullptr,
               "%s (%s) has no %s; simulate another card (--simt-arch)", simt_card(), simt_arch(),
               name_of(x).c_str());
        abandon_launch(s->home);
    }
    float a[MMA_TILE * MMA_TILE], b[MMA_TILE * MMA_TILE], c[MMA_TILE * MMA_TILE],
        d[MMA_TILE * MMA_TILE];
    for (unsigned lane = 0; lane < warp_size; lane++) {
        gather(operand(x, lane, true), (element)x.in, of[lane]->a, a);
        gather(operand(x, lane, false), (element)x.in, of[lane]->b, b);
        gather(result(x, lane), (element)x.out, of[lane]->c, c);
    }
    s->home->counts.products += (uint64_t)x.m * x.n * x.k;
    mma_tile(&rule, x.m, x.n, x.k, a, b, c, d);
    for (unsigned lane = 0; lane < warp_size; lane++)
        scatter(result(x, lane), (element)x.out, d, of[lane]->d);
}

} // namespace simt

using namespace simt;

int simt_set_arch(const char *card_or_arch) {
    const mma_rule *rule = rule_of_card(card_or_arch ? card_or_arch : default_arch);
    if (!rule)
        return device_fail("the SIMT machine cannot simulate \"%.40s\"; use sm_70, sm_75, sm_80, "
                           "sm_86, sm_89, sm_90, sm_100, sm_120 or a card such as H200",
                           card_or_arch);
    card.store(rule, std::memory_order_relaxed);
    return 0;
}

const char *simt_card(void) {
    return card_now()->card;
}

const char *simt_arch(void) {
    return card_now()->arch;
}

int simt_arch_number(void) {
    return atoi(card_now()->arch + 3);
}
