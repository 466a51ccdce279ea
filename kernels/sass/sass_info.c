/*
 * sass_info.c: what a cubin says of a kernel besides its code: parameters, registers, stack, shared
 * memory, constants. Attributes are those that nvdisasm names EIATTR_…
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/sass/sass_read.h"

/* How large an attribute's value is. */
enum { IN_PLACE = 3, SIZED = 4 };
enum {
    PARAM_CBANK = 0x0a,
    MIN_STACK_SIZE = 0x12,
    KPARAM_INFO = 0x17,
    REGCOUNT = 0x2f,
    NUM_BARRIERS = 0x4c,
};
#define PARAMS_MAX 4096
#define LOCAL_MAX (512u * 1024) /* bytes of a thread, as on a GPU */
#define SHARED_MAX (256u * 1024)
#define REGISTERS_MAX 255

static uint32_t word(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint16_t half(const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

struct attribute {
    unsigned kind, value; /* of one in place */
    const uint8_t *bytes; /* of one that is sized */
    size_t size;
};

/* The next attribute from *at on; false: that was the last, or there is no room for another. */
static bool next(const struct sass_section *section, size_t *at, struct attribute *out) {
    if (!section->bytes || section->size - *at < 4)
        return false;
    const uint8_t *bytes = section->bytes + *at;
    *out = (struct attribute){.kind = bytes[1], .value = half(bytes + 2)};
    *at += 4;
    if (bytes[0] != SIZED)
        return true;
    if (section->size - *at < out->value)
        return false;
    out->bytes = section->bytes + *at;
    out->size = out->value;
    *at += out->value;
    return true;
}

/* Of the whole cubin: (symbol, value) pairs. Functions that are called count by MIN_STACK_SIZE. */
static void read_common(const struct sass_elf *elf, struct sass_program *program) {
    const struct sass_section *section = sass_elf_section(elf, ".nv.info", "");
    struct attribute one;
    for (size_t at = 0; section && next(section, &at, &one);) {
        if (one.size < 8 || (one.kind != REGCOUNT && one.kind != MIN_STACK_SIZE))
            continue;
        const char *name = sass_elf_symbol(elf, word(one.bytes));
        if (!name || strcmp(name, program->name) != 0)
            continue;
        *(one.kind == REGCOUNT ? &program->registers : &program->local_bytes) = word(one.bytes + 4);
    }
}

static int add_param(struct sass_param *params, unsigned *count, const struct attribute *one,
                     char why[SASS_WHY]) {
    unsigned ordinal = half(one->bytes + 4);
    if (ordinal >= PARAMS_MAX || params[ordinal].size) {
        snprintf(why, SASS_WHY, "its parameter %u is there twice, or too many are", ordinal);
        return -1;
    }
    params[ordinal] =
        (struct sass_param){.offset = half(one->bytes + 6), .size = word(one->bytes + 8) >> 18};
    if (ordinal >= *count)
        *count = ordinal + 1;
    return 0;
}

static int read_own(const struct sass_section *section, struct sass_program *program,
                    char why[SASS_WHY]) {
    struct sass_param *params = calloc(PARAMS_MAX, sizeof *params);
    struct attribute one;
    int status = 0;
    program->params = params;
    if (!params) {
        snprintf(why, SASS_WHY, "out of memory");
        return -1;
    }
    for (size_t at = 0; status == 0 && next(section, &at, &one);) {
        if (one.kind == KPARAM_INFO && one.size >= 12)
            status = add_param(params, &program->param_count, &one, why);
        if (one.kind == PARAM_CBANK && one.size >= 8) {
            program->params_offset = half(one.bytes + 4);
            program->params_bytes = half(one.bytes + 6);
        }
        if (one.kind == NUM_BARRIERS)
            program->barriers = one.value & 0xff;
    }
    for (unsigned k = 0; status == 0 && k < program->param_count; k++)
        if (params[k].size == 0 || params[k].offset > program->params_bytes ||
            params[k].size > program->params_bytes - params[k].offset) {
            snprintf(why, SASS_WHY, "its parameter %u is not among its %u bytes of parameters", k,
                     program->params_bytes);
            status = -1;
        }
    return status;
}

/* A bank of the kernel's own, or else the cubin's. */
static int read_banks(const struct sass_elf *elf, struct sass_program *program,
                      char why[SASS_WHY]) {
    for (int bank = 0; bank < SASS_BANKS; bank++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, ".nv.constant%d.", bank);
        const struct sass_section *section = sass_elf_section(elf, prefix, program->name);
        prefix[strlen(prefix) - 1] = '\0';
        if (!section)
            section = sass_elf_section(elf, prefix, "");
        if (!section || !section->bytes)
            continue;
        program->banks[bank] = (struct sass_bank){.bytes = section->bytes, .size = section->size};
        char rel[40];
        snprintf(rel, sizeof rel, "%s.", prefix);
        for (int addend = 0; addend < 2; addend++) {
            char full[48];
            snprintf(full, sizeof full, ".rel%s%s", addend ? "a" : "", rel);
            const struct sass_section *relocations = sass_elf_section(elf, full, program->name);
            if (relocations && relocations->size) {
                snprintf(why, SASS_WHY, "its constants in bank %d need a linker", bank);
                return -1;
            }
        }
    }
    if (program->banks[0].size < program->params_offset ||
        program->banks[0].size - program->params_offset < program->params_bytes) {
        snprintf(why, SASS_WHY, "its parameters are not inside constant bank 0 (%zu bytes)",
                 program->banks[0].size);
        return -1;
    }
    return 0;
}

int sass_info_read(const struct sass_elf *elf, struct sass_program *program, char why[SASS_WHY]) {
    const struct sass_section *own = sass_elf_section(elf, ".nv.info.", program->name);
    const struct sass_section *shared = sass_elf_section(elf, ".nv.shared.", program->name);
    if ((own && read_own(own, program, why) != 0) || read_banks(elf, program, why) != 0)
        return -1;
    read_common(elf, program);
    size_t shared_bytes = shared ? shared->size : 0;
    if (program->registers == 0 || program->registers > REGISTERS_MAX ||
        program->local_bytes > LOCAL_MAX || shared_bytes > SHARED_MAX) {
        snprintf(why, SASS_WHY,
                 "it says it needs %u registers, %u bytes of stack and %zu of shared memory",
                 program->registers, program->local_bytes, shared_bytes);
        return -1;
    }
    program->shared_bytes = (uint32_t)shared_bytes;
    return 0;
}
