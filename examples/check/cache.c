#include <stdlib.h>
#include <string.h>

char *parse(const char *line) {
    char *copy = strdup(line);
    if (strchr(copy, '=') == NULL) {
        return NULL;
    }
    return copy;
}

int main(void) {
    for (int i = 0; i < 1000; i++) {
        free(parse("# a comment"));
    }
    return 0;
}
