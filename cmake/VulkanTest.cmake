# SPDX-License-Identifier: MIT
# Tests that need a Vulkan device run once per driver: lavapipe, and SwiftShader where UNBLUR_DEPS_DIR has
# it (no fp16, subgroups of 4, small limits). Validation is on; tests/vulkan/fixture.cpp turns any message
# into a failure. Each run has a private Mesa shader cache: a cache filled at another vector width
# holds wrong code (docs: vulkan-performance).
#   unblur_vulkan_test(TARGET NAME [LAVAPIPE_ONLY] [STORAGE_BUFFERS] [LONG] [OPTIMISED] [ARGS ...] [ENVIRONMENT A=1 ...])
# makes NAME.lavapipe, NAME.swiftshader and, with STORAGE_BUFFERS, NAME.lavapipe_ssbo. They begin before other
# tests, the LONG ones first, so that no processor waits for the last one. LLVM's optimiser would take half of the time of most of them, so
# lavapipe does without it, but for OPTIMISED ones.
file(GLOB UNBLUR_LAVAPIPE_ICD "/usr/share/vulkan/icd.d/lvp_icd*.json")
file(GLOB UNBLUR_SWIFTSHADER_ICD "${UNBLUR_DEPS_DIR}/swiftshader/x/usr/lib/chromium/vk_swiftshader_icd.json"
     "${UNBLUR_DEPS_DIR}/swiftshader/vk_swiftshader_icd.json")
if(NOT UNBLUR_LAVAPIPE_ICD)
  message(WARNING "lavapipe (mesa-vulkan-drivers) not found: tests of the Vulkan executor are left out")
endif()
if(NOT UNBLUR_SWIFTSHADER_ICD)
  message(STATUS "SwiftShader not found under ${UNBLUR_DEPS_DIR}: Vulkan tests run on lavapipe only")
endif()

function(unblur_add_vulkan_run target name icd)
  list(GET icd 0 icd)
  set(cost 50)
  if(arg_LONG)
    set(cost 200)
  endif()
  set(optimiser "GALLIVM_PERF=nopt")
  if(arg_OPTIMISED)
    unset(optimiser)
  endif()
  add_test(NAME ${name} COMMAND ${target} ${arg_ARGS})
  set_tests_properties(
    ${name} PROPERTIES LABELS "vulkan" TIMEOUT 600 COST ${cost}
    ENVIRONMENT "VK_DRIVER_FILES=${icd};VK_ICD_FILENAMES=${icd};UNBLUR_VALIDATION=1;MESA_SHADER_CACHE_DIR=${CMAKE_BINARY_DIR}/test-cache/mesa;XDG_CACHE_HOME=${CMAKE_BINARY_DIR}/test-cache/${name};${optimiser};${ARGN};${arg_ENVIRONMENT}")
endfunction()

function(unblur_vulkan_test target name)
  cmake_parse_arguments(arg "LAVAPIPE_ONLY;STORAGE_BUFFERS;LONG;OPTIMISED" "" "ARGS;ENVIRONMENT" ${ARGN})
  if(UNBLUR_LAVAPIPE_ICD)
    unblur_add_vulkan_run(${target} ${name}.lavapipe "${UNBLUR_LAVAPIPE_ICD}")
    if(arg_STORAGE_BUFFERS)
      unblur_add_vulkan_run(${target} ${name}.lavapipe_ssbo "${UNBLUR_LAVAPIPE_ICD}" UNBLUR_SSBO=1)
    endif()
  endif()
  if(UNBLUR_SWIFTSHADER_ICD AND NOT arg_LAVAPIPE_ONLY)
    unblur_add_vulkan_run(${target} ${name}.swiftshader "${UNBLUR_SWIFTSHADER_ICD}")
  endif()
endfunction()
