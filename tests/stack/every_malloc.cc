// Compares the stack at every malloc of this program with what backtrace(3) finds: from C++ exceptions and streams, threads, the
// dynamic linker, callbacks through the C library, and libraries that come and go. Prints how many stacks agreed and how often a
// library lay where another had been, or ends with the first stack that differs.
#include <dlfcn.h>
#include <execinfo.h>
#include <regex.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

extern "C" {
void door_open(size_t depth);
uint32_t door_capture(void);
size_t door_native(uint32_t number, uintptr_t *pcs, size_t max);
void *__libc_malloc(size_t size);
void *malloc(size_t size) noexcept;
}

enum { DEPTH = 64 };

static bool comparing;
static thread_local bool inside;
static size_t agreed, deepest, reused;

static void differ(const uintptr_t *own, size_t own_count, void *const *frames, int count) {
    comparing = false;
    for (size_t i = 0; i < own_count; i++) std::fprintf(stderr, "found    %zu %#zx\n", i, own[i]);
    backtrace_symbols_fd(frames, count, 2);
    std::abort();
}

__attribute__((noinline)) static void compare() {
    uintptr_t own[DEPTH];
    void *frames[DEPTH];
    size_t own_count = door_native(door_capture(), own, DEPTH);
    int count = backtrace(frames, DEPTH);
    // The innermost is this function, at two places.
    bool same = own_count == static_cast<size_t>(count);
    for (size_t i = 1; same && i < own_count; i++) same = own[i] == reinterpret_cast<uintptr_t>(frames[i]);
    if (!same) differ(own, own_count, frames, count);
    agreed++;
    if (own_count > deepest) deepest = own_count;
}

void *malloc(size_t size) noexcept {
    if (comparing && !inside) {
        inside = true;
        compare();
        inside = false;
    }
    return __libc_malloc(size);
}

__attribute__((noinline)) static int throw_at(int depth) {
    struct Guard {
        std::string text = "long enough not to be stored inside the object itself";
        ~Guard() { std::string copy = text + text; }
    } guard;
    if (depth == 0) throw std::runtime_error("as long as an exception's text ever has to be");
    return throw_at(depth - 1) + 1;
}

static int by_size(const void *a, const void *b) {
    std::free(std::malloc(*static_cast<const int *>(a)));
    return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}

int main(int argc, char **argv) {
    void *warm[2];
    backtrace(warm, 2); // loads its library
    door_open(DEPTH);
    comparing = true;
    for (int depth = 0; depth < 30; depth++) {
        try {
            throw_at(depth);
        } catch (const std::exception &error) {
            std::ostringstream out;
            out << error.what() << depth;
        }
    }
    std::vector<int> sizes{5, 4, 3, 9, 8, 100};
    std::qsort(sizes.data(), sizes.size(), sizeof(int), by_size);
    std::function<void(int)> nested = [&](int depth) {
        std::map<std::string, int> words{{"one", 1}, {"two", 2}};
        if (depth > 0) nested(depth - 1);
    };
    nested(8);
    std::thread([&] { nested(3); }).join();
    std::regex_match("aaaa", std::regex("(a|b)*"));
    void *before = nullptr;
    for (int i = 1; i < argc; i++) {
        void *library = dlopen(argv[i], RTLD_LAZY);
        if (library == nullptr) std::fprintf(stderr, "%s\n", dlerror());
        auto call = reinterpret_cast<void (*)(void)>(dlsym(library, "allocate"));
        Dl_info info;
        if (call == nullptr || dladdr(reinterpret_cast<void *>(call), &info) == 0) std::abort();
        reused += info.dli_fbase == before;
        before = info.dli_fbase;
        call();
        call();
        dlclose(library);
    }
    comparing = false;
    std::printf("agreed=%zu deepest=%zu reused=%zu\n", agreed, deepest, reused);
    return 0;
}
