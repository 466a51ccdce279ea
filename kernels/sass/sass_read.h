/*
 * sass_read.h: the parts of the reader: a cubin's sections (sass_elf.c), what nvdisasm says of its
 * instructions (sass_disasm.c), and an instruction of its text (sass_text.c). sass_read.c puts them
 * together. All take what they are given for hostile: sizes and offsets are checked, and texts end
 * in an error or in a program that holds nothing else.
 */
#ifndef NANOLAB_KERNELS_SASS_SASS_READ_H
#define NANOLAB_KERNELS_SASS_SASS_READ_H

#include "kernels/sass/sass_program.h"

/* A reason's size: one line of printable ASCII. */
#define SASS_WHY 300

/* --- cubins --------------------------------------------------------------------------------------
 */

struct sass_section {
    const char *name;
    const uint8_t *bytes; /* NULL: it has none in the file (NOBITS) */
    size_t size;
    uint32_t type;
};

struct sass_elf {
    const uint8_t *bytes;
    size_t size;
    unsigned arch; /* 80 */
    struct sass_section *sections;
    size_t section_count;
    const struct sass_section *symbols, *symbol_names; /* NULL: none */
};

/* `bytes` must outlive it. 0, or -1 with the reason. */
int sass_elf_read(struct sass_elf *out, const void *bytes, size_t size, char why[SASS_WHY]);
void sass_elf_free(struct sass_elf *elf);
/* The section with the name PREFIX and `name`, or NULL. */
const struct sass_section *sass_elf_section(const struct sass_elf *elf, const char *prefix,
                                            const char *name);
/* A symbol's name; NULL: there is no such symbol. */
const char *sass_elf_symbol(const struct sass_elf *elf, uint32_t index);

/* What the cubin says of the kernel `program->name`: all but instructions. Allocates `params`. */
int sass_info_read(const struct sass_elf *elf, struct sass_program *program, char why[SASS_WHY]);

/* --- nvdisasm ------------------------------------------------------------------------------------
 */

/* Each instruction that a cubin's kernels have, once, and its text. Those that jump do so from
 * SASS_ORIGIN + SASS_STEP * their place here: see sass_text(). */
struct sass_dictionary {
    struct sass_word {
        uint64_t code[2];
    } * words; /* in order */
    const char **texts;
    size_t count;
    char *text; /* all of them */
};
#define SASS_ORIGIN (1ll << 40)

int sass_dictionary_words(struct sass_dictionary *out, const struct sass_elf *elf,
                          char why[SASS_WHY]);
/* Texts of the words, from the cache or nvdisasm; -1 with device_error(). */
int sass_dictionary_fill(struct sass_dictionary *dictionary, unsigned arch);
/* Splits nvdisasm's output, which it takes over: a line for each word and nothing else. */
int sass_dictionary_split(struct sass_dictionary *dictionary, char *text, char why[SASS_WHY]);
/* The word's place, or -1. */
ptrdiff_t sass_dictionary_find(const struct sass_dictionary *dictionary, const uint64_t code[2]);
void sass_dictionary_free(struct sass_dictionary *dictionary);

/* --- an instruction ------------------------------------------------------------------------------
 */

/* Of `text` and out->code. `away`: how many instructions farther the origin of labels in the text
 * is than this one's own; labels must then lie within `count`. */
int sass_text(struct sass_instruction *out, const char *text, int64_t away, size_t count,
              char why[SASS_WHY]);

#endif
