/*
 * replay.c: is order the only cause? Every logged run leaves what each update found; the path from
 * the first value to the last is the order, and adding in that order on the CPU must give the
 * run's own bits: in every run, at every address.
 *
 * The control: the same values in a shuffled order. If that gave the same bits as well, agreeing
 * would prove nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/atomics/atomics_order.h"
#include "labs/02-atomics-ordering/ordering.h"

struct replays {
    uint64_t *bits, *orders, *held, *chains, *differ;
    size_t count;
    int width;
    char failure[120];
};

static int make_room(struct replays *r, size_t count) {
    r->count = count;
    r->bits = calloc(5 * count, sizeof *r->bits);
    if (!r->bits)
        return device_fail("out of memory for the logs");
    r->orders = r->bits + count;
    r->held = r->bits + 2 * count;
    r->chains = r->bits + 3 * count;
    r->differ = r->bits + 4 * count;
    return 0;
}

/* The parties in the order of their updates: with it, which order it was. */
static uint64_t order_hash(const struct seat *seat, const uint32_t *order) {
    uint64_t hash = HASH_START;
    for (size_t k = 0; k < seat->updates; k++) {
        uint32_t party = (uint32_t)seat_party(seat, order[k]);
        hash = hash_bytes(hash, &party, sizeof party);
    }
    return hash;
}

static int replay(struct seat *seat, bool loaded, uint64_t seed, uint32_t *order,
                  struct replays *r) {
    struct atomics_log log = {.type = seat->type,
                              .add = seat->add,
                              .addresses = seat->addresses,
                              .updates = seat->updates,
                              .values = seat->values,
                              .olds = seat->log,
                              .results = seat->result};
    for (size_t k = 0; k < r->count; k++) {
        struct atomics_log_check check;
        if (seat_run(seat, loaded, k) != 0)
            return -1;
        if (atomics_log_check(&log, seed + k, seat->lanes == 1 ? order : NULL, &check) != 0)
            return device_fail("out of memory for an order");
        r->bits[k] = seat_fingerprint(seat, &r->width);
        r->orders[k] = seat->lanes == 1 ? order_hash(seat, order) : 0;
        r->chains[k] = check.chains;
        r->held[k] = check.held;
        r->differ[k] = check.shuffled_differ;
        if (check.held != check.chains && !r->failure[0])
            snprintf(r->failure, sizeof r->failure, "run %zu, address %zu: %s", k,
                     check.failed_address, atomics_order_text(check.failure));
    }
    return 0;
}

static void record(struct lab_case *c, const struct seat *seat, const struct setting *s,
                   const struct replays *r) {
    case_plan(c, seat_json(seat));
    case_param_text(c, "plan", seat->text);
    case_param_text(c, "input", input_name(s->input));
    case_param_text(c, "load", s->loaded ? "loaded" : "idle");
    case_param_int(c, "n", (int64_t)seat->n);
    case_param_int(c, "parties", (int64_t)seat_parties(seat));
    case_param_int(c, "updates", (int64_t)seat->updates);
    if (r->failure[0])
        case_param_text(c, "first failure", r->failure);
    case_series_bits(c, "measured", r->width, r->bits, r->count);
    if (seat->lanes == 1) /* two lanes have two orders */
        case_series_bits(c, "order", 64, r->orders, r->count);
    case_series_count(c, "chains", "1", r->chains, r->count);
    case_series_count(c, "chains replayed to the bit", "1", r->held, r->count);
    case_series_count(c, "chains that a shuffled order changed", "1", r->differ, r->count);
}

static int run_setting(struct lab_run *run, struct device *device, const struct setting *s) {
    size_t n = settings_n(device_kind(device));
    struct lab_case *c =
        lab_case_begin(run, device_id(device), "02/replay/n=%zu/data=%s/%s/plan=%s", n,
                       input_name(s->input), s->loaded ? "loaded" : "idle", s->plan);
    if (!c)
        return 0;
    enum atomics_type type = settings_type(device_kind(device), s->plan);
    void *x = input_new(s->input, type, n, lab_seed(run));
    struct seat seat = {0};
    struct replays r = {0};
    uint32_t *order = NULL;
    int status =
        x ? make_room(&r, settings_runs(lab_mode(run))) : device_fail("out of memory for the data");
    if (status == 0)
        status = seat_open(&seat, device, s->plan, x, n, 0);
    if (status == 0 && !(order = malloc(seat.updates * sizeof *order)))
        status = device_fail("out of memory for an order");
    if (status == 0)
        status = replay(&seat, s->loaded, lab_seed(run), order, &r);
    if (status == 0)
        record(c, &seat, s, &r);
    seat_close(&seat);
    free(order);
    free(r.bits);
    free(x);
    if (status != 0) {
        lab_case_drop(c);
        return lab_error(run, "%s on %s: %s", s->plan, device_id(device), device_error());
    }
    return lab_case_end(c);
}

int sweep_replay(struct lab_run *run, struct device *device) {
    size_t count;
    const struct setting *list = settings_logged(device_kind(device), &count);
    lab_expect(run, count);
    for (size_t k = 0; k < count && !lab_stopping(run); k++)
        if (run_setting(run, device, &list[k]) != 0)
            return -1;
    return 0;
}
