// thread_local.cpp -- objects of thread storage duration own blocks, and free them when their thread ends: after the
// thread's function, before or after the library's own clean-up. Static objects do so at exit.
#include "check.h"

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Owner {
    std::vector<std::string> words;
    std::map<int, std::unique_ptr<std::string>> index;
    ~Owner()
    {
        for (auto &[key, value] : index) {
            CHECK(*value == std::string(static_cast<size_t>(key), 'x'));
        }
        // A destructor may allocate as well.
        std::vector<std::string> copy(words.rbegin(), words.rend());
        CHECK(copy.size() == words.size());
    }
};

thread_local Owner mine;
Owner everyones;

void use(Owner &owner, int seed)
{
    for (int i = 0; i < 300; i++) {
        owner.words.push_back("word " + std::to_string(i * seed) + std::string(static_cast<size_t>(i), 'w'));
        owner.index[i] = std::make_unique<std::string>(static_cast<size_t>(i), 'x');
    }
}

}  // namespace

int main()
{
    use(everyones, 1);
    for (int round = 0; round < 50; round++) {
        std::vector<std::thread> threads;
        for (int i = 1; i <= 8; i++) {
            threads.emplace_back([i] { use(mine, i); });
        }
        for (auto &thread : threads) {
            thread.join();
        }
    }
    use(mine, 1);
    puts("ok");
}
