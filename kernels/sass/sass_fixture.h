/*
 * sass_fixture.h: for tests: a cubin that was made by hand.
 */
#ifndef NANOLAB_KERNELS_SASS_SASS_FIXTURE_H
#define NANOLAB_KERNELS_SASS_SASS_FIXTURE_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Where its kernel's code begins. */
static size_t sass_test_code;

struct sass_test_section {
    const char *name;
    uint32_t type, link;
    const void *bytes; /* NULL: none in the file */
    size_t size;
};

/* A cubin of sm_80 with a kernel `k` of a pointer and a 32-bit number: a MOV from constant bank 0,
 * an EXIT with a guard, a jump to itself and a NOP. It needs 10 registers, 32 bytes of stack and 48
 * of shared memory. free() it. */
static inline uint8_t *sass_test_cubin(size_t *size) {
    static const uint64_t code[] = {
        0x00000a0000017a02, 0x000fc40000000f00, /* MOV R1, c[0x0][0x28] */
        0x000000000000094d, 0x000fea0003800000, /* @P0 EXIT */
        0xfffffff000007947, 0x000fc0000383ffff, /* BRA: itself */
        0x0000000000007918, 0x000fc00000000000, /* NOP */
    };
    static const char names[] = "\0k";
    static const uint32_t common[] = {
        0x00082f04, 1, 10, /* registers */
        0x00081204, 1, 32, /* stack */
    };
    static const uint32_t info[] = {
        0x000c1704, 0, 0x00000000, 8u << 18, /* parameter 0 */
        0x000c1704, 0, 0x00080001, 4u << 18, /* parameter 1: ordinal, offset */
        0x00080a04, 0, 0x000c0160,           /* bank, offset and size of all */
    };
    static const uint8_t constants[0x16c];
    static const Elf64_Sym symbols[2] = {{0}, {.st_name = 1, .st_info = 2, .st_shndx = 4}};
    const struct sass_test_section sections[] = {
        {"", SHT_NULL, 0, NULL, 0},
        {".shstrtab", SHT_STRTAB, 0, NULL, 0},
        {".strtab", SHT_STRTAB, 0, names, sizeof names},
        {".symtab", SHT_SYMTAB, 2, symbols, sizeof symbols},
        {".text.k", SHT_PROGBITS, 3, code, sizeof code},
        {".nv.info", SHT_LOPROC, 3, common, sizeof common},
        {".nv.info.k", SHT_LOPROC, 3, info, sizeof info},
        {".nv.constant0.k", SHT_PROGBITS, 0, constants, sizeof constants},
        {".nv.shared.k", SHT_NOBITS, 0, NULL, 48},
    };
    enum { COUNT = sizeof sections / sizeof *sections, ROOM = 4096 };
    uint8_t *bytes = calloc(1, ROOM);
    Elf64_Shdr headers[COUNT] = {{0}};
    size_t at = sizeof(Elf64_Ehdr), table = at;
    for (int k = 0; k < COUNT; k++) { /* names first */
        headers[k].sh_name = (uint32_t)(at - table);
        at += strlen(strcpy((char *)bytes + at, sections[k].name)) + 1;
    }
    headers[1].sh_offset = table;
    headers[1].sh_size = at - table;
    for (int k = 0; k < COUNT; k++) {
        headers[k].sh_type = sections[k].type;
        headers[k].sh_link = sections[k].link;
        if (k == 1)
            continue;
        at = (at + 15) / 16 * 16;
        headers[k].sh_offset = at;
        headers[k].sh_size = sections[k].size;
        if (sections[k].bytes) {
            memcpy(bytes + at, sections[k].bytes, sections[k].size);
            at += sections[k].size;
        }
    }
    sass_test_code = headers[4].sh_offset;
    Elf64_Ehdr head = {
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT, 0x41, 8},
        .e_type = ET_EXEC,
        .e_machine = 190,
        .e_version = EV_CURRENT,
        .e_shoff = at,
        .e_flags = 0x6005004,
        .e_ehsize = sizeof head,
        .e_shentsize = sizeof *headers,
        .e_shnum = COUNT,
        .e_shstrndx = 1};
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + at, headers, sizeof headers);
    *size = at + sizeof headers;
    return bytes;
}

#endif
