/*
 * run_options_test.c: --schedule: what it takes, what it refuses by name, that it is a setting of
 * the run, and that threads do go on in that order.
 */
#include "harness/cli/run_options.h"
#include "harness/store/provenance.h"
#include "kernels/device/device_schedule.h"
#include "kernels/ptx/ptx_fixture.h"

static const struct options parser = {.program = "nanolab"};

static int check(const char *device, const char *schedule) {
    struct option_spec specs[RUN_OPTION_SPECS];
    struct run_options o;
    run_options_specs(specs, &o);
    o.device = device;
    o.schedule = schedule;
    return run_options_check(&parser, &o);
}

static void others_are_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *device, *schedule, *words;
    } bad[] = {
        {NULL, "reverse", "give --device simt"},
        {"cpu", "reverse", "cpu has no schedule to choose"},
        {"simt,cuda", "seed:1", "cuda:0 has no schedule to choose"},
        {"simt", "seed:-1", "no schedule 'seed:-1'"},
        {"simt", "seed:", "no schedule 'seed:'"},
        {"simt", "seed:99999999999999999999", "no schedule"},
        {"ptx", "sideways", "in-order, reverse or seed:N"},
        {"ptx", "reverse\n", "in-order, reverse or seed:N"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        if (check(bad[k].device, bad[k].schedule) == 0)
            fail_msg("%s: taken", bad[k].schedule);
        if (!strstr(options_error(), bad[k].words))
            fail_msg("%s: '%s' is not in: %s", bad[k].schedule, bad[k].words, options_error());
    }
    assert_string_equal(device_schedule_text(), "in-order");
}

static void it_is_a_setting_of_the_run(void **state) {
    (void)state;
    assert_int_equal(check("simt,ptx,sass:sm_90", "seed:007"), 0);
    json_t *settings = provenance_settings();
    assert_string_equal(json_string_value(json_object_get(settings, "schedule")), "seed:7");
    json_decref(settings);
    assert_int_equal(check("simt", "in-order"), 0);
    settings = provenance_settings();
    assert_null(json_object_get(settings, "schedule"));
    json_decref(settings);
}

static void resuming_keeps_it(void **state) {
    (void)state;
    static struct result_recorded recorded = {.seed = 1, .device_list = "simt"};
    struct run_options o = {.seed = 1, .resume = "mine"};
    strcpy(recorded.schedule, "reverse");
    assert_int_equal(run_options_check_recorded(&parser, &o, &recorded), 0);
    assert_string_equal(device_schedule_text(), "reverse");
    o.schedule = "seed:1";
    assert_int_equal(run_options_check_recorded(&parser, &o, &recorded), -1);
    assert_non_null(strstr(options_error(), "mine was begun with the schedule reverse"));
    strcpy(recorded.schedule, "hostile\x1b");
    o.schedule = NULL;
    assert_int_equal(run_options_check_recorded(&parser, &o, &recorded), -1);
    assert_null(strchr(options_error(), '\x1b'));
    recorded.schedule[0] = '\0';
    assert_int_equal(run_options_check_recorded(&parser, &o, &recorded), 0);
    assert_string_equal(device_schedule_text(), "in-order");
}

/* Of 32 threads that store their numbers at one place the last one remains. */
static void threads_go_on_in_that_order(void **state) {
    (void)state;
    if (ptx_compiler_found() != 0) {
        print_message("not testable here: %s\n", device_error());
        skip();
    }
    static const struct {
        const char *schedule;
        uint32_t last;
    } orders[] = {{"in-order", 31}, {"reverse", 0}};
    uint32_t *word = ptx_malloc(sizeof *word), seen = 0;
    assert_non_null(word);
    for (size_t k = 0; k < sizeof orders / sizeof *orders; k++) {
        assert_int_equal(check("ptx", orders[k].schedule), 0);
        assert_int_equal(ptx_test_body("st.global.u32 [%rd1], %r1;", 1, 32, word), 0);
        assert_int_equal(*word, orders[k].last);
    }
    for (unsigned seed = 0; seed < 20; seed++) {
        char text[16];
        snprintf(text, sizeof text, "seed:%u", seed);
        assert_int_equal(check("ptx", text), 0);
        assert_int_equal(ptx_test_body("st.global.u32 [%rd1], %r1;", 1, 32, word), 0);
        seen |= 1u << *word;
    }
    assert_true(__builtin_popcount(seen) > 3);
    assert_int_equal(check("ptx", "in-order"), 0);
    ptx_free(word);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_are_refused_by_name),
        cmocka_unit_test(it_is_a_setting_of_the_run),
        cmocka_unit_test(resuming_keeps_it),
        cmocka_unit_test(threads_go_on_in_that_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
