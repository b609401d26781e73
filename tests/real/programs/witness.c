/* witness.c -- preloaded before the library under test, it testifies from inside every process of a test.
 *
 * One line a process image goes to the file named by WITNESS_FILE:  <pid> <file that holds malloc> <program>
 * It takes the answer of the dynamic linker, so a library that is mapped but not used does not count. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *file_that_holds_malloc(void)
{
    Dl_info info = {0};
    const ElfW(Sym) *symbol = NULL;
    if (dladdr1(dlsym(RTLD_DEFAULT, "malloc"), &info, (void **)&symbol, RTLD_DL_SYMENT) != 0
        && symbol != NULL && symbol->st_shndx != SHN_UNDEF) {
        return info.dli_fname;
    }
    /* An executable at a fixed address has a jump that stands for malloc, under malloc's name. */
    return dladdr(dlsym(RTLD_NEXT, "malloc"), &info) != 0 ? info.dli_fname : "nowhere";
}

__attribute__((constructor)) static void testify(void)
{
    const char *file = getenv("WITNESS_FILE");
    int out = file == NULL ? -1 : open(file, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (out < 0) {
        return;
    }
    char line[1024];
    int length = snprintf(line, sizeof line, "%d %s %s\n", (int)getpid(), file_that_holds_malloc(),
                          program_invocation_short_name);
    if (length > 0 && (size_t)length < sizeof line && write(out, line, (size_t)length) != length) {
        _exit(97);
    }
    close(out);
}
