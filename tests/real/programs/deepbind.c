/* deepbind.c -- opens the plugin named by the first argument with RTLD_DEEPBIND and moves blocks across:
 *   inside    the plugin frees what it allocated        host      the program frees what the plugin allocated
 *   strdup    the program frees what strdup gave the plugin        realloc   the program grows the plugin's block */
#include "check.h"

#include <dlfcn.h>
#include <malloc.h>

int main(int count, char **arguments)
{
    CHECK(count == 3);
    const char *what = arguments[2];
    void *plugin = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    CHECK(plugin != NULL);
    void *(*plugin_malloc)(size_t) = dlsym(plugin, "plugin_malloc");
    void *(*plugin_calloc)(size_t) = dlsym(plugin, "plugin_calloc");
    void *(*plugin_realloc)(void *, size_t) = dlsym(plugin, "plugin_realloc");
    void (*plugin_free)(void *) = dlsym(plugin, "plugin_free");
    char *(*plugin_strdup)(const char *) = dlsym(plugin, "plugin_strdup");

    for (size_t size = 1; size < 300000; size += size / 8 + 1) {
        void *own = malloc(size);
        fill(own, size, 9);
        if (strcmp(what, "inside") == 0) {
            void *block = plugin_realloc(plugin_malloc(size), 2 * size);
            fill(block, 2 * size, 1);
            CHECK(is_intact(block, 2 * size, 1));
            plugin_free(block);
            plugin_free(plugin_calloc(size));
        } else if (strcmp(what, "host") == 0) {
            free(plugin_malloc(size));
            void *zero = plugin_calloc(size);
            CHECK(is_zero(zero, size) && malloc_usable_size(zero) >= size);
            free(zero);
        } else if (strcmp(what, "realloc") == 0) {
            void *block = plugin_malloc(size);
            fill(block, size, 2);
            block = realloc(block, 3 * size);
            CHECK(block != NULL && is_intact(block, size, 2));
            free(block);
        } else {
            CHECK(strcmp(what, "strdup") == 0);
            char *text = plugin_strdup("a text that is copied by the C library");
            CHECK(strcmp(text, "a text that is copied by the C library") == 0);
            free(text);
        }
        CHECK(is_intact(own, size, 9));
        free(own);
    }
    puts("ok");
    return 0;
}
