/*
 * sass_read_fuzz.c: a libFuzzer target over everything that reads machine code but nvdisasm itself.
 * The first byte says what the others are: a cubin, nvdisasm's output, or an instruction's 128 bits
 * and text. A refusal is one line of printable ASCII; what is read keeps its bounds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/sass/sass_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

static void demand_line(const char *why) {
    demand(*why != '\0', "a refusal has a reason");
    for (const char *c = why; *c; c++)
        demand(*c >= ' ' && *c <= '~', "a reason is one line of printable ASCII");
}

static void read_cubin(const uint8_t *data, size_t size) {
    char why[SASS_WHY] = "";
    struct sass_elf elf;
    struct sass_dictionary words;
    if (sass_elf_read(&elf, data, size, why) != 0) {
        demand_line(why);
        demand(!elf.sections, "a refusal leaves nothing");
        return;
    }
    demand(sass_dictionary_words(&words, &elf, why) == 0, "words are had");
    demand(words.count <= size / SASS_STEP, "there are no more than fit");
    for (size_t k = 0; k < words.count; k++)
        demand(sass_dictionary_find(&words, words.words[k].code) == (ptrdiff_t)k,
               "a word is found");
    sass_dictionary_free(&words);
    for (size_t k = 0; k < elf.section_count && k < 16; k++) {
        if (strncmp(elf.sections[k].name, ".text.", 6) != 0)
            continue;
        struct sass_program program = {.name = elf.sections[k].name + 6};
        if (sass_info_read(&elf, &program, why) != 0)
            demand_line(why);
        else
            demand(program.params_offset + program.params_bytes <= program.banks[0].size,
                   "parameters are inside bank 0");
        for (unsigned p = 0; p < program.param_count; p++)
            demand(program.params[p].size < 16384, "a parameter has its bytes");
        free((void *)program.params);
    }
    sass_elf_free(&elf);
}

static char *as_text(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    demand(text != NULL, "memory");
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

static void read_output(const uint8_t *data, size_t size) {
    char why[SASS_WHY] = "";
    char *text = as_text(data, size);
    struct sass_dictionary dictionary = {0};
    for (const char *line = text; *line; line++)
        dictionary.count += *line == ';';
    if (sass_dictionary_split(&dictionary, text, why) != 0)
        demand_line(why);
    else
        for (size_t k = 0; k < dictionary.count; k++)
            demand(strlen(dictionary.texts[k]) < size, "a text is of the output");
    sass_dictionary_free(&dictionary);
}

static void read_text(const uint8_t *data, size_t size) {
    char why[SASS_WHY] = "";
    struct sass_instruction one = {0};
    if (size < sizeof one.code)
        return;
    memcpy(one.code, data, sizeof one.code);
    char *text = as_text(data + sizeof one.code, size - sizeof one.code);
    if (sass_text(&one, text, 3, 100, why) != 0)
        demand_line(why);
    else
        for (unsigned k = 0; k < one.operand_count; k++)
            demand(one.operands[k].kind != SASS_NONE &&
                       (one.operands[k].kind != SASS_LABEL || one.operands[k].bits < 100),
                   "an operand is something, and a label is inside");
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    switch (data[0] % 3) {
    case 0:
        read_text(data + 1, size - 1);
        break;
    case 1:
        read_output(data + 1, size - 1);
        break;
    default:
        read_cubin(data + 1, size - 1);
    }
    return 0;
}
