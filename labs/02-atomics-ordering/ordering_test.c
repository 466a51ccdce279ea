/*
 * ordering_test.c: the verdict on a spread follows its interval, "not shown" included; and updates
 * are put down to the thread or block that makes them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "labs/02-atomics-ordering/ordering.h"

#define PAIRS 40

/* A record as the journal holds it, with side b `more` wider than a, up to a jitter. */
static json_t *turns(double more, double jitter) {
    static const char *const names[] = {"spread of a", "spread of b", "distinct of a",
                                        "distinct of b"};
    json_t *list = json_array();
    for (size_t s = 0; s < 4; s++) {
        json_t *values = json_array();
        for (size_t k = 0; k < PAIRS; k++) {
            double wobble = jitter * ((double)(k * 7 % 11) - 5);
            json_array_append_new(values, json_real(3 + (s % 2 ? more + wobble : 0)));
        }
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:o}", "name", names[s], "unit",
                                              "1", "kind", "count", "n", PAIRS, "values", values));
    }
    return json_pack("{s:s, s:o}", "id", "02/turns/test", "series", list);
}

static void direction_follows_the_interval(void **state) {
    (void)state;
    static const struct {
        double more, jitter;
        enum direction direction;
    } cases[] = {{1, 0.1, DIRECTION_GROWS},
                 {-1, 0.1, DIRECTION_SHRINKS},
                 {0, 0.1, DIRECTION_NOT_SHOWN},
                 {0, 0, DIRECTION_NOT_SHOWN},
                 {0.02, 1, DIRECTION_NOT_SHOWN}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct comparison c;
        json_t *record = turns(cases[k].more, cases[k].jitter);
        assert_int_equal(compare_turns(record, &c), 0);
        assert_int_equal(c.direction, cases[k].direction);
        assert_int_equal(c.pairs, PAIRS);
        assert_true(c.low <= c.change && c.change <= c.high);
        json_decref(record);
    }
}

static void no_turns_are_no_answer(void **state) {
    (void)state;
    struct comparison c;
    json_t *empty = json_object();
    assert_int_equal(compare_turns(empty, &c), -1);
    json_decref(empty);
}

/* Equal shares for all, none left out: these sizes divide evenly. */
static void parties_own_their_updates(enum device_kind kind, const char *plan, size_t n) {
    struct device *device;
    assert_int_equal(device_open(&device, kind, 0), 0);
    float *x = calloc(n, sizeof *x);
    struct seat seat;
    size_t owned[64] = {0};
    assert_int_equal(seat_open(&seat, device, plan, x, n, 0), 0);
    assert_true(seat_parties(&seat) <= 64);
    for (size_t u = 0; u < seat.updates; u++) {
        assert_true(seat_party(&seat, u) < seat_parties(&seat));
        owned[seat_party(&seat, u)]++;
    }
    for (size_t p = 0; p < seat_parties(&seat); p++)
        assert_int_equal(owned[p], seat.updates / seat_parties(&seat));
    seat_close(&seat);
    free(x);
    device_close(device);
}

static void updates_have_their_party(void **state) {
    (void)state;
    parties_own_their_updates(DEVICE_CPU, "f32.none.plain.a1.t4", 1000);
    parties_own_their_updates(DEVICE_CPU, "f32.thread.plain.a1.t4", 1000);
    parties_own_their_updates(DEVICE_SIMT, "f32.none.plain.a1.i1.b32.g8", 512);
    parties_own_their_updates(DEVICE_SIMT, "f32.thread.plain.a1.i4.b32.g4", 512);
    parties_own_their_updates(DEVICE_SIMT, "f32.warp.plain.a1.i1.b64.g4", 512);
    parties_own_their_updates(DEVICE_SIMT, "f32.block.plain.a1.i1.b32.g16", 512);
}

/* One run of each, against the model: a cure's result is known before it runs. */
static void cures_meet_their_prediction(void **state) {
    (void)state;
    static const enum device_kind kinds[] = {DEVICE_CPU, DEVICE_SIMT};
    for (size_t d = 0; d < 2; d++) {
        struct device *device;
        size_t count, n = settings_n(kinds[d]);
        const struct setting *list = settings_cures(kinds[d], &count);
        assert_int_equal(device_open(&device, kinds[d], 0), 0);
        for (size_t k = 0; k < count; k++) {
            enum atomics_type type = settings_type(kinds[d], list[k].plan);
            void *x = input_new(list[k].input, type, n, 5);
            double condition, largest;
            uint64_t predicted;
            struct seat seat;
            assert_non_null(x);
            assert_int_equal(input_rate(type, x, n, &condition, &largest), 0);
            int unit = atomics_fixed_unit(n, largest);
            assert_int_equal(seat_open(&seat, device, list[k].plan, x, n, unit), 0);
            assert_int_equal(seat_predict(&seat, &predicted, NULL), 0);
            for (uint64_t turn = 0; turn < 20; turn++) {
                assert_int_equal(seat_run(&seat, false, turn), 0);
                assert_true(seat_fingerprint(&seat, NULL) == predicted);
            }
            seat_close(&seat);
            free(x);
        }
        device_close(device);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direction_follows_the_interval),
        cmocka_unit_test(no_turns_are_no_answer),
        cmocka_unit_test(updates_have_their_party),
        cmocka_unit_test(cures_meet_their_prediction),
    };
    return cmocka_run_group_tests_name("ordering", tests, NULL, NULL);
}
