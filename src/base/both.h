// Two pieces of work side by side.
#pragma once

#include <future>
#include <type_traits>
#include <utility>

namespace quay {

// The results of both, which share nothing that either of them changes. The second has a thread of
// its own, or waits for the first where no thread is to be had. What either throws is thrown, once
// both have ended.
template <typename First, typename Second>
auto both(First first, Second second)
    -> std::pair<std::invoke_result_t<First>, std::invoke_result_t<Second>> {
  auto other = std::async(std::launch::async | std::launch::deferred, std::move(second));
  auto mine = first();
  return {std::move(mine), other.get()};
}

}  // namespace quay
