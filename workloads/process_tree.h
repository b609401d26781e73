/* process_tree.h -- what /proc tells about the descendants of this process: how much memory is resident, and whether a
 * library is in them. For meter.c alone, which is single-threaded and waits for its children itself.
 *
 * A descendant whose own parent has ended is this process's child (PR_SET_CHILD_SUBREAPER), so that the walk meets it.
 * Needs /proc/PID/task/TID/children (proc(5), CONFIG_PROC_CHILDREN, which distributions set); without it only the
 * children that the caller names are seen.
 *
 * Sums count a page that two processes share twice. What they do not count twice is a child between vfork and exec: it
 * has its parent's memory, and is told by having the same line in statm. */
#ifndef HAKMEM_PROCESS_TREE_H
#define HAKMEM_PROCESS_TREE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { TREE_PATH_BYTES = 64, TREE_TEXT_BYTES = 256, TREE_CHILDREN_BYTES = 16384, TREE_SHORT_BYTES = 2048, TREE_EXE_BYTES = 4096, TREE_DEPTH = 64 };

/* Whether a library is in a process. A process in which the C library is mapped and the preloaded one is not will not
 * get it: ld.so maps what is preloaded first. The list of a process that ends meanwhile breaks off, so that only one with
 * the stack, which lies above all libraries, says that something is not there. */
typedef enum { LIBRARY_UNSEEN, LIBRARY_ABSENT, LIBRARY_FOUND } tree_library_t;

/* Reads a file of /proc into `text`, which it ends by a zero; 0 for one that is empty or gone. The kernel hands out what
 * there is, up to about a page a call, so that a short answer was the whole and need not be asked for again. */
static size_t tree_read(const char *path, char *text, size_t room) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    size_t length = 0;
    ssize_t got;
    do {
        got = read(file, text + length, room - 1 - length);
        length += got > 0 ? (size_t)got : 0;
    } while (got > TREE_SHORT_BYTES && length < room - 1);
    close(file);
    text[length] = '\0';
    return length;
}

typedef void (*tree_visit_t)(pid_t child, void *data);

static void tree_children_of_thread(pid_t parent, const char *thread, tree_visit_t visit, void *data) {
    char path[TREE_PATH_BYTES], text[TREE_CHILDREN_BYTES], *end;
    snprintf(path, sizeof path, "/proc/%d/task/%.10s/children", (int)parent, thread);
    if (tree_read(path, text, sizeof text) == 0) return;
    for (char *word = text; strtol(word, &end, 10) > 0; word = end) visit((pid_t)strtol(word, NULL, 10), data);
}

/* Calls `visit` for the children of each thread of `parent`. */
static void tree_children(pid_t parent, tree_visit_t visit, void *data) {
    char path[TREE_PATH_BYTES], only[TREE_PATH_BYTES];
    struct stat directory;
    snprintf(path, sizeof path, "/proc/%d/task", (int)parent);
    if (stat(path, &directory) != 0) return;
    if (directory.st_nlink == 3) { /* ".", ".." and one thread, whose number is the process's */
        snprintf(only, sizeof only, "%d", (int)parent);
        tree_children_of_thread(parent, only, visit, data);
        return;
    }
    DIR *threads = opendir(path);
    if (threads == NULL) return;
    for (struct dirent *thread; (thread = readdir(threads)) != NULL;)
        if (thread->d_name[0] != '.') tree_children_of_thread(parent, thread->d_name, visit, data);
    closedir(threads);
}

/* ---- resident memory ---- */

typedef struct {
    pid_t except; /* this child of ours is left out, with its own descendants; 0: none */
    unsigned long long pages;
    int depth;
    const char *parent; /* the parent's line in statm */
} tree_sum_t;

static void tree_add(pid_t process, void *data) {
    tree_sum_t *sum = data;
    if (process == sum->except || sum->depth >= TREE_DEPTH) return;
    char path[TREE_PATH_BYTES], line[TREE_TEXT_BYTES];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)process);
    if (tree_read(path, line, sizeof line) == 0) return;
    unsigned long long resident;
    if (strcmp(line, sum->parent) != 0 && sscanf(line, "%*u %llu", &resident) == 1) sum->pages += resident;
    const char *parent = sum->parent;
    sum->parent = line;
    sum->depth++;
    tree_children(process, tree_add, sum);
    sum->depth--;
    sum->parent = parent;
}

/* Bytes that are resident in the descendants of this process, less those of its child `except`. */
static unsigned long long tree_resident(pid_t except) {
    tree_sum_t sum = {.except = except, .parent = ""};
    tree_children(getpid(), tree_add, &sum);
    return sum.pages * (unsigned long long)sysconf(_SC_PAGESIZE);
}

/* ---- libraries ---- */

/* The state of `library`, a path without symbolic links, in one process; NULL: of the C library. */
static tree_library_t tree_look(pid_t process, const char *library) {
    char path[TREE_PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)process);
    FILE *maps = fopen(path, "re");
    if (maps == NULL) return LIBRARY_UNSEEN;
    bool found = false, libc = false, stack = false;
    char *line = NULL;
    size_t room = 0, length = library == NULL ? 0 : strlen(library);
    while (!found && getline(&line, &room, maps) > 0) {
        stack = stack || strstr(line, " [stack]") != NULL;
        const char *file = strchr(line, '/');
        if (file == NULL) continue;
        const char *name = strrchr(file, '/') + 1; /* older releases: libc-2.31.so */
        libc = libc || strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-2", 6) == 0;
        found = library == NULL ? libc
                                : strncmp(file, library, length) == 0 && (file[length] == '\n' || file[length] == ' ');
    }
    free(line);
    fclose(maps);
    return found ? LIBRARY_FOUND : libc && stack ? LIBRARY_ABSENT : LIBRARY_UNSEEN;
}

typedef struct {
    const char *library;
    pid_t except;
    bool found;
    int depth;
} tree_search_t;

static void tree_search(pid_t process, void *data) {
    tree_search_t *search = data;
    if (process == search->except || search->found || search->depth >= TREE_DEPTH) return;
    search->found = tree_look(process, search->library) == LIBRARY_FOUND;
    search->depth++;
    tree_children(process, tree_search, search);
    search->depth--;
}

/* Whether `library` is in any descendant of this process, less its child `except`. */
static bool tree_has(const char *library, pid_t except) {
    tree_search_t search = {.library = library, .except = except};
    tree_children(getpid(), tree_search, &search);
    return search.found;
}

/* The file that a process runs, into `exe`; false when it is gone. */
static bool tree_exe(pid_t process, char exe[TREE_EXE_BYTES]) {
    char path[TREE_PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)process);
    ssize_t length = readlink(path, exe, TREE_EXE_BYTES - 1);
    if (length < 0) return false;
    exe[length] = '\0';
    return true;
}

#endif
