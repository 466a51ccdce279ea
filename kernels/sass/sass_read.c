/*
 * sass_read.c: from a cubin to programs (sass_read.h).
 */
#include "kernels/sass/sass_read.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/device.h"
#include "kernels/sass/sass.h"

/* A kernel that was asked for. */
struct kernel {
    struct kernel *next;
    struct sass_program program;
    char plain[200];
};

struct sass_cubin {
    struct sass_elf elf;
    struct sass_dictionary dictionary;
    bool filled; /* the dictionary has texts */
    struct kernel *kernels;
    pthread_mutex_t lock;
};

int sass_cubin_open(struct sass_cubin **out, const void *bytes, size_t size) {
    char why[SASS_WHY];
    struct sass_cubin *cubin = calloc(1, sizeof *cubin);
    *out = NULL;
    if (!cubin)
        return device_fail("out of memory");
    if (sass_elf_read(&cubin->elf, bytes, size, why) != 0 ||
        sass_dictionary_words(&cubin->dictionary, &cubin->elf, why) != 0) {
        sass_elf_free(&cubin->elf);
        free(cubin);
        return device_fail("machine code: %s", why);
    }
    pthread_mutex_init(&cubin->lock, NULL);
    *out = cubin;
    return 0;
}

static void free_kernel(struct kernel *kernel) {
    if (!kernel)
        return;
    free((void *)kernel->program.instructions);
    free((void *)kernel->program.params);
    free(kernel);
}

void sass_cubin_close(struct sass_cubin *cubin) {
    if (!cubin)
        return;
    for (struct kernel *one = cubin->kernels, *next; one; one = next) {
        next = one->next;
        free_kernel(one);
    }
    sass_dictionary_free(&cubin->dictionary);
    sass_elf_free(&cubin->elf);
    pthread_mutex_destroy(&cubin->lock);
    free(cubin);
}

/* Its instructions, from its section and the dictionary. */
static int read_code(const struct sass_dictionary *dictionary, const struct sass_section *section,
                     struct sass_program *program, char why[SASS_WHY]) {
    size_t count = section->size / SASS_STEP;
    if (count == 0 || section->size % SASS_STEP) {
        snprintf(why, SASS_WHY, "its code has %zu bytes", section->size);
        return -1;
    }
    struct sass_instruction *instructions = calloc(count, sizeof *instructions);
    program->instructions = instructions;
    program->count = count;
    if (!instructions) {
        snprintf(why, SASS_WHY, "out of memory");
        return -1;
    }
    for (size_t k = 0; k < count; k++) {
        struct sass_instruction *one = &instructions[k];
        char what[SASS_WHY];
        memcpy(one->code, section->bytes + k * SASS_STEP, SASS_STEP);
        ptrdiff_t place = sass_dictionary_find(dictionary, one->code);
        if (place < 0) {
            snprintf(why, SASS_WHY, "at 0x%zx: an instruction without a text", k * SASS_STEP);
            return -1;
        }
        const char *text = dictionary->texts[place];
        if (sass_text(one, text, place - (ptrdiff_t)k, count, what) != 0) {
            snprintf(why, SASS_WHY, "at 0x%zx: %.120s, in \"%.100s\"", k * SASS_STEP, what, text);
            return -1;
        }
    }
    return 0;
}

static int read_kernel(struct sass_cubin *cubin, const struct sass_section *section,
                       struct kernel *kernel, char why[SASS_WHY]) {
    struct sass_program *program = &kernel->program;
    program->name = section->name + strlen(".text.");
    program->plain = kernel->plain;
    program->arch = cubin->elf.arch;
    ptx_shown_name(program->name, kernel->plain, sizeof kernel->plain);
    const struct sass_section *relocations[] = {
        sass_elf_section(&cubin->elf, ".rel.text.", program->name),
        sass_elf_section(&cubin->elf, ".rela.text.", program->name)};
    for (int k = 0; k < 2; k++)
        if (relocations[k] && relocations[k]->size) {
            snprintf(why, SASS_WHY, "its code needs a linker");
            return -1;
        }
    return sass_info_read(&cubin->elf, program, why) != 0 ||
                   read_code(&cubin->dictionary, section, program, why) != 0
               ? -1
               : 0;
}

static int add_kernel(struct sass_cubin *cubin, const char *name) {
    char why[SASS_WHY];
    const struct sass_section *section = sass_elf_section(&cubin->elf, ".text.", name);
    if (!section || !section->bytes)
        return device_fail("there is no kernel %.200s in this machine code of sm_%u", name,
                           cubin->elf.arch);
    if (!cubin->filled && sass_dictionary_fill(&cubin->dictionary, cubin->elf.arch) != 0)
        return -1;
    cubin->filled = true;
    struct kernel *kernel = calloc(1, sizeof *kernel);
    if (!kernel)
        return device_fail("out of memory");
    if (read_kernel(cubin, section, kernel, why) != 0) {
        device_fail("kernel %.200s, sm_%u: %s", kernel->plain, cubin->elf.arch, why);
        free_kernel(kernel);
        return -1;
    }
    kernel->next = cubin->kernels;
    cubin->kernels = kernel;
    return 0;
}

int sass_cubin_kernel(struct sass_cubin *cubin, const char *name, const struct sass_program **out) {
    int status = 0;
    *out = NULL;
    pthread_mutex_lock(&cubin->lock);
    struct kernel *kernel = cubin->kernels;
    while (kernel && strcmp(kernel->program.name, name) != 0)
        kernel = kernel->next;
    if (!kernel) {
        status = add_kernel(cubin, name);
        kernel = cubin->kernels;
    }
    if (status == 0)
        *out = &kernel->program;
    pthread_mutex_unlock(&cubin->lock);
    return status;
}

size_t sass_cubin_kernels(const struct sass_cubin *cubin, const char **names, size_t room) {
    size_t count = 0;
    for (size_t k = 0; k < cubin->elf.section_count; k++) {
        const struct sass_section *section = &cubin->elf.sections[k];
        if (strncmp(section->name, ".text.", 6) != 0 || !section->bytes)
            continue;
        if (count < room)
            names[count] = section->name + 6;
        count++;
    }
    return count;
}
