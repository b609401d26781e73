#include "chain.h"

uint64_t hak_link_secret;

void hak_link_fatal(const void *block) { hak_fatal(HAK_ERROR_corrupt_list, block, "list of free blocks"); }
