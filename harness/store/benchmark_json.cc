/*
 * benchmark_json.cc: the journal's samples as runs for Google Benchmark's JSON reporter
 * (benchmark_json.h).
 */
#include <benchmark/benchmark.h>
#include <cmath>
#include <cstring>
#include <exception>
#include <sstream>
#include <string>
#include <vector>

extern "C" {
#include "harness/error.h"
#include "harness/lab/lab.h"
#include "harness/store/benchmark_json.h"
}

namespace {

json_t *cache_entry(const json_t *cpu, const char *name, const char *type, int level) {
    const json_t *cache = json_object_get(cpu, name);
    json_int_t count = json_integer_value(json_object_get(cache, "count"));
    json_int_t threads = json_integer_value(json_object_get(cpu, "threads"));
    if (!json_is_object(cache) || count < 1)
        return NULL;
    return json_pack("{s:s, s:i, s:I, s:I}", "type", type, "level", level, "size",
                     json_integer_value(json_object_get(cache, "bytes")), "num_sharing",
                     threads / count);
}

json_t *context_of(const json_t *start) {
    const json_t *machine = json_object_get(start, "machine");
    const json_t *cpu = json_object_get(machine, "cpu");
    const char *governor = json_string_value(json_object_get(cpu, "governor"));
    const char *started = json_string_value(json_object_get(start, "started"));
    const char *lab = json_string_value(json_object_get(start, "lab"));
    json_t *caches = json_array(), *one;
    if ((one = cache_entry(cpu, "l1d", "Data", 1)))
        json_array_append_new(caches, one);
    if ((one = cache_entry(cpu, "l2", "Unified", 2)))
        json_array_append_new(caches, one);
    if ((one = cache_entry(cpu, "l3", "Unified", 3)))
        json_array_append_new(caches, one);
#ifdef __OPTIMIZE__
    const char *build = "release";
#else
    const char *build = "debug";
#endif
    return json_pack("{s:s, s:s, s:I, s:b, s:o, s:[], s:s, s:i}", "date", started, "executable",
                     lab, "num_cpus", json_integer_value(json_object_get(cpu, "threads")),
                     "cpu_scaling_enabled", governor && strcmp(governor, "performance") != 0,
                     "caches", caches, "load_avg", "library_build_type", build,
                     "json_schema_version", 1);
}

/* The library's reporter, but for the context: its own has the host's name and full paths. */
class reporter : public benchmark::JSONReporter {
  public:
    explicit reporter(json_t *context) {
        SetOutputStream(&out);
        char *text = context ? json_dumps(context, 0) : nullptr;
        json_decref(context);
        if (!text)
            throw std::bad_alloc();
        out << "{\n  \"context\": " << text << ",\n  \"benchmarks\": [\n";
        free(text);
    }
    std::string finish() {
        Finalize();
        return out.str();
    }
    int64_t families = 0;

  private:
    std::ostringstream out;
};

/* How many threads a case measured with: its parameter of that name, or its plan's. A GPU's are no
 * threads of the program. */
int64_t threads_of(const json_t *record) {
    if (strcmp(json_string_value(json_object_get(record, "device")), "cpu") != 0)
        return 1;
    static const char *const groups[] = {"params", "plan"};
    for (const char *group : groups) {
        json_int_t n =
            json_integer_value(json_object_get(json_object_get(record, group), "threads"));
        if (n >= 1 && n <= 1 << 20)
            return n;
    }
    return 1;
}

void add_series(reporter &to, const json_t *record, const json_t *series) {
    std::string name = json_string_value(json_object_get(record, "id"));
    const char *series_name = json_string_value(json_object_get(series, "name"));
    name += std::string("/") + json_string_value(json_object_get(record, "device"));
    if (strcmp(series_name, "time") != 0)
        name += std::string("/") + series_name;
    json_int_t calls =
        json_integer_value(json_object_get(json_object_get(record, "bench"), "calls"));
    size_t samples = case_series_length(series);
    std::vector<benchmark::BenchmarkReporter::Run> runs;
    for (size_t i = 0; i < samples; i++) {
        double seconds = case_series_real_at(series, i);
        if (!std::isfinite(seconds))
            continue;
        benchmark::BenchmarkReporter::Run run;
        run.run_name.function_name = name;
        run.family_index = to.families;
        run.per_family_instance_index = 0;
        run.repetitions = (int64_t)samples;
        run.repetition_index = (int64_t)i;
        run.threads = threads_of(record);
        run.iterations = calls >= 1 ? calls : 1;
        run.time_unit = benchmark::kNanosecond;
        run.real_accumulated_time = run.cpu_accumulated_time = seconds * (double)run.iterations;
        runs.push_back(run);
    }
    to.ReportRuns(runs);
    to.families++;
}

int add_case(void *context, const json_t *record) try {
    const json_t *list = json_object_get(record, "series");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *series = json_array_get(list, i);
        const char *kind = json_string_value(json_object_get(series, "kind"));
        const char *unit = json_string_value(json_object_get(series, "unit"));
        if (kind && unit && strcmp(kind, "time") == 0 && strcmp(unit, "s") == 0)
            add_series(*static_cast<reporter *>(context), record, series);
    }
    return 0;
} catch (const std::exception &e) {
    return error_set("deriving benchmark.json failed: %s", e.what());
}

} // namespace

int benchmark_json_write(const struct reader *reader) try {
    class reporter to(context_of(reader->start));
    if (reader_cases(reader, "", NULL, add_case, &to) != 0)
        return -1;
    std::string text = to.finish();
    return folder_write(&reader->folder, "benchmark.json", text.data(), text.size());
} catch (const std::exception &e) {
    return error_set("deriving benchmark.json failed: %s", e.what());
}
