// new_delete.cpp -- every form of new and delete, the new-handler, std::bad_alloc, and the standard library on top.
#include "check.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <new>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace {

// Not a constant to the compiler, which would warn or remove the call.
volatile std::size_t too_large = static_cast<std::size_t>(-1) / 4;
int handler_calls = 0;

struct alignas(256) Wide {
    unsigned char bytes[512];
};

struct OutOfLuck : std::bad_alloc {};

void give_up_at_third_call()
{
    if (++handler_calls == 3) {
        std::set_new_handler(nullptr);
    }
}

void throw_own() { throw OutOfLuck(); }

bool is_aligned(const void *block, std::size_t alignment)
{
    return reinterpret_cast<std::uintptr_t>(block) % alignment == 0;
}

template <class Expected, class Function> bool throws(Function function)
{
    try {
        function();
    } catch (const Expected &) {
        return true;
    }
    return false;
}

void plain_forms()
{
    for (std::size_t size : {0, 1, 16, 100, 5000, 40000, 3000000}) {
        void *a = ::operator new(size);
        void *b = ::operator new[](size);
        void *c = ::operator new(size, std::nothrow);
        void *d = ::operator new[](size, std::nothrow);
        CHECK(a && b && c && d && a != b && c != d && a != c);
        for (void *block : {a, b, c, d}) {
            CHECK(size < 16 || is_aligned(block, __STDCPP_DEFAULT_NEW_ALIGNMENT__));
            fill(block, size, 1);
        }
        ::operator delete(a);
        ::operator delete[](b, size);
        ::operator delete(c, std::nothrow);
        ::operator delete[](d, std::nothrow);
        ::operator delete(::operator new(size), size);
        ::operator delete[](::operator new[](size));
    }
    ::operator delete(nullptr);
    ::operator delete[](nullptr);
    ::operator delete(nullptr, std::size_t{8});
    ::operator delete(nullptr, std::align_val_t{64});
}

void aligned_forms()
{
    for (std::size_t alignment = 1; alignment <= (1u << 21); alignment *= 2) {
        for (std::size_t size : {std::size_t{0}, std::size_t{1}, alignment - 1, alignment, 3 * alignment + 5}) {
            const std::align_val_t align{alignment};
            void *a = ::operator new(size, align);
            void *b = ::operator new[](size, align);
            void *c = ::operator new(size, align, std::nothrow);
            void *d = ::operator new[](size, align, std::nothrow);
            for (void *block : {a, b, c, d}) {
                CHECK(block != nullptr && is_aligned(block, alignment));
                fill(block, size < 100000 ? size : 100000, 2);
            }
            ::operator delete(a, align);
            ::operator delete[](b, size, align);
            ::operator delete(c, align, std::nothrow);
            ::operator delete[](d, align, std::nothrow);
            ::operator delete(::operator new(size, align), size, align);
            ::operator delete[](::operator new[](size, align), align);
        }
    }
    std::vector<Wide> wide(100);
    CHECK(is_aligned(wide.data(), alignof(Wide)));
    auto one = std::make_unique<Wide>();
    CHECK(is_aligned(one.get(), alignof(Wide)));
}

void refusals()
{
    CHECK(throws<std::bad_alloc>([] { ::operator delete(::operator new(too_large)); }));
    CHECK(throws<std::bad_alloc>([] { ::operator delete[](::operator new[](too_large)); }));
    CHECK(throws<std::bad_alloc>([] { ::operator delete(::operator new(too_large, std::align_val_t{64})); }));
    CHECK(throws<std::bad_alloc>([] { delete[] new char[too_large]; }));
    CHECK(throws<std::bad_array_new_length>([] { delete[] new long[too_large]; }));
    CHECK(::operator new(too_large, std::nothrow) == nullptr);
    CHECK(::operator new[](too_large, std::nothrow) == nullptr);
    CHECK(::operator new(too_large, std::align_val_t{64}, std::nothrow) == nullptr);
    CHECK(::operator new[](too_large, std::align_val_t{64}, std::nothrow) == nullptr);
}

void handlers()
{
    std::set_new_handler(give_up_at_third_call);
    CHECK(throws<std::bad_alloc>([] { ::operator delete(::operator new(too_large)); }) && handler_calls == 3);
    CHECK(std::get_new_handler() == nullptr);

    handler_calls = 0;
    std::set_new_handler(give_up_at_third_call);
    CHECK(::operator new(too_large, std::nothrow) == nullptr && handler_calls == 3);

    handler_calls = 0;
    std::set_new_handler(give_up_at_third_call);
    CHECK(throws<std::bad_alloc>([] { ::operator delete(::operator new(too_large, std::align_val_t{128})); }));
    CHECK(handler_calls == 3);

    std::set_new_handler(throw_own);
    CHECK(throws<OutOfLuck>([] { ::operator delete(::operator new(too_large)); }));
    CHECK(throws<OutOfLuck>([] { ::operator delete[](::operator new[](too_large, std::align_val_t{64})); }));
    // The nothrow forms call the handler too, and keep what it throws to themselves.
    CHECK(::operator new(too_large, std::nothrow) == nullptr);
    CHECK(::operator new[](too_large, std::align_val_t{64}, std::nothrow) == nullptr);
    std::set_new_handler(nullptr);
}

void standard_library()
{
    std::size_t expected = 0;
    std::map<std::string, std::list<std::shared_ptr<std::string>>> groups;
    for (int i = 0; i < 20000; i++) {
        expected += i % 300;
        groups["group " + std::to_string(i % 700)].push_back(std::make_shared<std::string>(i % 300, 'x'));
    }
    std::size_t sum = 0;
    for (const auto &[name, members] : groups) {
        for (const auto &member : members) {
            sum += member->size();
        }
    }
    CHECK(sum == expected);
    std::deque<int> numbers(100000);
    std::iota(numbers.begin(), numbers.end(), 0);
    // Takes its buffer by the nothrow form.
    std::stable_sort(numbers.begin(), numbers.end(), std::greater<>());
    CHECK(numbers.front() == 99999 && numbers.back() == 0);
    std::pmr::unsynchronized_pool_resource pool(std::pmr::new_delete_resource());
    std::pmr::vector<std::pmr::string> words(&pool);
    for (int i = 0; i < 5000; i++) {
        words.emplace_back(static_cast<std::size_t>(i % 200), 'p');
    }
    CHECK(words[199].size() == 199);
    std::exception_ptr carried;
    std::thread([&] {
        try {
            throw std::runtime_error(std::string(1000, 'e'));
        } catch (...) {
            carried = std::current_exception();
        }
    }).join();
    CHECK(throws<std::runtime_error>([&] { std::rethrow_exception(carried); }));
}

}  // namespace

int main()
{
    plain_forms();
    aligned_forms();
    refusals();
    handlers();
    standard_library();
    puts("ok");
}
