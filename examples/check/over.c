#include <stdlib.h>

int main(void) {
    int *numbers = malloc(12 * sizeof(int));
    int sum = 0;
    for (int i = 0; i <= 12; i++) {
        sum += numbers[i];
    }
    free(numbers);
    return sum == 1;
}
