/*
 * meter_test.c: energy and clocks from counters whose course is known: a library that stands in for
 * NVML, a folder that stands in for RAPL's, and counters made here.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/perf_event.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/measure/meter.h"
#include "harness/measure/nvml_fixture.h"
#include "harness/page/home.h"

/* A device whose calls take 1 ms of a clock that the test moves. Its counter is read by readings,
 * one after ten calls. */
struct world {
    double now;
    uint64_t count, step; /* the counter moves by so much … */
    int every;            /* … at each so many-th reading */
    int readings, calls, waits;
    int fails_at, back_at, call_fails_at, stops_at; /* 0: never */
};

static double world_now(void *context) {
    return ((struct world *)context)->now;
}

static int world_call(void *context) {
    struct world *w = context;
    w->now += 1.0 / 1024;
    return ++w->calls == w->call_fails_at ? -1 : 0;
}

static int world_wait(void *context) {
    ((struct world *)context)->waits++;
    return 0;
}

static int world_stop(void *context) {
    struct world *w = context;
    return w->stops_at > 0 && w->readings > w->stops_at;
}

static int world_energy(struct meter *m, uint64_t *count) {
    struct world *w = m->context;
    if (w->every > 0 && w->readings > 0 && w->readings % w->every == 0)
        w->count += w->step;
    if (++w->readings == w->back_at)
        w->count -= w->step;
    *count = w->count;
    return w->readings == w->fails_at ? -1 : 0;
}

static enum meter_status run(struct world *w, struct meter_energy *out, char *why) {
    struct meter m = {
        .energy = world_energy, .joules = 0.25, .energy_by = "world", .counter = -1, .context = w};
    const struct meter_work work = {world_call, world_wait, world_stop, w, 1.0 / 1024};
    const struct bench_clock clock = {world_now, w, 0};
    w->count = 1000;
    return meter_stretch(&m, &work, 0.5, &clock, out, why);
}

/* --- a stretch ---------------------------------------------------------------------------------
 */

/* A batch is 11 calls of 1/1024 s. */
#define BATCH (11.0 / 1024)

static void known_power_comes_back(void **state) {
    (void)state;
    struct meter_energy e;
    char why[METER_WHY] = "";
    /* Eleven counts of a quarter joule at each batch: 256 W, and a quarter joule a call. */
    struct world fine = {.step = 11, .every = 1};
    assert_int_equal(run(&fine, &e, why), METER_DONE);
    assert_int_equal(e.calls, fine.calls);
    assert_true(e.seconds >= 0.5 && e.seconds == fine.calls / 1024.0);
    assert_true(e.watts.value == 256);
    assert_true(e.joules.value == 0.25);
    assert_string_equal(e.by, "world");
    assert_int_equal(fine.waits * 11, fine.calls);
    /* Each of the two moves may have been anywhere in its batch. */
    double between = (fine.readings - 2) * BATCH;
    assert_true(fabs(e.watts.low - 256 * between / (between + BATCH)) < 1e-9);
    assert_true(fabs(e.watts.high - 256 * between / (between - BATCH)) < 1e-9);
    assert_true(fabs(e.joules.high * 1024 - e.watts.high) < 1e-9);
    /* The same power from a counter that moves in steps of ten batches. */
    struct world coarse = {.step = 110, .every = 10};
    assert_int_equal(run(&coarse, &e, why), METER_DONE);
    assert_true(e.watts.value == 256 && e.joules.value == 0.25);
    assert_true(e.watts.low < 256 && e.watts.high > 256);
    /* And one that has hardly moved in half a second: the stretch goes on until it has. */
    struct world slow = {.step = 660, .every = 60};
    assert_int_equal(run(&slow, &e, why), METER_DONE);
    assert_true(e.seconds > 1 && e.seconds < 1.5);
    assert_true(e.watts.value == 256 && e.joules.value == 0.25);
}

static void broken_counters_give_no_energy(void **state) {
    (void)state;
    struct meter_energy e;
    char why[METER_WHY] = "";
    struct world still = {.step = 1, .every = 0};
    assert_int_equal(run(&still, &e, why), METER_NONE);
    assert_non_null(strstr(why, "stood still for 1.5"));
    struct world once = {.step = 1, .every = 100};
    assert_int_equal(run(&once, &e, why), METER_NONE);
    assert_non_null(strstr(why, "moved too seldom"));
    struct world back = {.step = 11, .every = 2, .back_at = 20};
    assert_int_equal(run(&back, &e, why), METER_NONE);
    assert_non_null(strstr(why, "went back"));
    struct world fails = {.step = 11, .every = 1, .fails_at = 20};
    assert_int_equal(run(&fails, &e, why), METER_NONE);
    assert_non_null(strstr(why, "could not be read"));
    assert_int_equal(fails.calls, 19 * 11);
    struct world at_once = {.step = 11, .every = 1, .fails_at = 1};
    assert_int_equal(run(&at_once, &e, why), METER_NONE);
    assert_int_equal(at_once.calls, 0);
}

static void work_that_fails_or_is_stopped(void **state) {
    (void)state;
    struct meter_energy e;
    char why[METER_WHY] = "";
    struct world bad = {.step = 11, .every = 1, .call_fails_at = 30};
    assert_int_equal(run(&bad, &e, why), METER_FAILED);
    struct world stopped = {.step = 11, .every = 1, .stops_at = 5};
    assert_int_equal(run(&stopped, &e, why), METER_STOPPED);
    assert_int_equal(stopped.calls, 55);
    struct meter none = {.counter = -1, .energy_why = "nothing here"};
    const struct meter_work work = {.call = world_call, .context = &bad, .seconds = 1};
    assert_int_equal(meter_stretch(&none, &work, 0.5, NULL, &e, why), METER_NONE);
    assert_string_equal(why, "nothing here");
}

static void clocks_of_readings(void **state) {
    (void)state;
    double hertz[] = {3e9, NAN, 1e9, 2e9, 0, 2.5e9};
    struct meter_clock clock = meter_clock_of("nvml", hertz, 6);
    assert_int_equal(clock.readings, 4);
    assert_true(clock.median == 2.25e9 && clock.low == 1e9 && clock.high == 3e9);
    double none[] = {NAN, 0};
    assert_int_equal(meter_clock_of("nvml", none, 2).readings, 0);
}

/* --- NVML --------------------------------------------------------------------------------------
 */

/* A library gives both of these; where a build has no CUDA objects, this is the only one. */
int device_cuda_address(int index, char *address, int size) {
    snprintf(address, (size_t)size, "00000000:%02x:00.0", index + 1);
    return 0;
}

#define GPU                                                                                        \
    "#include <string.h>\n"                                                                        \
    "int nvmlInit_v2(void){return 0;}\n"                                                           \
    "int nvmlDeviceGetHandleByPciBusId_v2(const char*a,void**g){static int x;*g=&x;"               \
    "return strcmp(a,\"00000000:01:00.0\")?6:0;}\n"
#define CLOCK "int nvmlDeviceGetClockInfo(void*g,int k,unsigned*c){*c=k==1?1755:99;return 0;}\n"
/* 5 J at each reading; the first is the one that asks whether there is a counter. */
#define ENERGY(after)                                                                              \
    "int nvmlDeviceGetTotalEnergyConsumption(void*g,unsigned long long*e){"                        \
    "static unsigned long long n;n++;*e=7000+5000*n;" after "return 0;}\n"

static const struct {
    const char *folder, *source, *says;
} libraries[] = {
    /* 5 J a batch of 11/1024 s */
    {"good", GPU CLOCK ENERGY(""), "energy nvml, cycles nvml\n1755 MHz\n465.4545 W, 0.4545 J\n"},
    {"still", GPU CLOCK ENERGY("*e=9;"), "the energy counter stood still"},
    {"back", GPU CLOCK ENERGY("if(n>9)*e-=30000;"), "the energy counter went back"},
    {"fails", GPU CLOCK ENERGY("if(n>9)return 15;"),
     "the energy counter could not be read any more"},
    {"old", GPU CLOCK,
     "energy - (the driver's NVML has no energy counter; install a newer driver)"},
    {"fermi", GPU CLOCK ENERGY("return 3;"), "this GPU has no energy counter (NVML status 3)"},
    {"mig",
     GPU CLOCK ENERGY("") "int nvmlDeviceGetMigMode(void*g,unsigned*a,unsigned*b){*a=*b=1;"
                          "return 0;}\n",
     "split by MIG"},
    {"clockless", GPU ENERGY(""), "cycles - (NVML does not tell this GPU's clocks)"},
    {"stopped",
     GPU ENERGY("") "int nvmlDeviceGetClockInfo(void*g,int k,unsigned*c){*c=0;return 0;}",
     "cycles - (NVML does not tell this GPU's clocks)"},
    {"other", "int nvmlInit_v2(void){return 0;}\n", "energy - (NVML does not know this device)"},
    {"dead", "int nvmlInit_v2(void){return 9;}\n", "energy - (NVML cannot start"},
};

/* What this program prints when it is started with such a library. */
static void tell(void) {
    struct meter m;
    struct meter_energy e;
    struct world w = {.now = 1};
    char why[METER_WHY];
    double hertz;
    const struct meter_work work = {world_call, world_wait, NULL, &w, 1.0 / 1024};
    const struct bench_clock clock = {world_now, &w, 0};
    meter_open(&m, DEVICE_CUDA, 0);
    printf("energy %s", m.energy ? m.energy_by : "-");
    printf(m.energy ? ", " : " (%s), ", m.energy_why);
    printf("cycles %s", m.clock ? m.clock_by : "-");
    printf(m.clock ? "\n" : " (%s)\n", m.clock_why);
    if (m.clock && m.clock(&m, &hertz) == 0)
        printf("%.0f MHz\n", hertz / 1e6);
    if (meter_stretch(&m, &work, 0.5, &clock, &e, why) == METER_DONE)
        printf("%.4f W, %.4f J\n", e.watts.value, e.joules.value);
    else
        printf("%s\n", why);
    meter_close(&m);
}

static void gpus_by_a_library_that_stands_in(void **state) {
    (void)state;
    char path[4096], said[1000];
    nvml_stand_in_needs();
    assert_int_equal(home_private(path, sizeof path), 0);
    for (size_t k = 0; k < sizeof libraries / sizeof *libraries; k++) {
        const char *folder = libraries[k].folder;
        nvml_stand_in(path, folder, libraries[k].source, "--tell", said, sizeof said);
        if (!strstr(said, libraries[k].says))
            fail_msg("%s: %s", folder, said);
    }
    home_private_remove(path);
}

/* --- processors --------------------------------------------------------------------------------
 */

struct powercap {
    char path[64];
};

static void put(const struct powercap *p, int zone, const char *file, const char *text) {
    char path[160];
    snprintf(path, sizeof path, "%s/intel-rapl:%d", p->path, zone);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/intel-rapl:%d/%s", p->path, zone, file);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void put_zone(const struct powercap *p, int zone, const char *name, const char *count) {
    put(p, zone, "name", name);
    put(p, zone, "energy_uj", count);
    put(p, zone, "max_energy_range_uj", "262143328850\n");
}

static int setup_powercap(void **state) {
    struct powercap *p = malloc(sizeof *p);
    *state = p;
    strcpy(p->path, "/tmp/nanolab-test-XXXXXX");
    return mkdtemp(p->path) ? 0 : -1;
}

static int teardown_powercap(void **state) {
    struct powercap *p = *state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", p->path);
    int status = system(command);
    free(p);
    return status;
}

static void packages_are_added_up(void **state) {
    const struct powercap *p = *state;
    struct meter m = {.counter = -1};
    uint64_t from, to;
    put_zone(p, 0, "package-0\n", "262143000000\n");
    put_zone(p, 1, "package-1\n", "5000\n");
    put_zone(p, 2, "psys\n", "77\n"); /* both of them, and more */
    meter_open_packages(&m, p->path);
    assert_string_equal(m.energy_why, "");
    assert_string_equal(m.energy_by, "rapl");
    assert_int_equal(m.package_count, 2);
    assert_int_equal(m.energy(&m, &from), 0);
    /* The first begins anew behind its range. */
    put_zone(p, 0, "package-0\n", "671150\n");
    put_zone(p, 1, "package-1\n", "505000\n");
    put_zone(p, 2, "psys\n", "99999977\n");
    assert_int_equal(m.energy(&m, &to), 0);
    assert_int_equal(to - from, 1000000 + 500000);
    assert_true(m.joules == 1e-6);
    /* Back by less than half of a range is none. */
    put_zone(p, 1, "package-1\n", "504999\n");
    assert_int_equal(m.energy(&m, &to), -1);
    put_zone(p, 1, "package-1\n", "many\n");
    assert_int_equal(m.energy(&m, &to), -1);
}

static void packages_that_are_not_there(void **state) {
    const struct powercap *p = *state;
    struct meter m = {.counter = -1};
    meter_open_packages(&m, p->path);
    assert_null(m.energy);
    assert_non_null(strstr(m.energy_why, "no processor package in"));
    put_zone(p, 0, "package-0\n", "1\n");
    put(p, 0, "max_energy_range_uj", "");
    m = (struct meter){.counter = -1};
    meter_open_packages(&m, p->path);
    assert_null(m.energy);
    assert_non_null(strstr(m.energy_why, "max_energy_range_uj cannot be read"));
    /* For root alone, as most systems have it. */
    char path[120];
    put_zone(p, 0, "package-0\n", "1\n");
    snprintf(path, sizeof path, "%s/intel-rapl:0/energy_uj", p->path);
    assert_int_equal(unlink(path), 0);
    m = (struct meter){.counter = -1};
    meter_open_packages(&m, p->path);
    assert_null(m.energy);
    assert_non_null(strstr(m.energy_why, "energy_uj cannot be read"));
}

/* A counter that software keeps is opened and read in the same way; what it counts is time. */
static void a_counter_of_the_kernel(void **state) {
    (void)state;
    struct meter m = {.counter = -1};
    uint64_t count[2], ran[2];
    meter_open_cycles(&m, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK);
    if (!m.cycles) {
        assert_true(m.clock_why[0] != '\0');
        skip();
    }
    assert_int_equal(m.cycles(&m, &count[0], &ran[0]), 0);
    volatile unsigned sum = 0;
    for (unsigned k = 0; k < 1000000; k++)
        sum += k;
    assert_int_equal(m.cycles(&m, &count[1], &ran[1]), 0);
    assert_true(count[1] > count[0] && ran[1] > ran[0]);
    double share = (double)(count[1] - count[0]) / (double)(ran[1] - ran[0]);
    assert_true(share > 0.5 && share < 2);
    meter_close(&m);
    assert_int_equal(m.counter, -1);
}

/* Each says what it has, or why not. */
static void every_kind_of_device_has_an_answer(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        struct meter m;
        meter_open(&m, (enum device_kind)kind, 0);
        assert_true((m.energy != NULL) == (m.energy_why[0] == '\0'));
        assert_true((m.clock || m.cycles) == (m.clock_why[0] == '\0'));
        assert_true((m.clock || m.cycles) == (m.clock_by != NULL));
        meter_close(&m);
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--tell") == 0) {
        tell();
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_power_comes_back),
        cmocka_unit_test(broken_counters_give_no_energy),
        cmocka_unit_test(work_that_fails_or_is_stopped),
        cmocka_unit_test(clocks_of_readings),
        cmocka_unit_test(gpus_by_a_library_that_stands_in),
        cmocka_unit_test_setup_teardown(packages_are_added_up, setup_powercap, teardown_powercap),
        cmocka_unit_test_setup_teardown(packages_that_are_not_there, setup_powercap,
                                        teardown_powercap),
        cmocka_unit_test(a_counter_of_the_kernel),
        cmocka_unit_test(every_kind_of_device_has_an_answer),
    };
    return cmocka_run_group_tests_name("meter", tests, NULL, NULL);
}
