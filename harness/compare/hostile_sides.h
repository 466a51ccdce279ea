/*
 * hostile_sides.h: for compare_hostile_test.c: result folders in which one text at a time, a value
 * or a name of any of their documents, is replaced by something that a stranger might put there,
 * and which are sealed anew, so that no hash stands in its way.
 */
#ifndef NANOLAB_HARNESS_HOSTILE_SIDES_H
#define NANOLAB_HARNESS_HOSTILE_SIDES_H

#ifndef _GNU_SOURCE
#error "define _GNU_SOURCE before any include: asprintf, memmem"
#endif

#include <jansson.h>
#include <stdbool.h>

#include "harness/error.h"
#include "harness/store/result_fixture.h"
#include "harness/store/sha.h"

/* An attack as it stands in a JSON string, escapes and all. */
struct attack {
    const char *name, *json;
};

#define TIMES20(text)                                                                              \
    text text text text text text text text text text text text text text text text text text text \
        text
static const struct attack attacks[] = {
    {"a script", "<script>alert(1)</script>"},
    {"a cell's end", "</td></tr></table><script>alert(1)</script>"},
    {"a title's end", "</title></style><img src=x onerror=alert(1)>"},
    {"an attribute's end", "\\\" onmouseover=\\\"alert(1)\\\" x=\\\""},
    {"a quote", "' onload='alert(1)"},
    {"a comment", "<!-- --> <![CDATA[ ]]> <?php ?>"},
    {"a reference", "&lt;script&gt; &#60;b&#62; &amp;"},
    {"an svg", "<svg onload=alert(1)><desc>"},
    {"a link", "[click](javascript:alert(1)) ![i](http://evil.example/i.png)"},
    {"a bare link", "https://evil.example/ www.evil.example a@evil.example"},
    {"a table row", "| a | b |"},
    {"escaped bars", "a \\\\| b \\\\\\\\| c"},
    {"a heading", "# heading ## x"},
    {"a list", "- x"},
    {"a number", "1. x"},
    {"a rule", "-----"},
    {"a quotation", "> quote"},
    {"code", "`code` ``` ~~~"},
    {"bold", "**bold** __b__ *i* ~~s~~"},
    {"a template", "{{ site.title }} {% raw %} $x^2$"},
    {"our own mark", "<p><img src=\\\"B/plots/ratios.svg\\\" alt=\\\"\\\" /></p>"},
    {"a command", "`touch pwned`"},
    {"a shell's command", "$(touch pwned); touch pwned & | touch pwned"},
    {"gnuplot's command", "<touch pwned"},
    {"gnuplot's end", "'; system('touch pwned'); set title '"},
    {"gnuplot's escape", "\\\\n@{/Symbol a}^2_3 &{x} \\\\\\\" \\\\'"},
    {"a format", "%s%s%s%n%99999d%p %h %1$*1$d"},
    {"a table's separators", "a,b;c\\\"d\\\"=e"},
    {"a formula", "=HYPERLINK(\\\"http://evil.example\\\")"},
    {"traversal", "../../../../etc/passwd"},
    {"an absolute path", "/etc/passwd"},
    {"bidi controls", "a\\u202eb\\u2066c\\u2069d\\u200f"},
    {"hidden letters", "a\\u200bb\\ufeffc\\u00add\\ufe0f"},
    {"a terminal's escape", "\\u001b]0;title\\u0007\\u001b[31mred\\u001b[2J"},
    {"a C1 control", "a\\u009b31mb\\u0090q\\u009c"},
    {"lines", "a\\nb\\r\\nc\\td"},
    {"NUL", "a\\u0000b"},
    {"no UTF-8", "a\xff\xfe\xc0\xaf\xed\xa0\x80z"},
    {"half a pair", "a\\ud800b"},
    {"many marks", "a\\u0300\\u0301\\u0302\\u0303\\u0304\\u0305\\u0306\\u0307\\u0308\\u0309"},
    {"long", TIMES20("long text without an end ") TIMES20("looooooooooooooong")},
    {"very long", TIMES20(TIMES20(TIMES20("<b>very</b> long ")))},
    {"empty", ""},
    {"blank", " "},
    {"blanks around", "  a\\u00a0 "},
    {"blanks of other kinds", "\\u00a0a\\u3000"},
};
#define ATTACKS (sizeof attacks / sizeof *attacks)
#define HARMLESS "harmless"

/* --- the documents, with every member that the reader knows --- */

static const char hostile_run[] =
    "{'format': 2, 'software': {'name': 'nanolab', 'version': 'v1', 'dirty': false, 'compiler': "
    "'gcc 12', 'flags': '-O2', 'libc': '2.36', 'cuda_toolkit': '12.4', 'settings': "
    "{'OMP_NUM_THREADS': '2'}, 'missing': {'x': 'why'}}, 'machine': {'cpu': {'model': 'EPYC', "
    "'cores': 2, 'governor': 'performance', 'missing': {}}, 'memory_bytes': 1, "
    "'transparent_huge_pages': 'always', 'gpus': [{'name': 'H100', 'driver': '580', 'ecc': true, "
    "'clocks': {'sm': 1}}], 'missing': {}}, 'devices': {'cpu': {'kind': 'cpu', 'model': 'EPYC'}}, "
    "'fingerprint': {'cpu_model': 'EPYC', 'cpu_cores': 2, 'driver': '580', 'source_version': "
    "'v1', 'settings': {}}, 'run': {'mode': 'quick', 'seed': '1', 'device_list': 'cpu', "
    "'simt_card': 'H100', 'labs': ['42-fixture'], 'label': 'mine', 'arguments': ['nanolab', "
    "'run'], 'start': '2026-01-01T00:00:00Z', 'end': '2026-01-01T00:01:00Z', 'complete': true, "
    "'others': "
    "{'cpus': 0.1, 'stolen': 0, 'of': 2, 'seconds': 9}}}";

static const char hostile_start[] =
    "{'record': 'start', 'format': 2, 'lab': '42-fixture', 'mode': 'quick', 'seed': '1', 'bits': "
    "['cpu'], 'time': ['cpu'], 'started': '2026-01-01T00:00:00Z', 'fingerprint': {'cpu_model': "
    "'EPYC', 'cpu_cores': 2, 'devices': {'cpu': 'EPYC'}, 'driver': '580', 'source_version': 'v1', "
    "'kernel_binary': 'b2312058d5765f74da1632b768cdf58579df2a31d2dd00485f2cd266f26d0d55', "
    "'settings': {}}, 'devices': {'cpu': {'kind': 'cpu', 'model': 'EPYC'}}, 'software': "
    "{'version': 'v1', 'changes': 0, 'kernels': {'code': {'sum/sum_cpu.c': '%016x'}, 'used': "
    "{'42/': 'sum/'}}}, 'machine': {}, 'quantities': {'n': {'unit': '1', 'what': 'how many'}, "
    "'plan': {'unit': '', 'what': 'words'}, 'measured': {'unit': 'bits', 'what': 'a result'}}}";

static const char hostile_case[] =
    "{'record': 'case', 'id': '42/case/n=%d', 'device': 'cpu', 'ended': '2026-01-01T00:00:00Z', "
    "'params': {'n': %d, 'plan': 'wide', 'good': true}, 'counters': {'roof fraction': 0.5, 'rate': "
    "{'value': 1, 'low': 1, 'high': 2}}, 'rows': [{'plan': 'x', 'measured': '3f'}, {'plan': 'y', "
    "'measured': '40'}], 'plan': {'variant': 'a1', 'tile': [16, 8], 'inner': {'split': 'k'}}, "
    "'bench': {'calls': 7, 'stop': 'settled', 'median': %g, 'mad': 0.1, 'low': 1, 'high': 2}, "
    "'clock': {'by': 'nvml', 'readings': 3, 'median': 1e9, 'low': 1e9, 'high': 2e9}, 'energy': "
    "{'by': 'nvml', 'calls': 9, 'seconds': 1, 'joules': 2, 'joules_low': 1, 'joules_high': 3, "
    "'watts': 5, 'watts_low': 4, 'watts_high': 6}, 'state': {'before': {'throttle': ['idle'], "
    "'sm_mhz': 1000}, 'after': null}, 'series': "
    "[{'name': 'time', 'unit': 's', 'kind': 'time', 'n': 2, 'values': [1.0, 2.0]}, {'name': 'sum', "
    "'unit': 'bits', 'kind': 'bits', 'width': 32, 'n': 1, 'values': ['%08x']}, {'name': 'order', "
    "'unit': '', 'kind': 'tree', 'n': 1, 'values': ['((0 1) 2)']}]}";

static const char hostile_note[] = "{'record': 'note', 'text': 'a remark'}";

static const char hostile_claims[] =
    "{'format': 2, 'lab': '42-fixture', 'claims': [{'id': 'X1', 'claim': 'one is one', "
    "'refuted_by': 'two', 'verdict': '%s', 'device': 'cpu', 'broken': false, 'checked': 2, 'held': "
    "1, 'against': 1, 'open': 0, 'statement': 'it is so', 'range': 'some', 'reason': 'because', "
    "'control': null, 'numbers': [{'what': 'a number', 'unit': 'ulp', 'value': 1, 'low': 1, "
    "'high': 1}], 'evidence': ['42/case/n=3']}]}";

/* Other tools' files. Where two numbers stand, sides differ. */
static const char hostile_google[] =
    "{'context': {'date': '2026-01-01', 'host_name': 'h', 'executable': '/a/bm', 'num_cpus': 4, "
    "'caches': [{'type': 'Data'}], 'library_version': 'v1', 'library_build_type': 'release', "
    "'json_schema_version': 1, 'mine': 'x'}, 'benchmarks': [{'name': 'BM_a/8', 'run_name': "
    "'BM_a/8', 'run_type': 'iteration', 'label': 'l', 'real_time': %g, 'cpu_time': 1, "
    "'time_unit': 'us', 'items': 5}, {'name': 'BM_b', 'run_type': 'iteration', 'real_time': 2, "
    "'time_unit': 'us'}, {'name': 'BM_c_mean', 'run_name': 'BM_c', 'run_type': 'aggregate', "
    "'aggregate_name': 'mean', 'aggregate_unit': 'time', 'real_time': 3, 'time_unit': 's'}, "
    "{'name': 'BM_d', 'run_type': 'iteration', 'error_occurred': true, 'error_message': 'bad', "
    "'real_time': 0, 'time_unit': 'ns'}]}";

static const char hostile_nvbench[] =
    "{'meta': {'argv': ['x'], 'version': {'json': {'major': 1, 'minor': 0, 'patch': 0, 'string': "
    "'1.0.0'}}}, 'devices': [{'id': 0, 'name': 'NVIDIA H100'}], 'benchmarks': [{'name': 'copy', "
    "'index': 0, 'devices': [0], 'axes': [{'name': 'T', 'type': 'type', 'flags': '', 'values': "
    "[{'input_string': 'I32', 'is_active': true}]}], 'states': [{'name': 'Device=0 T=I32', "
    "'device': 0, 'type_config_index': 0, 'axis_values': [{'name': 'T', 'type': 'string', "
    "'value': 'I32'}], 'summaries': [{'tag': 'nv/cold/time/gpu/mean', 'hint': 'duration', 'data': "
    "[{'name': 'value', 'type': 'float64', 'value': '%g'}]}, {'tag': "
    "'nv/json/bin:nv/cold/sample_times', 'hint': 'file/sample_times', 'data': [{'name': "
    "'filename', 'type': 'string', 'value': 'n-bin/0.bin'}, {'name': 'size', 'type': 'int64', "
    "'value': '3'}]}], 'is_skipped': false}, {'name': 'other', 'device': 0, 'axis_values': [], "
    "'summaries': [], 'is_skipped': true, 'skip_reason': 'no'}]}]}";

#define HOSTILE_CASES 4
enum { DOC_RUN, DOC_START, DOC_CASE, DOC_NOTE = DOC_CASE + HOSTILE_CASES, DOC_CLAIMS, DOCUMENTS };
struct documents {
    json_t *of[DOCUMENTS];
};

static json_t *document(const char *format, ...) __attribute__((format(printf, 1, 2)));

static json_t *document(const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    assert_true(vasprintf(&text, format, args) > 0);
    va_end(args);
    for (char *at = text; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    json_error_t error;
    json_t *value = json_loads(text, 0, &error);
    if (!value)
        fail_msg("%s: %s", error.text, text);
    free(text);
    return value;
}

/* `slower` than another side, with other bits in one case and another verdict if it is not 1. */
static struct documents hostile_documents(double slower) {
    struct documents d;
    d.of[DOC_RUN] = document("%s", hostile_run);
    d.of[DOC_START] = document(hostile_start, slower != 1 ? 2u : 1u);
    for (int k = 0; k < HOSTILE_CASES; k++)
        d.of[DOC_CASE + k] = document(hostile_case, k, k, 1e-3 * (k == 1 ? slower : 1 / slower),
                                      (unsigned)k + (k == 2 && slower != 1));
    d.of[DOC_NOTE] = document("%s", hostile_note);
    d.of[DOC_CLAIMS] = document(hostile_claims, slower != 1 ? "refuted" : "confirmed");
    return d;
}

static struct documents hostile_foreign(const char *format, double time) {
    struct documents d = {{NULL}};
    char number[40], text[4000], *at = text;
    snprintf(number, sizeof number, "%g", time);
    const char *place = strstr(format, "%g");
    at += snprintf(text, sizeof text, "%.*s%s%s", (int)(place - format), format, number, place + 2);
    assert_true(at < text + sizeof text);
    d.of[DOC_RUN] = document("%s", text);
    return d;
}

static void documents_free(struct documents *d) {
    for (size_t k = 0; k < DOCUMENTS; k++)
        json_decref(d->of[k]);
}

/* --- places: every text, and every name in an object whose names a writer may choose --- */

#define MARK "QQplaceQQ"

struct place_search {
    size_t wanted, seen;
    char path[400]; /* of the one that was wanted */
};

static bool names_are_free(const char *of) {
    static const char *const free_in[] = {"params",   "counters",   "plan",    "inner", "rows",
                                          "software", "settings",   "machine", "cpu",   "gpus",
                                          "clocks",   "quantities", "devices", "state", "before",
                                          "missing",  "context"};
    for (size_t k = 0; k < sizeof free_in / sizeof *free_in; k++)
        if (strcmp(of, free_in[k]) == 0)
            return true;
    return false;
}

/* Puts MARK in the place that is wanted; true once it is there. `of` is the nearest name above. */
static bool place_mark(json_t *value, const char *of, const char *path, struct place_search *s) {
    char inner[sizeof s->path];
    const char *name;
    json_t *one;
    void *next;
    size_t k;
    if (json_is_string(value) && s->seen++ == s->wanted) {
        snprintf(s->path, sizeof s->path, "%s", path);
        json_string_set(value, MARK);
        return true;
    }
    json_array_foreach(value, k, one) {
        snprintf(inner, sizeof inner, "%.300s[%zu]", path, k);
        if (place_mark(one, of, inner, s))
            return true;
    }
    json_object_foreach_safe(value, next, name, one) {
        snprintf(inner, sizeof inner, "%.300s.%.60s", path, name);
        if (names_are_free(of) && s->seen++ == s->wanted) {
            snprintf(s->path, sizeof s->path, "name of %.390s", inner);
            json_incref(one);
            json_object_del(value, name);
            json_object_set_new(value, MARK, one);
            return true;
        }
        if (place_mark(one, json_is_object(one) || json_is_array(one) ? name : of, inner, s))
            return true;
    }
    return false;
}

/* Those of the first case stand for the other cases'. */
static bool documents_mark(struct documents *d, struct place_search *s) {
    static const char *const names[] = {"run.json", "start", "case"};
    s->seen = 0;
    for (size_t k = 0; k < DOCUMENTS; k++)
        if ((k <= DOC_CASE || k >= DOC_NOTE) && place_mark(d->of[k], "",
                                                           k <= DOC_CASE   ? names[k]
                                                           : k == DOC_NOTE ? "note"
                                                                           : "claims.json",
                                                           s))
            return true;
    return false;
}

/* --- writing a folder --- */

/* The document with every MARK replaced. */
static char *hostile_text(const json_t *document, size_t flags, const char *with) {
    char *text = json_dumps(document, flags), *out = NULL, *at = text, *mark;
    size_t size;
    FILE *to = open_memstream(&out, &size);
    for (; (mark = strstr(at, MARK)); at = mark + strlen(MARK))
        fprintf(to, "%.*s%s", (int)(mark - at), at, with);
    fputs(at, to);
    fclose(to);
    free(text);
    return out;
}

static void hostile_write(const char *dir, const char *name, const char *text) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(fixture_write(path, text, strlen(text)), 0);
}

static void hostile_line(FILE *to, char hash[SHA_TEXT], const json_t *record, const char *with) {
    char *line = hostile_text(record, JSON_COMPACT, with);
    size_t size = strlen(line);
    assert_int_equal(sha_chain(hash, line, size, hash), 0);
    fprintf(to, "%.*s,\"hash\":\"%s\"}\n", (int)size - 1, line, hash);
    free(line);
}

/* Another tool's file of the one document. */
static void hostile_file(const char *path, const struct documents *d, const char *with) {
    char *text = hostile_text(d->of[DOC_RUN], JSON_INDENT(1), with);
    assert_int_equal(fixture_write(path, text, strlen(text)), 0);
    free(text);
}

/* A result folder of the documents, whose marks are `with`. */
static void hostile_folder(const char *dir, const struct documents *d, const char *with) {
    char lab[200], hash[SHA_TEXT] = SHA_ZEROS, digest[SHA_TEXT], *journal = NULL, *sealed = NULL;
    size_t size;
    snprintf(lab, sizeof lab, "%s/42-fixture", dir);
    assert_true((mkdir(dir, 0777) == 0 || errno == EEXIST) &&
                (mkdir(lab, 0777) == 0 || errno == EEXIST));
    char *run = hostile_text(d->of[DOC_RUN], JSON_INDENT(1), with);
    assert_int_equal(sha_chain(SHA_ZEROS, run, strlen(run), digest), 0);
    assert_true(
        asprintf(&sealed, "%.*s,\n \"hash\": \"%s\"\n}\n", (int)strlen(run) - 2, run, digest) > 0);
    hostile_write(dir, "run.json", sealed);
    char *claims = hostile_text(d->of[DOC_CLAIMS], JSON_INDENT(1), with);
    hostile_write(lab, "claims.json", claims);
    assert_int_equal(sha_bytes(claims, strlen(claims), digest), 0);
    FILE *to = open_memstream(&journal, &size);
    for (size_t k = DOC_START; k < DOC_CLAIMS; k++)
        hostile_line(to, hash, d->of[k], with);
    json_t *end = json_pack("{s:s, s:i, s:s, s:{s:s}}", "record", "end", "cases", HOSTILE_CASES,
                            "previous", hash, "files", "claims.json", digest);
    hostile_line(to, hash, end, "");
    fclose(to);
    hostile_write(lab, "cases.jsonl", journal);
    json_decref(end);
    free(journal);
    free(claims);
    free(sealed);
    free(run);
}

#endif
