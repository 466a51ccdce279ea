/*
 * reveal_child_symbol.h: a function of a shared library by its name, or one line that says what
 * stands in the way and what to do. Runs where the library does: reading a broken file can end
 * nothing but the process of the library.
 */
#ifndef NANOLAB_TOOLS_REVEAL_CHILD_SYMBOL_H
#define NANOLAB_TOOLS_REVEAL_CHILD_SYMBOL_H

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct symbol_search {
    const char *name;
    char mangled[200]; /* a C++ function of that name */
    bool hidden;       /* there, but not exported */
};

/* "_Z" and, later, the length of the name and the name: how C++ writes it. */
static bool symbol_is_mangled(const char *symbol, const char *name) {
    char part[200];
    int length = snprintf(part, sizeof part, "%zu%s", strlen(name), name);
    const char *at =
        strncmp(symbol, "_Z", 2) == 0 && length < (int)sizeof part ? strstr(symbol, part) : NULL;
    return at && (at == symbol + 2 || at[-1] < '0' || at[-1] > '9');
}

static void symbol_scan(const char *file, struct symbol_search *search) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts) || (size_t)facts.st_size < sizeof(ElfW(Ehdr))) {
        if (fd >= 0)
            close(fd);
        return;
    }
    size_t size = (size_t)facts.st_size;
    const char *all = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (all == MAP_FAILED)
        return;
    const ElfW(Ehdr) *head = (const void *)all;
    const ElfW(Shdr) *section = (const void *)(all + head->e_shoff);
    for (size_t k = 0; head->e_shoff < size && k < head->e_shnum; k++) {
        if ((section[k].sh_type != SHT_DYNSYM && section[k].sh_type != SHT_SYMTAB) ||
            section[k].sh_link >= head->e_shnum || section[k].sh_entsize == 0)
            continue;
        const ElfW(Sym) *symbol = (const void *)(all + section[k].sh_offset);
        const char *names = all + section[section[k].sh_link].sh_offset;
        for (size_t s = 0; s < section[k].sh_size / section[k].sh_entsize; s++) {
            const char *name = names + symbol[s].st_name;
            if (ELF64_ST_TYPE(symbol[s].st_info) != STT_FUNC || symbol[s].st_shndx == SHN_UNDEF)
                continue;
            if (strcmp(name, search->name) == 0)
                search->hidden = true;
            else if (!search->mangled[0] && symbol_is_mangled(name, search->name))
                snprintf(search->mangled, sizeof search->mangled, "%s", name);
        }
    }
    munmap((void *)all, size);
}

static void symbol_missing(void *library, const char *file, const char *name, char *error,
                           size_t size) {
    struct symbol_search search = {.name = name};
    struct link_map *map = NULL;
    if (dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map)
        symbol_scan(map->l_name, &search);
    if (search.mangled[0])
        snprintf(error, size,
                 "%s is a C++ function there (%s); declare it extern \"C\", or give --symbol %s",
                 name, search.mangled, search.mangled);
    else if (search.hidden)
        snprintf(error, size, "%s is in %s but not exported (static or hidden); make it visible",
                 name, file);
    else
        snprintf(error, size, "no symbol %s in %s; nm -D --defined-only lists what is there", name,
                 file);
}

/* NULL, with the line in `error`. */
static void *symbol_load(const char *file, const char *name, char *error, size_t size) {
    error[0] = '\0';
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *why = dlerror();
        const char *undefined = why ? strstr(why, "undefined symbol: ") : NULL;
        if (undefined)
            snprintf(error, size, "%s; link it to the library that has it (gcc … -lNAME)", why);
        else
            snprintf(error, size, "%s", why ? why : "the library cannot be loaded");
        return NULL;
    }
    void *function = dlsym(library, name);
    Dl_info info;
    const ElfW(Sym) *symbol = NULL;
    if (!function) {
        symbol_missing(library, file, name, error, size);
        return NULL;
    }
    bool known = dladdr1(function, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol;
    int type = known ? ELF64_ST_TYPE(symbol->st_info) : STT_NOTYPE;
    if (type != STT_OBJECT && type != STT_TLS && type != STT_COMMON)
        return function;
    snprintf(error, size, "%s is a variable, not a function; give the name of a function", name);
    return NULL;
}

#endif
