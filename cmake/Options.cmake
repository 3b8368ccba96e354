# SPDX-License-Identifier: MIT
# Compile options that every target of the project links privately through `unblur_options`.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

add_library(unblur_options INTERFACE)
target_compile_options(unblur_options INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
                                                -Wno-missing-field-initializers
                                                $<$<CXX_COMPILER_ID:Clang>:-Wsuggest-override>
                                                $<$<BOOL:${UNBLUR_WERROR}>:-Werror>)
if(UNBLUR_TEST_FAULTS)
  target_compile_definitions(unblur_options INTERFACE UNBLUR_TEST_FAULTS=1)
endif()
if(UNBLUR_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    add_compile_options("-fsanitize-ignorelist=${CMAKE_CURRENT_LIST_DIR}/sanitize-ignore.txt")
  endif()
endif()
if(UNBLUR_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
endif()
