/* c_host.c -- a C program without a C++ runtime; the plugin that it opens brings one, in a scope of its own. */
#include "check.h"

#include <dlfcn.h>

int main(int count, char **arguments)
{
    CHECK(count == 2);
    free(malloc(1));
    void *plugin = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(plugin != NULL);
    int (*meets_the_standard)(size_t) = dlsym(plugin, "plugin_meets_the_standard");
    CHECK(meets_the_standard(SIZE_MAX / 4) == 1);
    puts("ok");
    return 0;
}
