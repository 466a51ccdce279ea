/*
 * sass_elf.c: a cubin: an ELF file of NVIDIA's machine, with a section for each kernel's code and
 * others that say what it needs. Layout and numbers as `nvdisasm` and `readelf` show them.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/sass/sass_read.h"

#define MACHINE 190          /* EM_CUDA */
#define ABI_WIDE 8           /* from this on the architecture stands in e_flags' second byte */
#define SYMBOL_SIZE 24       /* of an Elf64_Sym */
#define SECTIONS_MAX 1000000 /* sum.cu has 1,100 */

/* e_ident's bytes that count. */
static int check_head(const Elf64_Ehdr *head, char why[SASS_WHY]) {
    if (memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 || head->e_ident[EI_CLASS] != ELFCLASS64 ||
        head->e_ident[EI_DATA] != ELFDATA2LSB || head->e_machine != MACHINE) {
        snprintf(why, SASS_WHY, "this is no cubin");
        return -1;
    }
    if (head->e_shentsize != sizeof(Elf64_Shdr)) {
        snprintf(why, SASS_WHY, "a cubin whose section headers have %u bytes", head->e_shentsize);
        return -1;
    }
    return 0;
}

static bool inside(uint64_t offset, uint64_t size, uint64_t of) {
    return offset <= of && size <= of - offset;
}

static Elf64_Shdr header_at(const struct sass_elf *elf, const Elf64_Ehdr *head, size_t index) {
    Elf64_Shdr header;
    memcpy(&header, elf->bytes + head->e_shoff + index * sizeof header, sizeof header);
    return header;
}

static int read_sections(struct sass_elf *elf, const Elf64_Ehdr *head, char why[SASS_WHY]) {
    size_t count = head->e_shnum, names = head->e_shstrndx, code = 0;
    if (!inside(head->e_shoff, sizeof(Elf64_Shdr), elf->size)) {
        snprintf(why, SASS_WHY, "a cubin without sections");
        return -1;
    }
    /* What is too large for 16 bits is in the first header. */
    Elf64_Shdr first = header_at(elf, head, 0);
    if (count == 0 && first.sh_size <= SECTIONS_MAX)
        count = (size_t)first.sh_size;
    if (names == SHN_XINDEX)
        names = first.sh_link;
    if (count == 0 || !inside(head->e_shoff, count * sizeof(Elf64_Shdr), elf->size) ||
        names >= count) {
        snprintf(why, SASS_WHY, "a cubin whose section headers are not all in it");
        return -1;
    }
    Elf64_Shdr table = header_at(elf, head, names);
    if (table.sh_size == 0 || !inside(table.sh_offset, table.sh_size, elf->size) ||
        elf->bytes[table.sh_offset + table.sh_size - 1] != '\0') {
        snprintf(why, SASS_WHY, "a cubin without names of its sections");
        return -1;
    }
    elf->sections = calloc(count, sizeof *elf->sections);
    if (!elf->sections) {
        snprintf(why, SASS_WHY, "out of memory");
        return -1;
    }
    elf->section_count = count;
    for (size_t k = 0; k < count; k++) {
        Elf64_Shdr header = header_at(elf, head, k);
        struct sass_section *section = &elf->sections[k];
        bool empty = header.sh_type == SHT_NOBITS || header.sh_type == SHT_NULL;
        if (header.sh_name >= table.sh_size ||
            (!empty && !inside(header.sh_offset, header.sh_size, elf->size))) {
            snprintf(why, SASS_WHY, "section %zu of a cubin is not in it", k);
            return -1;
        }
        section->name = (const char *)elf->bytes + table.sh_offset + header.sh_name;
        section->bytes = empty ? NULL : elf->bytes + header.sh_offset;
        section->size = (size_t)header.sh_size;
        section->type = header.sh_type;
        if (strncmp(section->name, ".text.", 6) == 0 && !empty)
            code += section->size;
        if (header.sh_type == SHT_SYMTAB) {
            elf->symbols = section;
            elf->symbol_names = header.sh_link < count ? &elf->sections[header.sh_link] : NULL;
        }
    }
    /* Sections may lie on top of each other; not so that a small file has endless code. */
    if (code > elf->size) {
        snprintf(why, SASS_WHY, "a cubin whose kernels overlap");
        return -1;
    }
    const struct sass_section *symbol_names = elf->symbol_names;
    if (symbol_names && (!symbol_names->bytes || symbol_names->size == 0 ||
                         symbol_names->bytes[symbol_names->size - 1] != '\0'))
        elf->symbol_names = NULL;
    return 0;
}

int sass_elf_read(struct sass_elf *out, const void *bytes, size_t size, char why[SASS_WHY]) {
    Elf64_Ehdr head;
    *out = (struct sass_elf){.bytes = bytes, .size = size};
    if (size < sizeof head) {
        snprintf(why, SASS_WHY, "this is no cubin");
        return -1;
    }
    memcpy(&head, bytes, sizeof head);
    if (check_head(&head, why) != 0)
        return -1;
    out->arch =
        head.e_ident[EI_ABIVERSION] >= ABI_WIDE ? head.e_flags >> 8 & 0xff : head.e_flags & 0xff;
    if (read_sections(out, &head, why) != 0) {
        sass_elf_free(out);
        return -1;
    }
    return 0;
}

void sass_elf_free(struct sass_elf *elf) {
    free(elf->sections);
    *elf = (struct sass_elf){0};
}

const struct sass_section *sass_elf_section(const struct sass_elf *elf, const char *prefix,
                                            const char *name) {
    size_t length = strlen(prefix);
    for (size_t k = 0; k < elf->section_count; k++)
        if (strncmp(elf->sections[k].name, prefix, length) == 0 &&
            strcmp(elf->sections[k].name + length, name) == 0)
            return &elf->sections[k];
    return NULL;
}

const char *sass_elf_symbol(const struct sass_elf *elf, uint32_t index) {
    Elf64_Sym symbol;
    _Static_assert(sizeof symbol == SYMBOL_SIZE, "as the file has it");
    if (!elf->symbols || !elf->symbols->bytes || !elf->symbol_names ||
        index >= elf->symbols->size / sizeof symbol)
        return NULL;
    memcpy(&symbol, elf->symbols->bytes + index * sizeof symbol, sizeof symbol);
    if (symbol.st_name >= elf->symbol_names->size)
        return NULL;
    return (const char *)elf->symbol_names->bytes + symbol.st_name;
}
