// SPDX-License-Identifier: MIT
// The one fault hook, compiled in with -DUNBLUR_TEST_FAULTS=ON:
//   UNBLUR_FAULT=device-lost@SUBMIT | nan@NODE | out-of-memory@ALLOCATION | wrong-kernel@NODE |
//   wrong-weight@NODE
// SUBMIT and ALLOCATION count from 0 within the process ("next": whichever comes); NODE is the name of a
// step's main node. Without the option every function here is empty.
#pragma once

#include <string_view>

namespace unblur::vk {

#ifdef UNBLUR_TEST_FAULTS
void fault_on_allocation();  ///< throws MemoryError at the chosen allocation
void fault_on_submit();      ///< throws ProcessingError (device lost) at the chosen frame submission
/// Whether `kind` ("nan", "wrong-kernel", "wrong-weight") is asked for at this node.
[[nodiscard]] bool fault_at_node(std::string_view kind, std::string_view node);
#else
inline void fault_on_allocation() {}
inline void fault_on_submit() {}
[[nodiscard]] inline bool fault_at_node(std::string_view /*kind*/, std::string_view /*node*/) {
  return false;
}
#endif

}  // namespace unblur::vk
