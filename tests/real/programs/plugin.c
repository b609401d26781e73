/* plugin.c -- opened by deepbind.c: its own malloc and free may be the C library's while the program has others. */
#include <stdlib.h>
#include <string.h>

void *plugin_malloc(size_t size) { return malloc(size); }
void *plugin_calloc(size_t size) { return calloc(1, size); }
void *plugin_realloc(void *block, size_t size) { return realloc(block, size); }
void plugin_free(void *block) { free(block); }
/* The C library's strdup calls the program's malloc, whoever called strdup. */
char *plugin_strdup(const char *text) { return strdup(text); }
