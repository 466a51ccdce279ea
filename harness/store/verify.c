/*
 * verify.c: what checked.h found, as a summary (verify.h).
 */
#include "harness/store/verify.h"

#include "harness/error.h"
#include "harness/store/checked.h"
#include "harness/text.h"

static json_t *summary_of(const struct checked_lab *lab) {
    const struct reader *reader = lab->reader;
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:O}", "lab", lab->name, "status",
                     reader->end ? "complete" : "partial", "cases", (json_int_t)reader->case_count,
                     "dropped_bytes", (json_int_t)reader->cut, "claims",
                     (json_int_t)json_array_size(lab->claims), "side_files",
                     (json_int_t)json_object_size(reader->sides), "ignored", lab->ignored);
}

int verify_folder(const char *dir, json_t **summary) {
    struct checked *checked;
    if (checked_open(&checked, dir) != 0)
        return -1;
    int status = *checked->predictions_wrong ? error_set("%s", checked->predictions_wrong) : 0;
    if (status == 0 && summary) {
        json_t *labs = json_array();
        for (size_t k = 0; k < checked->lab_count; k++)
            json_array_append_new(labs, summary_of(&checked->labs[k]));
        *summary = json_pack("{s:o, s:b, s:o, s:O}", "folder", text_json(dir), "complete",
                             checked->complete, "labs", labs, "not_started", checked->not_started);
        if (!*summary)
            status = error_set("%s: out of memory; close other programs", dir);
    }
    checked_close(checked);
    return status;
}
