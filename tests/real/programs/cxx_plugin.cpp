// cxx_plugin.cpp -- opened by c_host.c, with the C++ runtime visible to it alone, as Python opens its extensions.
#include <cstddef>
#include <new>
#include <string>
#include <vector>

static int handler_calls = 0;

// 1 if new throws std::bad_alloc for what cannot be had, after it called the new-handler.
extern "C" int plugin_meets_the_standard(std::size_t too_large)
{
    std::vector<std::string> words(1000, std::string(100, 'x'));
    std::set_new_handler([] {
        handler_calls++;
        std::set_new_handler(nullptr);
    });
    try {
        ::operator delete(::operator new(too_large));
    } catch (const std::bad_alloc &) {
        return handler_calls == 1 && ::operator new(too_large, std::nothrow) == nullptr && words[999].size() == 100;
    }
    return 0;
}
