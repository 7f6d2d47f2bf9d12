#pragma once

namespace relay::test {

/// This program, and the broker beside it, were built with a sanitizer: it has to be the first
/// library of its program, keeps memory that was freed, and takes many times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace relay::test
