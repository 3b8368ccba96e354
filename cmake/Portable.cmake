# SPDX-License-Identifier: MIT
# UNBLUR_PORTABLE: programs for GPU machines without our packages (docs/gpu-round.md). Libraries are static or headers, and
# no file holds a search path; scripts/check_portable.sh looks at the result. Target `round` and the install component of
# the same name are what scripts/gpu_round.py runs; scripts/gpu_package.sh packs them.
set(CMAKE_SKIP_RPATH ON)

# fmt, spdlog and toml++ by their headers alone: what those leave to a library is compiled here, once, not in every source that
# includes them. The definitions are those of Debian's shared libraries, so that objects are the other presets' and come from
# their compiler cache.
add_library(unblur_portable STATIC cmake/portable/fmt.cpp cmake/portable/spdlog.cpp cmake/portable/toml.cpp)
set_target_properties(unblur_portable PROPERTIES UNITY_BUILD OFF)
target_compile_definitions(unblur_portable PRIVATE FMT_SHARED SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL SPDLOG_SHARED_LIB
                                                  TOML_HEADER_ONLY=0 TOML_SHARED_LIB=1)
target_link_libraries(unblur_portable PRIVATE Threads::Threads)
# Under the names by which the rest of the build links them.
add_library(fmt::fmt INTERFACE IMPORTED)
target_compile_definitions(fmt::fmt INTERFACE FMT_SHARED)
target_link_libraries(fmt::fmt INTERFACE $<LINK_ONLY:unblur_portable>)
add_library(spdlog::spdlog INTERFACE IMPORTED)
target_compile_definitions(spdlog::spdlog INTERFACE SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL SPDLOG_SHARED_LIB)
target_link_libraries(spdlog::spdlog INTERFACE fmt::fmt Threads::Threads)
add_library(tomlplusplus::tomlplusplus INTERFACE IMPORTED)
target_compile_definitions(tomlplusplus::tomlplusplus INTERFACE TOML_HEADER_ONLY=0 TOML_SHARED_LIB=1)
target_link_libraries(tomlplusplus::tomlplusplus INTERFACE $<LINK_ONLY:unblur_portable>)

# Read by FindZLIB, FindPNG and runtime/media.
find_library(ZLIB_LIBRARY NAMES libz.a REQUIRED)
find_library(PNG_LIBRARY NAMES libpng16.a libpng.a REQUIRED)
find_library(UNBLUR_TURBOJPEG NAMES libturbojpeg.a REQUIRED)

# Called when all targets exist.
function(unblur_add_round)
  if(NOT UNBLUR_WITH_TORCH OR NOT UNBLUR_WITH_VULKAN)
    message(FATAL_ERROR "UNBLUR_PORTABLE: a round compares Vulkan with LibTorch and needs both")
  endif()
  set(programs unblur unblur-convert)
  set(tests device_test selftest_test colour_test operators_vulkan_test convolution_test networks_test session_test tune_test
            motion_etr_test pvdnet_test unblur_bench)
  foreach(target IN LISTS programs tests)
    target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc)
  endforeach()
  # Two C++ runtimes in one process would not do: what links LibTorch, or loads it as unblur-compare does, takes the shared one.
  list(APPEND programs unblur-compare unblur-train)
  list(APPEND tests cuda_device_test operators_torch_test)
  set(libraries unblur_torch)
  if(UNBLUR_CUDA)
    list(APPEND libraries unblur_cuda)
  endif()
  add_custom_target(round DEPENDS ${programs} ${tests} ${libraries})

  install(TARGETS ${programs} RUNTIME DESTINATION bin COMPONENT round)
  install(TARGETS ${tests} RUNTIME DESTINATION tests COMPONENT round)
  install(TARGETS ${libraries} LIBRARY DESTINATION lib COMPONENT round)
  install(DIRECTORY models DESTINATION share/unblur COMPONENT round)
  install(FILES training/configs/rt.toml DESTINATION data COMPONENT round)
  install(FILES LICENSE DESTINATION . COMPONENT round)
  install(PROGRAMS scripts/gpu_round.py DESTINATION . COMPONENT round)
endfunction()
